//! The manifests of Kubernetes: they render, every object is what its kind must be, what refers to something finds it, pods are confined and understand
//! their settings, and nobody reaches what is not theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use service::Network;

use crate::programs::{complaint, ended, program, read, repository, unknown_flags, variables_of};
use crate::reachability::{End, Labels, may_reach, selects};
use crate::tools::{of_python, run, yaml};

/// The versions whose schemas the objects must fit: the newest, and what providers still run.
const VERSIONS: [&str; 2] = ["1.37.0", "1.31.0"];

/// Everything that is commented out in the example, put to use at once.
const EVERYTHING: &str = "overlays/everything";

#[test]
fn what_is_rendered_fits_the_schemas_of_kubernetes() {
    let mut different = BTreeSet::new();
    for (name, objects) in all() {
        assert!(objects.len() > 15, "{name} has {} objects", objects.len());
        // What an operator defines, Kubernetes has no schema for.
        let known = objects.iter().filter(|object| object["apiVersion"] != "monitoring.coreos.com/v1");
        different.extend(known.map(Value::to_string));
    }
    validate(&different);
}

/// Has objects of Kubernetes checked against the schemas of several versions.
pub(crate) fn validate(objects: &BTreeSet<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |(number, text): (usize, &String)| {
        let file = directory.path().join(format!("{number}.yaml"));
        fs::write(&file, text).expect("written");
        file
    };
    let files: Vec<_> = objects.iter().enumerate().map(file).collect();
    for version in VERSIONS {
        run(of_python("kubernetes-validate").args(["--strict", "--kubernetes-version", version]).args(&files));
    }
}

#[test]
fn what_refers_to_something_finds_it() {
    for (overlay, objects) in all() {
        let pods: Vec<Pod<'_>> = objects.iter().filter_map(Pod::of).collect();
        let named = |kind: &str, namespace: &Value, name: &Value| {
            let same = |object: &&Value| {
                object["kind"] == kind
                    && object["metadata"]["namespace"] == *namespace
                    && object["metadata"]["name"] == *name
            };
            objects.iter().find(same)
        };
        assert!(
            objects.iter().all(|object| object["kind"] != "Secret"),
            "{overlay}: secrets are named, and made elsewhere"
        );
        for object in objects {
            let (spec, metadata) = (&object["spec"], &object["metadata"]);
            let place = format!("{overlay}: {} {}", object["kind"], metadata["name"]);
            if object["kind"] != "Namespace" {
                assert!(metadata["namespace"].as_str().is_some_and(|name| name.starts_with("pratique-")), "{place}");
            }
            let selected = |selector: &Value| {
                pods.iter()
                    .filter(|pod| pod.namespace == metadata["namespace"] && selects(selector, &pod.labels))
                    .collect::<Vec<_>>()
            };
            match object["kind"].as_str().expect("a kind") {
                "Service" => {
                    let pods = selected(&serde_json::json!({ "matchLabels": spec["selector"] }));
                    assert!(!pods.is_empty(), "{place} leads to nobody");
                    for port in spec["ports"].as_array().expect("ports") {
                        let name = port["targetPort"].as_str().expect("by name");
                        assert!(pods.iter().all(|pod| pod.ports.contains_key(name)), "{place}: {name}");
                    }
                }
                "Deployment" | "PodDisruptionBudget" => assert_eq!(selected(&spec["selector"]).len(), 1, "{place}"),
                "NetworkPolicy" => assert!(!selected(&spec["podSelector"]).is_empty(), "{place} is about nobody"),
                "Ingress" => {
                    for path in spec["rules"][0]["http"]["paths"].as_array().expect("paths") {
                        let backend = &path["backend"]["service"];
                        let service = named("Service", &metadata["namespace"], &backend["name"]).expect(&place);
                        assert_eq!(service["spec"]["ports"][0]["name"], backend["port"]["name"], "{place}");
                    }
                }
                "ServiceMonitor" => {
                    let watched = objects.iter().filter(|other| {
                        other["kind"] == "Service"
                            && other["metadata"]["namespace"] == metadata["namespace"]
                            && selects(&spec["selector"], &labels(&other["metadata"]["labels"]))
                    });
                    let watched: Vec<_> = watched.collect();
                    assert!(!watched.is_empty(), "{place}");
                    assert!(
                        watched
                            .iter()
                            .all(|service| service["spec"]["ports"][0]["name"] == spec["endpoints"][0]["port"]),
                        "{place}"
                    );
                }
                _ => {}
            }
        }
        for pod in &pods {
            let sources: BTreeMap<&str, &Value> = pod.spec["volumes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|volume| (volume["name"].as_str().expect("a name"), volume))
                .collect();
            let mounts = pod.container["volumeMounts"].as_array().into_iter().flatten();
            let mounts: Vec<&str> = mounts.map(|mount| mount["name"].as_str().expect("a name")).collect();
            assert!(
                mounts.len() == sources.len() && mounts.iter().all(|name| sources.contains_key(name)),
                "{overlay}: {}",
                pod.name
            );
            let namespace = Value::from(pod.namespace);
            for from in pod.container["envFrom"].as_array().into_iter().flatten() {
                assert!(
                    named("ConfigMap", &namespace, &from["configMapRef"]["name"]).is_some(),
                    "{overlay}: {}",
                    pod.name
                );
            }
            assert!(
                named("ServiceAccount", &namespace, &pod.spec["serviceAccountName"]).is_some(),
                "{overlay}: {}",
                pod.name
            );
        }
    }
}

#[test]
fn pods_are_confined_and_bounded() {
    for (overlay, objects) in all() {
        for pod in objects.iter().filter_map(Pod::of) {
            let (name, spec, container) = (format!("{overlay}: {}", pod.name), pod.spec, pod.container);
            assert_eq!(spec["containers"].as_array().map(Vec::len), Some(1), "{name}");
            assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
            assert_eq!(spec["enableServiceLinks"], false, "{name}");
            let of_pod = &spec["securityContext"];
            assert_eq!(
                (&of_pod["runAsNonRoot"], &of_pod["runAsUser"]),
                (&Value::from(true), &Value::from(65_532)),
                "{name}"
            );
            assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            let confined = serde_json::json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] }
            });
            assert_eq!(container["securityContext"], confined, "{name}");
            for bound in [
                "/resources/requests/cpu",
                "/resources/requests/memory",
                "/resources/limits/cpu",
                "/resources/limits/memory",
            ] {
                assert!(container.pointer(bound).is_some(), "{name}: {bound}");
            }
            for volume in spec["volumes"].as_array().into_iter().flatten().filter(|volume| !volume["secret"].is_null())
            {
                assert_eq!(
                    volume["secret"]["defaultMode"], 0o440,
                    "{name}: what is handed to a group is taken if nobody may write it"
                );
            }
            assert!(
                container["volumeMounts"].as_array().into_iter().flatten().all(|mount| mount["readOnly"] == true),
                "{name}"
            );
            if overlay.as_str() != "base" {
                let image = container["image"].as_str().expect("an image");
                assert!(
                    image.starts_with("registry.example.org/") && image.contains(':') && !image.ends_with(":latest"),
                    "{name}: {image}"
                );
            }
        }
    }
}

#[test]
fn what_goes_on_for_ever_is_probed_and_given_time_to_end() {
    for (overlay, objects) in all() {
        for object in objects.iter().filter(|object| object["kind"] == "Deployment") {
            let pod = Pod::of(object).expect("it has pods");
            let (name, container) = (format!("{overlay}: {}", pod.name), pod.container);
            // Whether the database answers is nothing by which one pod is better than another: without it, all would leave the Service, and the ingress would answer
            // phones in its own words. Nobody calls the exporter.
            let ready = if pod.name == "exporter" { "/readyz" } else { "/healthz" };
            for (probe, path) in
                [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", ready)]
            {
                let asked = &container[probe]["httpGet"];
                assert_eq!(asked["path"], path, "{name}");
                assert!(pod.ports.contains_key(asked["port"].as_str().expect("by name")), "{name}: {probe}");
            }
            assert!(!pod.spec["topologySpreadConstraints"].is_null(), "{name}");
            let (settings, _) = settings(objects, &pod);
            let drain = settings.iter().find(|(variable, _)| variable.ends_with("_DRAIN_SECONDS"));
            let drain: u64 = drain.map_or(0, |(_, seconds)| seconds.parse().expect("a number"));
            // A pod that ends leaves the Service at that moment, and a proxy hears of it a little later.
            assert!(drain >= 5 || pod.name == "exporter", "{name}");
            // 45 seconds are what requests that are under way may take: `--help` of the services says so.
            assert!(pod.spec["terminationGracePeriodSeconds"].as_u64() >= Some(drain + 45 + 10), "{name}");
            for (variable, port) in [("_METRICS_LISTEN", "metrics"), ("_LISTEN", "http")] {
                let listens = settings.iter().find(|(name, _)| {
                    name.ends_with(variable) && (port != "http" || !name.ends_with("_METRICS_LISTEN"))
                });
                let number = listens
                    .and_then(|(_, address)| address.strip_prefix("0.0.0.0:"))
                    .and_then(|port| port.parse().ok());
                assert_eq!(number, pod.ports.get(port).copied(), "{name}: {port}");
            }
        }
    }
}

#[test]
fn each_program_understands_the_settings_of_its_pods() {
    for (overlay, objects) in all() {
        for pod in objects.iter().filter_map(Pod::of) {
            let (settings, image) = settings(objects, &pod);
            let line = words(&pod.container["args"]);
            let command: Vec<&str> = line.iter().map(String::as_str).collect();
            let known = variables_of(&image, &command);
            let ours = settings.keys().filter(|variable| !variable.starts_with("AWS_"));
            // `exporter once` does not read where metrics are served.
            let unknown: Vec<_> = ours
                .filter(|variable| !known.contains_key(*variable) && *variable != "EXPORTER_METRICS_LISTEN")
                .collect();
            assert!(
                unknown.is_empty() && unknown_flags(&image, &command, &line).is_empty(),
                "{overlay}: {}: {unknown:?}",
                pod.name
            );
            let mut started = program(&image);
            started.envs(&settings).args(&line);
            let said = complaint(&ended(&started));
            // It understood everything, and did not find what is in the pod alone.
            assert!(!said.contains("Usage:") && !said.contains("invalid value"), "{overlay}: {}: {said}", pod.name);
            assert!(said.contains("/etc/pratique/"), "{overlay}: {}: {said}", pod.name);
        }
    }
}

#[test]
fn what_is_optional_stands_in_the_example_and_is_what_it_says() {
    let of = |overlay: &str| &all().iter().find(|(name, _)| name == overlay).expect(overlay).1;
    let (example, everything) = (of("overlays/example"), of(EVERYTHING));
    let text = read("deploy/kubernetes/overlays/example/kustomization.yaml");
    for component in fs::read_dir(repository("deploy/kubernetes/components")).expect("components") {
        let name = component.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(text.contains(&format!("#  - ../../components/{name} ")), "{name}");
    }
    let set = |objects: &[Value], variable: &str| {
        let pods = objects.iter().filter_map(Pod::of);
        pods.filter(|pod| settings(objects, pod).0.contains_key(variable)).count()
    };
    // Policies for a region that nobody has registered would stop the exporter.
    for variable in ["EXPORTER_POLICIES", "VERIFICATION_DELIVERY_DIR"] {
        assert_eq!((set(example, variable), set(everything, variable)), (0, 1), "{variable}");
    }
    let paths = |objects: &[Value]| {
        let rules = objects.iter().filter(|object| object["kind"] == "Ingress");
        let paths = rules.flat_map(|rule| rule["spec"]["rules"][0]["http"]["paths"].as_array().expect("paths").clone());
        paths.filter(|path| path["path"] == "/test-deployment").count()
    };
    assert_eq!((paths(example), paths(everything)), (0, 2));
}

#[test]
fn the_ingress_keeps_bodies_in_memory_and_connections_shorter_than_the_services_do() {
    for rule in all().iter().flat_map(|(_, objects)| objects).filter(|object| object["kind"] == "Ingress") {
        let said = |name: &str| &rule["metadata"]["annotations"][format!("nginx.ingress.kubernetes.io/{name}")];
        assert_eq!((said("proxy-body-size"), said("client-body-buffer-size")), (&"128k".into(), &"128k".into()));
        assert_eq!((said("enable-access-log"), said("proxy-buffering")), (&"false".into(), &"off".into()));
    }
    let controller = &yaml(&repository("deploy/kubernetes/ingress-nginx.yaml"))[0]["controller"];
    assert_eq!(controller["service"]["externalTrafficPolicy"], "Local");
    assert_eq!(controller["metrics"]["enabled"], false);
    let config = controller["config"].as_object().expect("settings");
    // A ConfigMap holds text.
    assert!(config.values().all(Value::is_string), "{config:?}");
    let kept: u64 = config["upstream-keepalive-timeout"].as_str().and_then(|text| text.parse().ok()).expect("seconds");
    assert!(kept < 15, "the services hang up after 15 seconds of silence");
    for (name, value) in [("use-http2", "false"), ("use-forwarded-headers", "false"), ("error-log-path", "/dev/null")] {
        assert_eq!(config[name], value, "{name}");
    }
}

#[test]
fn the_services_believe_an_ingress_wherever_a_cluster_has_its_pods() {
    for (overlay, objects) in all() {
        for pod in objects.iter().filter_map(Pod::of) {
            let (settings, _) = settings(objects, &pod);
            let Some(networks) = settings.iter().find(|(name, _)| name.ends_with("_PROXY_NETWORKS")) else {
                assert!(!["verification", "server"].contains(&pod.name), "{overlay}: {}", pod.name);
                continue;
            };
            let networks: Vec<Network> = networks.1.split(',').map(|text| text.parse().expect("a network")).collect();
            let is_believed = |address: &str| {
                let address: IpAddr = address.parse().expect("an address");
                networks.iter().any(|network| network.contains(address))
            };
            assert!(["10.244.0.7", "100.64.3.4", "172.16.0.9", "192.168.1.2", "fd00::7"].into_iter().all(is_believed));
            assert!(!["203.0.113.9", "2001:db8::1"].into_iter().any(is_believed));
        }
    }
}

#[test]
fn nobody_reaches_what_is_not_theirs() {
    for (overlay, objects) in all() {
        let policies: Vec<Value> = objects.iter().filter(|object| object["kind"] == "NetworkPolicy").cloned().collect();
        let pods: Vec<(String, End)> =
            objects.iter().filter_map(Pod::of).map(|pod| (pod.name.to_owned(), pod.end())).collect();
        let pod = |name: &str| &pods.iter().find(|(other, _)| other == name).expect(name).1;
        let reaches = |from: &End, to: &End, port| may_reach(&policies, from, to, "TCP", port);
        // None of ours reaches another of ours, whatever the port: verification not the key server, nor the other way round.
        for (from, one) in &pods {
            for (to, other) in &pods {
                for port in [53, 80, 443, 5432, 8080, 8081, 9462, 9463, 9464] {
                    assert!(!reaches(one, other, port), "{overlay}: {from} reaches {to}:{port}");
                }
            }
        }
        let in_namespace = |namespace: &str, labels: &[(&str, &str)]| End::Pod {
            namespace: namespace.to_owned(),
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ports: BTreeMap::new(),
        };
        let [ingress, monitoring, stranger] =
            ["ingress-nginx", "monitoring", "default"].map(|name| in_namespace(name, &[]));
        let names = in_namespace("kube-system", &[("k8s-app", "kube-dns")]);
        for (service, port, metrics) in [("verification", 8080, 9462), ("server", 8081, 9463)] {
            let service = pod(service);
            assert!(reaches(&ingress, service, port) && !reaches(&ingress, service, metrics), "{overlay}");
            assert!(reaches(&monitoring, service, metrics) && !reaches(&monitoring, service, port), "{overlay}");
        }
        for (name, end) in &pods {
            assert!(may_reach(&policies, end, &names, "UDP", 53), "{overlay}: {name} finds no names");
            assert!(
                [53, 8080, 8081, 9462, 9463, 9464].iter().all(|port| !reaches(&stranger, end, *port)),
                "{overlay}: {name}"
            );
        }
        if overlay.as_str() == "base" {
            continue;
        }
        let [codes, keys, world, metadata] = ["10.20.0.4", "10.30.0.4", "203.0.113.9", "169.254.169.254"]
            .map(|address| End::Address(address.parse().expect("an address")));
        for (name, end) in &pods {
            let is_verification = name.starts_with("verification");
            assert_eq!(reaches(end, &codes, 5432), is_verification, "{overlay}: {name}");
            assert_eq!(reaches(end, &keys, 5432), !is_verification, "{overlay}: {name}");
            let calls = match overlay.as_str() {
                "overlays/text-messages" => &["exporter", "verification"][..],
                "overlays/key-sets" => &["exporter", "server", "server-operator"],
                EVERYTHING => &["exporter", "verification", "server", "server-operator"],
                _ => &["exporter"],
            };
            assert_eq!(reaches(end, &world, 443), calls.contains(&name.as_str()), "{overlay}: {name}");
            assert!(
                !reaches(end, &world, 80) && !reaches(end, &metadata, 443) && !reaches(end, &metadata, 80),
                "{overlay}: {name}"
            );
        }
    }
}

/// A pod that an object makes, of whatever kind.
pub(crate) struct Pod<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    labels: Labels,
    pub(crate) spec: &'a Value,
    container: &'a Value,
    ports: BTreeMap<String, u64>,
}

impl<'a> Pod<'a> {
    pub(crate) fn of(object: &'a Value) -> Option<Self> {
        let template = match object["kind"].as_str()? {
            "Deployment" | "Job" => &object["spec"]["template"],
            "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
            _ => return None,
        };
        let container = &template["spec"]["containers"][0];
        let ports = container["ports"].as_array().into_iter().flatten();
        let ports = ports.map(|port| {
            (port["name"].as_str().expect("a name").to_owned(), port["containerPort"].as_u64().expect("a port"))
        });
        Some(Self {
            name: object["metadata"]["name"].as_str()?,
            namespace: object["metadata"]["namespace"].as_str()?,
            labels: labels(&template["metadata"]["labels"]),
            spec: &template["spec"],
            container,
            ports: ports.collect(),
        })
    }

    fn end(&self) -> End {
        End::Pod { namespace: self.namespace.to_owned(), labels: self.labels.clone(), ports: self.ports.clone() }
    }
}

/// What the environment of a pod sets, and which of our programs it runs.
fn settings(objects: &[Value], pod: &Pod<'_>) -> (BTreeMap<String, String>, String) {
    let mut set = BTreeMap::new();
    for from in pod.container["envFrom"].as_array().into_iter().flatten() {
        let map = objects.iter().find(|object| {
            object["kind"] == "ConfigMap"
                && object["metadata"]["name"] == from["configMapRef"]["name"]
                && object["metadata"]["namespace"] == pod.namespace
        });
        set.extend(labels(&map.expect("it refers to something")["data"]));
    }
    for variable in pod.container["env"].as_array().into_iter().flatten() {
        set.insert(
            variable["name"].as_str().expect("a name").to_owned(),
            variable["value"].as_str().expect("a value").to_owned(),
        );
    }
    let image = pod.container["image"]
        .as_str()
        .and_then(|image| image.rsplit('/').next())
        .and_then(|image| image.split(':').next());
    (set, image.expect("an image").to_owned())
}

fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The words of a list.
pub(crate) fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// The base, the example, the example with each component, and with everything that is commented out in it; each with its objects.
pub(crate) fn all() -> &'static [(String, Vec<Value>)] {
    static ALL: LazyLock<Vec<(String, Vec<Value>)>> = LazyLock::new(render_all);
    &ALL
}

fn render_all() -> Vec<(String, Vec<Value>)> {
    let directory = tempfile::tempdir().expect("a directory");
    run(Command::new("cp").arg("--recursive").arg(repository("deploy/kubernetes")).arg(directory.path()));
    let root = directory.path().join("kubernetes");
    let mut overlays = vec!["base".to_owned(), "overlays/example".to_owned(), EVERYTHING.to_owned()];
    let copy = |to: &Path| run(Command::new("cp").arg("--recursive").arg(root.join("overlays/example")).arg(to));
    copy(&root.join(EVERYTHING));
    for file in fs::read_dir(root.join(EVERYTHING)).expect("the example") {
        let file = file.expect("an entry").path();
        fs::write(&file, commented_in(&fs::read_to_string(&file).expect("text"))).expect("written");
    }
    for component in fs::read_dir(root.join("components")).expect("components") {
        let name = component.expect("an entry").file_name().to_string_lossy().into_owned();
        let overlay = root.join("overlays").join(&name);
        copy(&overlay);
        let mut text = fs::read_to_string(overlay.join("kustomization.yaml")).expect("the example");
        text += &format!("components: [../../components/{name}]\n");
        fs::write(overlay.join("kustomization.yaml"), text).expect("written");
        overlays.push(format!("overlays/{name}"));
    }
    let render = |overlay: String| {
        let text = run(of_python("kubectl").arg("kustomize").arg(root.join(&overlay)));
        let file = root.join("rendered.yaml");
        fs::write(&file, text).expect("written");
        (overlay, yaml(&file))
    };
    overlays.into_iter().map(render).collect()
}

/// YAML whose lines that are commented out are put to use: `#` with no space behind it, or with the two of a list below a key.
fn commented_in(text: &str) -> String {
    let line = |line: &str| match line.split_once('#') {
        Some((before, setting))
            if before.trim().is_empty() && (!setting.starts_with(' ') || setting.starts_with("  - ")) =>
        {
            format!("{before}{setting}\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
