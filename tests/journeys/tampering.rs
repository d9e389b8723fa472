//! The outside reader, on whose word every journey rests, notices what a bad bucket could do.

use std::fs;
use std::path::Path;

use proto::{Feed, Kind, ReportType};
use tests::outside_reader::OutsideReader;
use tests::system::System;

/// One way to spoil a public tree, given the paths of its two bundles.
type Spoil = fn(&Path, &Feed, &[String]) -> std::io::Result<()>;

/// Ways to spoil a tree, and what is then said of it.
const WAYS: [(&str, Spoil); 6] = [
    ("another hash than listed", |tree, _, paths| flip_a_byte(&tree.join(&paths[1]))),
    ("good signature", |tree, feed, _| flip_a_byte(&tree.join(format!("{feed}/manifest")))),
    (".zip", |tree, _, paths| fs::remove_file(tree.join(&paths[0]))),
    ("differ", |tree, feed, paths| fs::write(tree.join(feed.to_string()).join("index.txt"), &paths[0])),
    ("published but not listed", |tree, feed, _| fs::write(tree.join(feed.to_string()).join("left-over"), b"")),
    // Two good bundles, each under the other's name.
    ("than listed", |tree, _, paths| {
        let first = fs::read(tree.join(&paths[0]))?;
        fs::copy(tree.join(&paths[1]), tree.join(&paths[0]))?;
        fs::write(tree.join(&paths[1]), first)
    }),
];

fn flip_a_byte(path: &Path) -> std::io::Result<()> {
    let mut bytes = fs::read(path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes)
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?
        } else {
            fs::copy(entry.path(), target).map(drop)?
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outside_reader_notices_every_kind_of_tampering() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    for person in 1..=2 {
        let mut phone = system.phone(person, &authority)?;
        let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
        let keys = phone.past_keys(14).to_vec();
        phone.report_keys(&code, &keys).await?;
        system.export().await?;
    }
    let feed = authority.feed(Kind::Gaen);
    let checked = system.outside_reader().check(&feed)?;
    let paths: Vec<String> = checked.manifest.bundles.iter().map(|bundle| bundle.path.clone()).collect();
    assert_eq!(paths.len(), 2);
    assert!(checked.ensure_exactly(checked.contents().into_iter().skip(1)).is_err());
    assert!(checked.ensure_exactly([checked.contents(), vec![vec![0; 16]]].concat()).is_err());

    for (said, spoil) in WAYS {
        let copy = tempfile::tempdir()?;
        copy_tree(&system.tree(), copy.path())?;
        let reader = OutsideReader { tree: copy.path().to_owned(), keys: system.keys_directory() };
        reader.check(&feed)?;
        spoil(copy.path(), &feed, &paths)?;
        let complaint = reader.check(&feed).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(complaint.contains(said), "{said}: {complaint}");
    }
    Ok(())
}
