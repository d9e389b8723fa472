//! Wrong settings: each of them stops its program at the start, and the program says which it is and what is allowed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::programs::{PROGRAMS, Variable, complaint, ended, program, stopped, variables, variables_of};

/// The end of a variable's name, values that it must not have, and a part of what is said about them. The first row that fits counts.
const WRONG: &[(&str, &[&str], &str)] = &[
    ("_DATABASE_URL", &["mysql://db/keys", "postgres://u@db/k?sslmode=on", ""], "must "),
    ("_LISTEN", &["8080", "localhost:8080", "127.0.0.1:65536"], "socket address"),
    ("_TRUSTED_PROXIES", &["-1", "one"], "How many reverse proxies"),
    ("_PROXY_NETWORKS", &["10.0.0.0/33", "everywhere"], "must be an address or ADDRESS/BITS"),
    ("_RELAYS", &["203.0.113.0", "West=203.0.113.0"], "NAME=CIDR"),
    ("_MAINTENANCE", &["soon"], "true, false"),
    ("_BATCH_LIMIT", &["-1", "ten", "0", "1001"], "1 to 1000"),
    ("SERVER_STATS_AUDIENCE", &[""], "`aud` of the tokens"),
    ("_WITHHOLD_BELOW", &["15", "-10"], "multiple of 10"),
    ("VERIFICATION_HOURLY_GUESSES_PER_PREFIX", &["0", "100000001", "x"], "At least 1"),
    ("VERIFICATION_HOURLY_GUESSES_PER_AUTHORITY", &["0"], "1..=100000000"),
    ("VERIFICATION_HOURLY_GUESSES_IN_ALL", &["0"], "1..=100000000"),
    ("VERIFICATION_HOURLY_GUESSES_PER_RELAY", &["0"], "1..=100000000"),
    ("_PER_MINUTE", &["0", "100000001"], "1..=100000000"),
    ("_REQUESTS_AT_ONCE", &["0"], "1..=100000000"),
    ("_REQUESTS_WAITING", &["0"], "1..=100000000"),
    ("_CONNECTIONS", &["0"], "1..=100000000"),
    ("_TICK_MS", &["10001", "-1", "500ms"], "0 to 10000"),
    ("_CHAFF_PER_SECOND", &["-1"], "chaff requests a second"),
    ("_JWKS_MINUTES", &["0", "1441"], "1 to 1440"),
    ("_PROOF_MEMORY_KIB", &["7", "65537"], "8 to 65536"),
    ("_PROOF_PASSES", &["0", "9"], "1 to 8"),
    ("_PROOF_BITS", &["21"], "0 to 20"),
    ("EXPORTER_BUCKETS", &["/srv/cdn", "main=ftp://cdn", "main=s3://x", "main=s3://me:hunter2@keys"], "NAME=URL"),
    ("EXPORTER_KEY_IDS", &["NO", "no=242"], "REGION=ID[:VERSION]"),
    ("EXPORTER_CO_SIGN", &["NO", "NO-gaen"], "REGION[-USE]=VERSION"),
    ("EXPORTER_GATEWAYS", &["server", "phones=x"], "SERVICE=KEYS"),
    ("EXPORTER_COEPI", &["NO/gaen", "NO"], "TCN feed"),
    ("EXPORTER_MINIMUM_REVISED", &["0", "1000001"], "1 to 1000000"),
    ("EXPORTER_MINIMUM_KEYS", &["0", "1000001"], "1 to 1000000"),
    ("EXPORTER_MINIMUM_REPORTS", &["0"], "1 to 1000000"),
    ("EXPORTER_PERIOD_GAEN", &["0s", "25h", "4"], "1s to 1d"),
    ("EXPORTER_PERIOD_TCN", &["0s"], "1s to 1d"),
    ("_HOLD", &["15d", "4", "-1h"], "0s to 14d"),
    ("EXPORTER_JITTER", &["101", "-1"], "0 to 100"),
    ("EXPORTER_POLICIES", &["NO/gaen hold=4", "NO/gaen minimum=0", "gaen minimum=5"], "NAME=VALUE"),
    ("EXPORTER_READ_WAIT", &["11m", "10"], "0s to 10m"),
    ("_DRAIN_SECONDS", &["-1", "601", "5s"], "0 to 600"),
    ("_LOG_FORMAT", &["xml"], "text or json"),
    ("_TEST_DEPLOYMENT", &["https://cdn.example.org", "cdn.example.org:65536"], "HOST"),
    ("_PORT", &["65536", "-1", "http"], "port"),
    ("PRATIQUE_EXPORT_PERIOD", &["0", "86401"], "1..=86400"),
    ("PRATIQUE_MINIMUM_KEYS", &["0"], "GAEN feed"),
    ("PRATIQUE_MINIMUM_REPORTS", &["0"], "TCN feed"),
    ("PRATIQUE_REGION", &["norway", "NINE-CHARS"], "1 to 8 characters"),
    ("PRATIQUE_AUTHORITY", &["Demo"], "lower case"),
];

/// What any text may stand in: names, and paths, of which `what_cannot_be_read_is_named` tells more.
const FREE: &[&str] = &["_FILE", "_DIR", "SERVER_SELF_REPORT_AUTHORITY"];

#[test]
fn a_wrong_setting_is_refused_with_its_name_and_what_is_allowed() {
    for name in PROGRAMS {
        let (command, code) = if name == "exporter" { ("run", 64) } else { ("serve", 2) };
        let known = variables_of(name, &[command]);
        assert_eq!(known.keys().collect::<Vec<_>>(), variables(name).keys().collect::<Vec<_>>(), "{name} {command}");
        for (variable, Variable { flag, .. }) in &known {
            if FREE.iter().any(|end| variable.ends_with(end)) {
                continue;
            }
            let row = WRONG.iter().find(|(end, ..)| variable.ends_with(end));
            let (_, values, allowed) = row.unwrap_or_else(|| panic!("{variable}: which values must it not have?"));
            for value in *values {
                let mut run = program(name);
                run.envs(needed(name)).env(variable, value).arg(command);
                let output = ended(&run);
                let said = complaint(&output);
                assert_eq!(output.status.code(), Some(code), "{variable}={value}: {said}");
                let names = [flag.as_str(), variable.as_str(), allowed];
                assert!(names.iter().all(|part| said.contains(part)), "{variable}={value} is told as: {said}");
                assert!(!said.contains("hunter2"), "{said}");
            }
        }
    }
}

/// The program, a command of it, what was typed, and what was meant.
const MISTYPED: &[(&str, &[&str], &str, &str)] = &[
    ("verification", &["serve"], "VERIFICATION_LISTN", "VERIFICATION_LISTEN"),
    ("verification", &["migrate"], "VERIFICATION_SIGNING_KEYS_DIR", "VERIFICATION_SIGNING_KEY_DIR"),
    ("server", &["serve"], "SERVER_LISTN", "SERVER_LISTEN"),
    ("server", &["migrate"], "SERVER_REVISION_KEYFILE", "SERVER_REVISION_KEY_FILE"),
    ("exporter", &["run"], "EXPORTER_KEY_ID", "EXPORTER_KEY_IDS"),
    ("exporter", &["status"], "EXPORTER_POLICY", "EXPORTER_POLICIES"),
    ("pratique", &["serve"], "PRATIQUE_SEVER_PORT", "PRATIQUE_SERVER_PORT"),
    ("pratique", &["demo"], "PRATIQUE_TEST_DEPLOYMNT", "PRATIQUE_TEST_DEPLOYMENT"),
];

#[test]
fn a_mistyped_variable_stops_the_program_which_names_it_and_what_was_meant() {
    for (name, command, typed, meant) in MISTYPED {
        let usage = if *name == "exporter" { 64 } else { 2 };
        let mut run = program(name);
        run.envs(needed(name)).env(typed, "hunter2").args(*command);
        let output = ended(&run);
        let said = complaint(&output);
        assert_eq!(output.status.code(), Some(usage), "{typed}: {said}");
        assert!(said.contains(&format!("{typed} ")) && said.contains(&format!("{meant} is one")), "{typed}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
        let mut help = program(name);
        help.env(typed, "hunter2").args(*command).arg("--help");
        assert!(ended(&help).status.success(), "{typed} does not keep anybody from reading the help");
    }
    // What is missing may be what was mistyped.
    let mut run = program("server");
    run.env("SERVER_DATABASE_ULR", "sqlite:keys.db").arg("serve");
    let said = complaint(&ended(&run));
    assert!(said.contains("--database-url <URL>") && said.contains("SERVER_DATABASE_ULR in the"), "{said}");
}

#[test]
fn what_container_platforms_and_tests_set_is_no_mistyped_setting() {
    for name in PROGRAMS {
        let usage = if name == "exporter" { 64 } else { 2 };
        let mut run = program(name);
        for (end, value) in [
            ("SERVICE_HOST", "10.0.0.7"),
            ("SERVICE_PORT", "80"),
            ("SERVICE_PORT_HTTP", "80"),
            ("PORT", "tcp://10.0.0.7:80"),
            ("PORT_80_TCP_ADDR", "10.0.0.7"),
            ("METRICS_SERVICE_HOST", "10.0.0.8"),
            ("METRICS_PORT_9463_TCP", "tcp://10.0.0.8:9463"),
        ] {
            run.env(format!("{}_{end}", name.to_uppercase()), value);
        }
        run.env("PRATIQUE_TEST_DATABASE_URL", "postgres://u@h/d").env("VERIFICATION_SIGNING_KEYS_EXAMPLE", "");
        run.envs(needed(name)).arg(if name == "exporter" { "run" } else { "serve" });
        let output = ended(&run);
        assert_ne!(output.status.code(), Some(usage), "{name}: {}", complaint(&output));
    }
}

#[test]
fn a_filter_of_the_log_that_silences_the_program_is_refused() {
    for name in PROGRAMS {
        let (command, usage) = if name == "exporter" { ("run", 64) } else { ("serve", 2) };
        for filter in ["inof", "server=verbose"] {
            let mut run = program(name);
            run.envs(needed(name)).env("RUST_LOG", filter).arg(command);
            let output = ended(&run);
            assert_eq!(output.status.code(), Some(usage), "{name} {filter}: {}", complaint(&output));
            assert!(complaint(&output).contains("RUST_LOG: must be a level"), "{}", complaint(&output));
        }
    }
}

#[test]
fn a_setting_that_is_missing_is_named() {
    for (name, command) in [("verification", "serve"), ("server", "serve"), ("exporter", "run")] {
        for (variable, _) in needed(name) {
            let mut run = program(name);
            run.envs(needed(name).into_iter().filter(|(other, _)| *other != variable)).arg(command);
            let output = ended(&run);
            assert!([Some(2), Some(64)].contains(&output.status.code()), "{variable}: {}", complaint(&output));
            assert!(complaint(&output).contains(variable), "{variable}: {}", complaint(&output));
        }
    }
}

/// What a program cannot start without; nothing of it is ever reached.
fn needed(name: &str) -> Vec<(&'static str, &'static str)> {
    let nowhere = "sqlite:/dev/null/nowhere.db";
    match name {
        "verification" => {
            vec![("VERIFICATION_DATABASE_URL", nowhere), ("VERIFICATION_SECRET_FILE", "/dev/null/secret")]
        }
        "server" => vec![("SERVER_DATABASE_URL", nowhere)],
        "exporter" => vec![
            ("EXPORTER_DATABASE_URL", nowhere),
            ("EXPORTER_BUCKETS", "main=file:/dev/null/nowhere"),
            ("EXPORTER_SIGNING_KEY_DIR", "/dev/null/keys"),
        ],
        _ => vec![("PRATIQUE_DIR", "/dev/null/nowhere")],
    }
}

/// Settings that are understood and cannot be met: what the program, the command and the variable are, the value, the exit code, and what is said.
/// Values may name `DIR`, where everything else that the program needs is in order.
const UNMET: &[(&str, &str, &str, i32, &str)] = &[
    ("verification", "VERIFICATION_DATABASE_URL", "sqlite:DIR/absent/codes.db", 1, "--database-url"),
    ("verification", "VERIFICATION_SECRET_FILE", "DIR/absent", 1, "--secret-file"),
    ("verification", "VERIFICATION_SECRET_FILE", "DIR/exposed", 1, "chmod 600"),
    ("verification", "VERIFICATION_OHTTP_KEY_FILE", "DIR/absent", 1, "--ohttp-key-file"),
    ("verification", "VERIFICATION_LISTEN", "192.0.2.1:1", 1, "--listen"),
    ("verification", "VERIFICATION_METRICS_LISTEN", "192.0.2.1:1", 1, "--metrics-listen"),
    ("verification", "VERIFICATION_DELIVERY_DIR", "DIR/absent", 1, "--delivery-dir"),
    ("verification", "VERIFICATION_DELIVERY_DIR", "DIR/delivery", 1, "DIR/delivery/example.toml"),
    ("verification", "VERIFICATION_SIGNING_KEY_DIR", "DIR/absent", 1, "--signing-key-dir"),
    ("server", "SERVER_DATABASE_URL", "sqlite:DIR/absent/keys.db", 1, "--database-url"),
    ("server", "SERVER_OHTTP_KEY_FILE", "DIR/absent", 1, "--ohttp-key-file"),
    ("server", "SERVER_REVISION_KEY_FILE", "DIR/absent", 1, "--revision-key-file"),
    ("server", "SERVER_REVISION_KEY_FILE", "DIR/exposed", 1, "chmod 600"),
    ("server", "SERVER_CHALLENGE_SECRET_FILE", "DIR/absent", 1, "--challenge-secret-file"),
    ("server", "SERVER_CHALLENGE_SECRET_FILE", "DIR/short", 1, "32 bytes"),
    ("server", "SERVER_LISTEN", "192.0.2.1:1", 1, "--listen"),
    ("server", "SERVER_METRICS_LISTEN", "192.0.2.1:1", 1, "--metrics-listen"),
    ("exporter", "EXPORTER_DATABASE_URL", "sqlite:DIR/absent.db", 2, "database-url"),
    ("exporter", "EXPORTER_DATABASE_URL", "postgres://u@127.0.0.1:1/k?sslrootcert=DIR/absent", 2, "sslrootcert"),
    ("exporter", "EXPORTER_DATABASE_URL", "postgres://u@127.0.0.1:1/k?password_file=DIR/absent", 2, "password_file"),
    ("exporter", "EXPORTER_READ_DATABASE_URL", "postgres://u@127.0.0.1:1/k", 2, "read-database-url"),
    ("exporter", "EXPORTER_BUCKETS", "main=file:DIR/short", 2, "DIR/short"),
    ("exporter", "EXPORTER_SIGNING_KEY_DIR", "DIR/absent", 2, "signing-key-dir"),
    ("exporter", "EXPORTER_GATEWAYS", "server=DIR/absent", 2, "gateway: DIR/absent"),
    ("exporter", "EXPORTER_GATEWAYS", "verification=DIR/short", 2, "gateway: DIR/short"),
    ("exporter", "EXPORTER_KEY_IDS", "X0=242", 2, "key-id: the database has no feed of region X0"),
    ("exporter", "EXPORTER_CO_SIGN", "X0=v1", 2, "co-sign: the database has no feed of region X0"),
    ("exporter", "EXPORTER_POLICIES", "X0/gaen minimum=5", 2, "policy: the database has no X0/gaen"),
    ("exporter", "EXPORTER_COEPI", "X0/tcn", 2, "coepi: the database has no X0/tcn"),
    ("exporter", "EXPORTER_METRICS_LISTEN", "192.0.2.1:1", 2, "metrics-listen"),
    ("pratique", "PRATIQUE_DIR", "DIR/short", 1, "DIR/short"),
    ("pratique", "PRATIQUE_METRICS_LISTEN", "192.0.2.1:1", 1, "--metrics-listen"),
];

#[test]
fn what_cannot_be_met_stops_the_program_and_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let sound = sound(directory.path());
    let dir = directory.path().to_str().expect("UTF-8");
    let mut wrong = Vec::new();
    for (name, variable, value, code, expected) in UNMET {
        let mut run = program(name);
        run.envs(&sound).env(variable, value.replace("DIR", dir)).current_dir(directory.path());
        run.arg(if *name == "exporter" { "run" } else { "serve" });
        let output = stopped(&run);
        let said = complaint(&output);
        if output.status.code() != Some(*code) || !said.contains(&expected.replace("DIR", dir)) {
            wrong.push(format!("{variable}={value} ends with {:?} and is told as: {said}", output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything that the programs need, in order; and some files that are not.
fn sound(directory: &Path) -> BTreeMap<&'static str, String> {
    use std::os::unix::fs::PermissionsExt as _;

    let path = |name: &str| directory.join(name).to_str().expect("UTF-8").to_owned();
    fs::write(path("short"), "short").expect("written");
    fs::set_permissions(path("short"), fs::Permissions::from_mode(0o600)).expect("chmod");
    let settings = BTreeMap::from([
        ("VERIFICATION_DATABASE_URL", format!("sqlite:{}", path("codes.db"))),
        ("VERIFICATION_SECRET_FILE", path("secret")),
        ("VERIFICATION_SIGNING_KEY_DIR", path("certificate-keys")),
        ("VERIFICATION_LISTEN", "127.0.0.1:0".to_owned()),
        ("SERVER_DATABASE_URL", format!("sqlite:{}", path("keys.db"))),
        ("SERVER_LISTEN", "127.0.0.1:0".to_owned()),
        ("EXPORTER_DATABASE_URL", format!("sqlite:{}", path("keys.db"))),
        ("EXPORTER_BUCKETS", format!("main=file:{}", path("cdn"))),
        ("EXPORTER_SIGNING_KEY_DIR", path("bundle-keys")),
        ("PRATIQUE_DIR", path("standalone")),
    ]);
    let prepare = |name: &str, arguments: &[&str]| {
        let mut command: Command = program(name);
        command.envs(&settings).args(arguments);
        let output = ended(&command);
        assert!(output.status.success(), "{name} {arguments:?}: {}", complaint(&output));
    };
    prepare("verification", &["secret", "create"]);
    prepare("verification", &["secret", "create", "--secret-file", &path("exposed")]);
    fs::set_permissions(path("exposed"), fs::Permissions::from_mode(0o644)).expect("chmod");
    prepare("verification", &["authority", "create", "--id", "example"]);
    prepare("verification", &["keys", "generate", "--authority", "example"]);
    fs::create_dir(path("delivery")).expect("created");
    fs::copy(path("short"), path("delivery/example.toml")).expect("copied");
    prepare("server", &["migrate"]);
    prepare("exporter", &["keys", "generate", "--region", "XX", "--dir", &path("bundle-keys")]);
    settings
}
