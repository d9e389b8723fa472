//! `deploy/runbook.md`: what it says to type is typed, in the order in which it stands, and does what it says.

use std::collections::BTreeSet;
use std::fs;

use cluster::{Cluster, Options};

use crate::moto::Moto;
use crate::page::{Page, root};
use crate::stand::{Stand, free_port};

fn page() -> Page {
    Page::read("deploy/runbook.md")
}

/// A place with the settings that both ways of installing share. Nobody can wait for a thousand people here.
fn stand() -> Stand {
    let mut stand = Stand::new();
    for (name, directory) in [("ETC", "etc"), ("BACKUP", "backup"), ("SAFE", "safe")] {
        stand.set(name, stand.path(directory));
    }
    for name in ["VERIFICATION_ADDRESS", "SERVER_ADDRESS", "VERIFICATION_METRICS", "SERVER_METRICS", "EXPORTER_METRICS"]
    {
        stand.set(name, format!("127.0.0.1:{}", free_port()));
    }
    stand.set("MINIMUM", "1");
    stand.open_new_shells();
    stand.fill("KID=...", BOOK_OF_KEYS);
    stand.fill("STOLEN=...", BOOK_OF_API_KEYS);
    stand
}

/// What the book says of what was stolen: the first of its kind that there was.
const BOOK_OF_KEYS: &str = r#"[ -e "$SAID/kid" ] || verification --json keys list --authority "$AUTHORITY" | jq -r '.[] | select(.state == "signing") | .kid' > "$SAID/kid"; KID=$(cat "$SAID/kid")"#;
const BOOK_OF_API_KEYS: &str = r#"[ -e "$SAID/stolen" ] || verification --json api-key list --authority "$AUTHORITY" | jq -r '[.[] | select(.kind == "admin")][0].id' > "$SAID/stolen"; STOLEN=$(cat "$SAID/stolen")"#;

#[test]
fn the_runbook_of_one_machine_does_what_it_says_from_installation_to_the_end() {
    let mut stand = stand();
    stand.set("CODES", stand.path("codes/codes.db"));
    stand.set("KEYS", stand.path("keys/keys.db"));
    stand.set("CDN", stand.path("cdn"));
    stand.set("CDN_TWO", stand.path("cdn-two"));
    stand.run(&page(), &["sh"]);
}

#[test]
fn the_runbook_of_postgresql_and_s3_does_what_it_says_from_installation_to_restore() {
    let cluster =
        Cluster::start(&Options::default()).expect("PostgreSQL; apt-get install postgresql (tests/run does it)");
    let socket = cluster.socket().expect("a private cluster");
    let moto = Moto::start();
    let mut stand = stand();
    // Nothing was stolen before the copy here; what is denied need not be known.
    stand.fill("KID=...", "KID=stolen-after-the-copy");
    stand.set("PGHOST", socket.parent().expect("a directory").display().to_string());
    stand.set("PGUSER", "postgres");
    let of_bucket = |name: &str| {
        moto.make_bucket(name);
        format!("s3://{name}/live?endpoint=http://{}&region=eu-north-1", moto.address)
    };
    stand.set("S3", of_bucket("one"));
    stand.set("S3_TWO", of_bucket("two"));
    stand.set("S3_PUBLIC", format!("http://{}/one/live", moto.address));
    // There is none, so it is down from the beginning.
    stand.set("STANDBY", stand.path("nobody"));
    stand.stand_in(include_str!("stand_ins_postgres.sh"));
    stand.run(&page(), &["sh postgres"]);
}

#[test]
fn few_commands_of_the_runbook_are_not_run() {
    let page = page();
    let blocks = page.blocks();
    let of =
        |info: &str| blocks.iter().filter(|block| block.info == info).map(|block| block.lines.len()).sum::<usize>();
    let unknown: Vec<_> = blocks.iter().map(|block| block.info).collect();
    let known = ["sh settings", "sh", "sh postgres", "sh elsewhere"];
    assert!(unknown.iter().all(|info| known.contains(info)), "{unknown:?}");
    assert!(of("sh elsewhere") * 40 < of("sh") + of("sh postgres"));
}

/// What writes files that a unit's user has to read or write, on one machine, and on several.
fn makes_files(line: &str, info: &str) -> bool {
    let everywhere = [" generate ", "secret create", " rotate", "cp \"$BACKUP"];
    let here = ["exporter once", "exporter index rebuild"];
    everywhere.iter().any(|made| line.contains(made)) || info == "sh" && here.iter().any(|made| line.contains(made))
}

#[test]
fn what_root_makes_is_handed_over_before_anybody_needs_it() {
    let page = page();
    for block in page.blocks().iter().filter(|block| ["sh", "sh postgres"].contains(&block.info)) {
        let mut waiting = None;
        for (number, line) in (block.line..).zip(&block.lines) {
            match *line {
                "hand_over" => waiting = None,
                line if makes_files(line, block.info) => waiting = Some(number),
                _ => {}
            }
            let starts = ["systemctl start", "systemctl restart", "systemctl enable"];
            assert!(waiting.is_none() || !starts.iter().any(|verb| line.starts_with(verb)), "line {number}");
        }
        assert!(waiting.is_none(), "line {waiting:?} makes what is not handed over");
    }
    let owners = fs::read_to_string(root().join("deploy/systemd/tmpfiles.conf")).expect("whose files are");
    let settings = page.blocks().into_iter().find(|block| block.info == "sh settings").expect("settings");
    let setting = |name: &str| {
        let line = settings.lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.and_then(|value| value.split_whitespace().next()).expect("a value").to_owned()
    };
    let parent = |file: String| file.rsplit_once('/').expect("a path").0.to_owned();
    let trees = [parent(setting("CODES")), parent(setting("KEYS")), setting("CDN"), setting("CDN_TWO")];
    for tree in trees {
        assert!(owners.contains(&format!("\nZ {tree} - pratique-")), "{tree} stays root's");
    }
    assert!(owners.contains("\nz /etc/pratique/*.ohttp-keys 0644 root root\n"));
}

#[test]
fn the_units_and_directories_of_the_runbook_are_those_of_the_samples() {
    let text = page().text;
    let typed = text.lines().filter_map(|line| line.strip_prefix("systemctl ")).flat_map(str::split_whitespace);
    let units: BTreeSet<&str> = typed.filter(|word| word.starts_with("pratique-")).collect();
    assert_eq!(units.len(), 3, "{units:?}");
    for unit in units {
        assert!(root().join(format!("deploy/systemd/{unit}.service")).exists(), "there is no unit {unit}");
    }
    let made = fs::read_to_string(root().join("deploy/systemd/tmpfiles.conf")).expect("the directories of the units");
    for directory in
        ["/etc/pratique", "/etc/pratique/verification", "/etc/pratique/server", "/etc/pratique/bundle-keys"]
    {
        assert!(made.contains(&format!("d {directory} ")), "{directory}");
    }
}

#[test]
fn every_link_of_the_pages_for_operators_and_apps_leads_somewhere() {
    for path in ["deploy/runbook.md", "docs/apps.md", "docs/exporter.md", "docs/key-server.md"] {
        let page = Page::read(path);
        let from = root().join(path);
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { from.clone() } else { from.with_file_name(file) };
            let text = fs::read_to_string(&target).unwrap_or_else(|why| panic!("{path}: {link}: {why}"));
            let target = Page { path: "the page that is linked to", text };
            assert!(anchor.is_empty() || target.anchors().contains(anchor), "{path}: there is no {link}");
        }
    }
}
