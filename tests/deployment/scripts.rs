//! The scripts that units and certbot call: `copy-sqlite` of `deploy/systemd`, and `tls-renewed` of `deploy/nginx`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, ensure};

use crate::programs::{complaint, repository};
use crate::tools::run;

/// More commits than there is time for while a copy is made, so that whoever waits for the last of them is found out.
const COMMITS: usize = 400_000;

/// A database, and where copies of it go.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// With a database of so many rows of 100 KB.
    fn with(rows: u32) -> anyhow::Result<Self> {
        let place = Self { directory: tempfile::tempdir()? };
        fs::create_dir(place.path("from"))?;
        fs::create_dir(place.path("to"))?;
        place.sql("PRAGMA journal_mode = wal; CREATE TABLE filled (bytes BLOB); CREATE TABLE committed (number INTEGER PRIMARY KEY)")?;
        let rows = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})");
        place.sql(&format!("INSERT INTO filled {rows} SELECT zeroblob(100000) FROM n"))?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sql(&self, statements: &str) -> anyhow::Result<String> {
        sql(&self.path("from/keys.db"), statements)
    }

    fn copy(&self) -> anyhow::Result<Output> {
        let mut command = Command::new(repository("deploy/systemd/copy-sqlite"));
        command.arg(self.path("from")).arg(self.path("to"));
        command.output().context("sqlite3; apt-get install sqlite3 (tests/run does it)")
    }

    /// The names of the copies, in their order.
    fn copies(&self) -> anyhow::Result<Vec<String>> {
        let files = fs::read_dir(self.path("to"))?.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
        let mut names = files.collect::<anyhow::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

fn sql(database: &Path, statements: &str) -> anyhow::Result<String> {
    let output = Command::new("sqlite3").args(["-cmd", ".timeout 60000"]).arg(database).arg(statements).output()?;
    ensure!(output.status.success(), "{}", complaint(&output));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

#[test]
fn a_copy_is_whole_and_done_while_others_commit() -> anyhow::Result<()> {
    // Large enough that somebody commits while it is read, however the machine shares its time.
    let place = Place::with(800)?;
    let mut command = Command::new("sqlite3");
    let mut writer = command.arg(place.path("from/keys.db")).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut typed = writer.stdin.take().context("a pipe")?;
    let typing = std::thread::spawn(move || {
        // Until it is killed.
        let _ = typed.write_all(b".timeout 60000\nPRAGMA synchronous = off;\n");
        (0..COMMITS).all(|_| typed.write_all(b"INSERT INTO committed DEFAULT VALUES;\n").is_ok());
    });
    while place.sql("SELECT count(*) FROM committed")? == "0" {
        std::thread::yield_now();
    }
    let copied = place.copy()?;
    let goes_on = writer.try_wait()?.is_none();
    writer.kill()?;
    writer.wait()?;
    ensure!(typing.join().is_ok(), "nobody types any more");
    assert!(copied.status.success(), "{}", complaint(&copied));
    assert!(goes_on, "the copy waited until nobody wrote any more");

    let [copy] = &place.copies()?[..] else { anyhow::bail!("{:?}", place.copies()) };
    let path = place.path("to").join(copy);
    assert_eq!(String::from_utf8(copied.stdout)?.trim_end(), path.display().to_string());
    let digits = copy.strip_prefix("keys-").and_then(|rest| rest.strip_suffix("Z.db")).context("a moment")?;
    assert!(digits.len() == 17 && digits.starts_with("20"), "{copy}");
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    // Rows are numbered without a gap, so a whole copy of one moment holds all of them up to its last.
    assert_eq!(sql(&path, "PRAGMA integrity_check; SELECT count(*) FROM filled")?, "ok\n800");
    assert_eq!(sql(&path, "SELECT count(*) > 0 AND count(*) = max(number) FROM committed")?, "1");
    Ok(())
}

#[test]
fn old_copies_go_when_there_is_a_good_one_and_not_before() -> anyhow::Result<()> {
    let place = Place::with(20)?;
    let old = |name: &str, days: &str| {
        run(Command::new("touch").args(["-d", &format!("{days} days ago")]).arg(place.path("to").join(name)));
    };
    old("keys-2020-01-01T000000Z.db", "16");
    old("keys-2020-01-10T000000Z.db", "13");
    old("keys-2020-01-15T000000Z.part", "1");

    let whole = fs::read(place.path("from/keys.db"))?;
    let mut broken = whole.clone();
    broken[200_000..1_000_000].fill(0xa5);
    fs::write(place.path("from/keys.db"), broken)?;
    assert!(!place.copy()?.status.success());
    let kept = place.copies()?;
    assert!(kept[..2] == ["keys-2020-01-01T000000Z.db", "keys-2020-01-10T000000Z.db"], "{kept:?}");
    assert!(!kept[2..].iter().any(|name| name.ends_with(".db")), "{kept:?}");

    fs::write(place.path("from/keys.db"), whole)?;
    let copied = place.copy()?;
    assert!(copied.status.success(), "{}", complaint(&copied));
    let kept = place.copies()?;
    assert!(kept.len() == 2 && kept[0] == "keys-2020-01-10T000000Z.db" && kept[1].ends_with("Z.db"), "{kept:?}");
    Ok(())
}

#[test]
fn a_renewed_certificate_is_put_where_nginx_looks_and_nginx_reads_it() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    fs::write(path("fullchain.pem"), "chain")?;
    fs::write(path("privkey.pem"), "key")?;
    fs::write(path("systemctl"), format!("#!/bin/sh\necho \"$@\" >> {}\n", path("asked").display()))?;
    fs::set_permissions(path("systemctl"), fs::Permissions::from_mode(0o755))?;
    let mut hook = Command::new(repository("deploy/nginx/tls-renewed"));
    hook.env("PATH", format!("{}:/usr/bin:/bin", directory.path().display())).env("TLS", path("tls"));
    hook.env("RENEWED_LINEAGE", directory.path()).env("RENEWED_DOMAINS", "cdn.example.org cache.example.org");
    // The second time, it takes the place of the first.
    run(&mut hook);
    fs::write(path("privkey.pem"), "next")?;
    run(&mut hook);
    assert_eq!(fs::read_to_string(path("tls/cdn.example.org.pem"))?, "chain");
    assert_eq!(fs::read_to_string(path("tls/cdn.example.org.key"))?, "next");
    assert_eq!(fs::metadata(path("tls/cdn.example.org.key"))?.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(path("asked"))?, "try-reload-or-restart nginx\n".repeat(2));
    Ok(())
}
