//! `deploy/kubernetes/README.md` and `operate`: the page's commands do what it says, name what is there and leave nothing out; a command of operators reaches
//! its pod as it was typed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::kubernetes::{Pod, all, validate, words};
use crate::page::{Page, root};
use crate::programs::{complaint, ended, program};
use crate::stand::Stand;
use crate::tools::{of_python, run};

/// The objects of the example.
fn example() -> &'static [Value] {
    &all().iter().find(|(name, _)| name == "overlays/example").expect("the example").1
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let mut stand = Stand::new();
    stand.stay_at_home();
    stand.stand_in(include_str!("stand_ins_kubernetes.sh"));
    stand.run(&Page::read("deploy/kubernetes/README.md"), &["sh"]);

    // Each key was put where the service finds it.
    let codes = format!("sqlite:{}", stand.path("codes.db"));
    let mut list = program("verification");
    list.args(["--json", "keys", "list", "--authority", "example", "--database-url", &codes]);
    let keys = ended(list.args(["--signing-key-dir", &stand.path("certificate-keys")]));
    let keys: Value = serde_json::from_slice(&keys.stdout).expect("JSON");
    let keys = keys.as_array().expect("a list");
    assert!(keys.len() == 2 && keys.iter().all(|key| key["can_sign"] == true), "{keys:?}");

    // A new line is understood by all before anybody writes under it, and none is lost.
    for (name, current) in [("verification.secret", 0), ("server.revision", 1)] {
        let versions = versions(&stand.path("said"), name);
        let [first, second, third] = &versions[..] else { panic!("{name} was put there {} times", versions.len()) };
        let key = |line: &str| line.split(' ').nth(current).expect("a key").to_owned();
        let keys = |text: &str| text.lines().map(key).collect::<Vec<_>>();
        let [first, second, third] = [first, second, third].map(|text| keys(text));
        let new: Vec<_> = second.iter().filter(|key| !first.contains(key)).cloned().collect();
        assert_eq!((&second[..first.len()], new.len()), (&first[..], 1), "{name}");
        assert_eq!(third, [&new[..], &first[..]].concat(), "{name}");
    }
    let asked = fs::read_to_string(stand.path("said/asked")).expect("written");
    let waits = asked.lines().filter(|line| *line == "sleep 300").count();
    assert_eq!(waits, 2);
    let [mut jobs, mut all] = [0, 0];
    for line in asked.lines() {
        let applied = line.starts_with("kubectl apply -k ");
        jobs += usize::from(applied && line.ends_with("-l pratique/step=migrate"));
        all += usize::from(applied && !line.contains(" -l "));
    }
    assert_eq!((jobs, all), (1, 2));
    names_are_known(&asked);
}

/// What a file was each time when it was put into a Secret, in the order of time.
fn versions(directory: &str, name: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let number = |path: &Path| path.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('.')?.parse::<u32>().ok();
    let mut versions: Vec<_> = entries.filter_map(|path| Some((number(&path)?, path))).collect();
    versions.sort();
    versions.into_iter().map(|(_, path)| fs::read_to_string(path).expect("text")).collect()
}

/// Everything that was asked of the cluster is about something that the example has; and every Secret and ConfigMap that its pods read was made.
fn names_are_known(asked: &str) {
    let mut made = BTreeSet::new();
    for line in asked.lines().filter_map(|line| line.strip_prefix("kubectl -n ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let namespace = words[0];
        if let ["create", kind, rest @ ..] = &words[1..] {
            let name = if *kind == "secret" { rest[1] } else { rest[0] };
            made.insert((namespace.to_owned(), kind.to_string(), name.to_owned()));
        }
        let objects = example().iter().filter(|object| object["metadata"]["namespace"] == namespace);
        let known: BTreeSet<String> = objects
            .filter_map(|object| {
                Some(format!("{}/{}", object["kind"].as_str()?.to_lowercase(), object["metadata"]["name"].as_str()?))
            })
            .collect();
        for named in words.iter().filter(|word| ["job/", "deployment/"].iter().any(|kind| word.starts_with(kind))) {
            assert!(known.contains(*named), "{namespace} has no {named}: {known:?}");
        }
        if let ["delete", "job", name, ..] = &words[1..] {
            assert!(known.contains(&format!("job/{name}")), "{line}");
        }
    }
    let read = example().iter().filter_map(Pod::of).flat_map(|pod| {
        let volumes = pod.spec["volumes"].as_array().into_iter().flatten();
        let named = volumes.map(move |volume| match volume["secret"]["secretName"].as_str() {
            Some(name) => (pod.namespace.to_owned(), "secret".to_owned(), name.to_owned()),
            None => {
                let name = volume["configMap"]["name"].as_str().expect("a secret or a map");
                (pod.namespace.to_owned(), "configmap".to_owned(), name.to_owned())
            }
        });
        named.collect::<Vec<_>>()
    });
    assert_eq!(made, read.collect());
}

/// The real kubectl makes the Job; what needs a cluster is played.
#[test]
fn a_command_of_operators_reaches_its_pod_as_it_was_typed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let mould = example().iter().find(|object| object["metadata"]["name"] == "server-operator").expect("there");
    let template = &mould["spec"]["jobTemplate"];
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "spec": template["spec"],
        "metadata": { "name": "made-up", "namespace": mould["metadata"]["namespace"], "labels": template["metadata"]["labels"] }
    });
    fs::write(path.join("mould"), job.to_string()).expect("written");
    let kubectl = of_python("kubectl").get_program().to_str().expect("UTF-8").to_owned();
    let played = format!(
        r#"#!/bin/sh
cd '{}'
echo "$*" >>asked
case $1 in
create) case $* in *--from=cronjob/server-operator*--dry-run=client*) cat mould ;; *) cat >made ;; esac ;;
patch) KUBECONFIG=/dev/null exec '{kubectl}' "$@" ;;
logs) echo said ;;
get) cat ended ;;
esac
"#,
        path.display()
    );
    fs::write(path.join("kubectl"), played).expect("written");
    run(Command::new("chmod").arg("755").arg(path.join("kubectl")));
    let typed = ["withdraw", "--reason", "their \"key\" \\ was $(HOME)'s", "--kid", "-k"];
    let run_it = |arguments: &[&str]| {
        let mut operate = Command::new(root().join("deploy/kubernetes/operate"));
        let paths = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
        ended(operate.args(arguments).env("PATH", paths))
    };
    for (outcome, code) in [("1/", 0), ("/1", 1)] {
        fs::write(path.join("ended"), outcome).expect("written");
        let output = run_it(&[&["server"][..], &typed].concat());
        assert_eq!((output.status.code(), &*output.stdout), (Some(code), &b"said\n"[..]), "{}", complaint(&output));
    }
    let made = fs::read_to_string(path.join("made")).expect("made");
    let made_job: Value = serde_json::from_str(&made).expect("JSON");
    // Kubernetes takes $$( for what is no variable.
    let expected: Vec<String> = typed.iter().map(|word| word.replace("$(", "$$(")).collect();
    assert_eq!(words(&made_job["spec"]["template"]["spec"]["containers"][0]["args"]), expected);
    assert_eq!(made_job["metadata"]["labels"]["app.kubernetes.io/name"], "server-operator");
    validate(&[made].into());
    let asked = fs::read_to_string(path.join("asked")).expect("written");
    assert_eq!(asked.matches("delete job server-operator-").count(), 2, "whatever came of it: {asked}");

    for wrong in [&[][..], &["pratique", "serve"], &["server"]] {
        let output = run_it(wrong);
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint(&output).contains("deploy/kubernetes/operate"), "{wrong:?}");
    }
}
