//! `deploy/runbook.md`: what it says to type is typed, in the order in which it stands, and does what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cluster::{Cluster, Options};
use stack::ObjectStore;

use crate::edge;
use crate::page::{Page, root};
use crate::stand::Stand;

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
        stand.set(name, format!("127.0.0.1:{}", cluster::free_port()));
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
    stand.run(&page(), &["sh", "sh sqlite"]);
}

#[test]
fn the_runbook_of_postgresql_and_s3_does_what_it_says_from_installation_to_restore() {
    let cluster =
        Cluster::start(&Options::default()).expect("PostgreSQL; apt-get install postgresql (tests/run does it)");
    ask_for_passwords(&cluster);
    let standby = cluster.standby(&Options::default()).expect("a standby");
    let store = ObjectStore::start().expect("moto; tests/run installs it");
    let mut stand = stand();
    stand.set("PGHOST", directory(&cluster).display().to_string());
    stand.set("STANDBY", directory(&standby).display().to_string());
    stand.set("PGUSER", "postgres");
    let of_bucket = |name: &str| {
        store.create_bucket(name).expect("a bucket");
        format!("s3://{name}/live?endpoint=http://{}&region=eu-north-1", store.address())
    };
    stand.set("S3", of_bucket("one"));
    stand.set("S3_TWO", of_bucket("two"));
    stand.set("PUBLIC", format!("http://{}/one/live", store.address()));
    stand.set("PUBLIC_TWO", format!("http://{}/two/live", store.address()));
    let nginx = stand.path("nginx");
    fs::create_dir(&nginx).expect("created");
    edge::copy_samples(Path::new(&nginx)).expect("the configuration of nginx");
    stand.set("NGINX", nginx);
    stand.stand_in(include_str!("stand_ins_postgres.sh"));
    stand.run(&page(), &["sh", "sh postgres"]);

    let drawn = fs::read_dir(stand.path("etc/database")).expect("passwords");
    let drawn: Vec<_> = drawn.map(|file| fs::read(file.expect("a file").path()).expect("a password")).collect();
    let different: BTreeSet<_> = drawn.iter().collect();
    assert!(drawn.len() == 6 && different.len() == 6, "{} passwords, {} different ones", drawn.len(), different.len());
}

/// Where a cluster has its socket, its log and its data.
fn directory(cluster: &Cluster) -> PathBuf {
    cluster.socket().and_then(|socket| Some(socket.parent()?.to_owned())).expect("a private cluster")
}

/// Lets every role but the superuser show its password, as a server does that is reached over a network.
fn ask_for_passwords(cluster: &Cluster) {
    let rules = "local all postgres trust\nlocal replication postgres trust\nlocal all all scram-sha-256\n";
    fs::write(directory(cluster).join("data/pg_hba.conf"), rules).expect("written");
    cluster.psql("postgres", "SELECT pg_reload_conf();").expect("it reads them");
}

#[test]
fn few_commands_of_the_runbook_are_not_run() {
    let page = page();
    let blocks = page.blocks();
    let of =
        |info: &str| blocks.iter().filter(|block| block.info == info).map(|block| block.lines.len()).sum::<usize>();
    let unknown: Vec<_> = blocks.iter().map(|block| block.info).collect();
    let known = ["sh settings", "sh", "sh sqlite", "sh postgres", "sh elsewhere"];
    assert!(unknown.iter().all(|info| known.contains(info)), "{unknown:?}");
    assert!(of("sh elsewhere") * 20 < of("sh") + of("sh sqlite") + of("sh postgres"));
}

/// Readers of the page do not see what stands behind the fence.
#[test]
fn a_block_for_one_kind_of_storage_says_so_above() {
    let page = page();
    let lines: Vec<&str> = page.text.lines().collect();
    for block in page.blocks().iter().filter(|block| ["sh sqlite", "sh postgres"].contains(&block.info)) {
        let above = lines[..block.line - 1].iter().rev();
        let heading = above.clone().find(|line| line.starts_with("##")).unwrap_or(&"");
        let told: Vec<&str> =
            above.skip(1).skip_while(|line| line.is_empty()).copied().take_while(|line| !line.is_empty()).collect();
        let told = format!("{heading} {}", told.join(" "));
        let names: &[&str] = match block.info {
            "sh sqlite" => &["SQLite", "irector"],
            _ => &["PostgreSQL", "object store", "primary", "standby"],
        };
        assert!(!told.contains("```") && names.iter().any(|name| told.contains(name)), "line {}: {told}", block.line);
    }
}

/// What writes files that a unit's user has to read or write, on one machine, and on several.
fn makes_files(line: &str, info: &str) -> bool {
    let everywhere = [" generate ", "secret create", " rotate", "cp \"$(last_copy", "> \"$ETC/database/server\""];
    let here = ["exporter once", "exporter index rebuild"];
    let is_here = ["sh", "sh sqlite"].contains(&info);
    everywhere.iter().any(|made| line.contains(made)) || is_here && here.iter().any(|made| line.contains(made))
}

#[test]
fn what_root_makes_is_handed_over_before_anybody_needs_it() {
    let page = page();
    for block in page.blocks().iter().filter(|block| ["sh", "sh sqlite", "sh postgres"].contains(&block.info)) {
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
    assert!(owners.contains(&format!("\nd {}/keys 0700 pratique-keys pratique-keys\n", setting("BACKUP"))));
    assert!(owners.contains("\nz /etc/pratique/*.ohttp-keys 0644 root root\n"));
}

#[test]
fn the_units_and_directories_of_the_runbook_are_those_of_the_samples() {
    let text = page().text;
    let typed = text.lines().filter_map(|line| line.strip_prefix("systemctl ")).flat_map(str::split_whitespace);
    let units: BTreeSet<&str> = typed.filter(|word| word.starts_with("pratique-")).collect();
    assert_eq!(units.len(), 7, "{units:?}");
    for unit in units {
        let file = if unit.ends_with(".timer") { unit.to_owned() } else { format!("{unit}.service") };
        let file = file.replace("@keys", "@").replace("@verification", "@");
        assert!(root().join("deploy/systemd").join(&file).exists(), "there is no unit {file}");
    }
    let made = fs::read_to_string(root().join("deploy/systemd/tmpfiles.conf")).expect("the directories of the units");
    for directory in ["", "/verification", "/server", "/exporter", "/bundle-keys", "/database", "/tls"] {
        assert!(made.contains(&format!("d /etc/pratique{directory} ")), "{directory}");
    }
}

#[test]
fn every_link_of_the_pages_for_operators_and_apps_leads_somewhere() {
    for path in
        ["deploy/runbook.md", "docs/apps.md", "docs/exporter.md", "docs/key-server.md", "deploy/kubernetes/README.md"]
    {
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
