//! Who may reach whom in a cluster, by its network policies alone.
//!
//! As Kubernetes has it: a pod that no policy selects for a direction may do everything in it; one that some select may do what one of them allows. A
//! connection needs the leave of both ends. An end outside of the cluster has no policies.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use service::Network;

/// Labels of a pod or of a namespace.
pub(crate) type Labels = BTreeMap<String, String>;

/// One end of a connection.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// A pod of the cluster.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its labels. A namespace has its name for a label, `kubernetes.io/metadata.name`, and here no other.
        labels: Labels,
        /// Its ports by their names.
        ports: BTreeMap<String, u64>,
    },
    /// Somebody outside.
    Address(IpAddr),
}

/// Whether a connection may be made, by these policies, with this protocol (TCP, UDP) and to this port.
pub(crate) fn may_reach(policies: &[Value], from: &End, to: &End, protocol: &str, port: u64) -> bool {
    // A port that a rule names is one of the end that is called, whichever end the rule is about.
    let door =
        Door { ports: if let End::Pod { ports, .. } = to { ports.clone() } else { BTreeMap::new() }, protocol, port };
    allows(policies, from, to, ("Egress", "egress", "to"), &door)
        && allows(policies, to, from, ("Ingress", "ingress", "from"), &door)
}

/// Where a connection goes in.
struct Door<'a> {
    ports: BTreeMap<String, u64>,
    protocol: &'a str,
    port: u64,
}

/// Whether the policies about `whom` let it connect with `other`. `words` are how a direction is called.
fn allows(policies: &[Value], whom: &End, other: &End, words: (&str, &str, &str), door: &Door<'_>) -> bool {
    let End::Pod { namespace, labels, .. } = whom else { return true };
    let (direction, rules, peers) = words;
    let about = policies.iter().filter(|policy| {
        let spec = &policy["spec"];
        let types = spec["policyTypes"].as_array().expect("our policies say which direction they are about");
        policy["metadata"]["namespace"] == **namespace
            && types.iter().any(|kind| kind == direction)
            && selects(&spec["podSelector"], labels)
    });
    let about: Vec<&Value> = about.collect();
    let rules = about.iter().flat_map(|policy| policy["spec"][rules].as_array().into_iter().flatten());
    let fits = |rule: &Value| is_among(&rule[peers], namespace, other) && is_open(&rule["ports"], door);
    about.is_empty() || rules.into_iter().any(fits)
}

/// Whether a list of peers names an end; no list names everybody.
fn is_among(peers: &Value, namespace: &str, end: &End) -> bool {
    let Some(peers) = peers.as_array() else { return true };
    peers.iter().any(|peer| match end {
        End::Address(address) => in_block(&peer["ipBlock"], *address),
        End::Pod { namespace: its, labels, .. } => {
            let name = Labels::from([("kubernetes.io/metadata.name".to_owned(), its.clone())]);
            let there = if peer["namespaceSelector"].is_null() {
                its == namespace
            } else {
                selects(&peer["namespaceSelector"], &name)
            };
            peer["ipBlock"].is_null() && there && selects(&peer["podSelector"], labels)
        }
    })
}

fn in_block(block: &Value, address: IpAddr) -> bool {
    let within = |cidr: &Value| {
        let network: Network = cidr.as_str().expect("a string").parse().expect("a network");
        network.contains(address)
    };
    !block.is_null() && within(&block["cidr"]) && !block["except"].as_array().into_iter().flatten().any(within)
}

/// Whether a list of ports has a door; no list has all.
fn is_open(ports: &Value, door: &Door<'_>) -> bool {
    let Some(ports) = ports.as_array() else { return true };
    ports.iter().any(|port| {
        let number = port["port"].as_u64().or_else(|| door.ports.get(port["port"].as_str()?).copied());
        port["protocol"].as_str().unwrap_or("TCP") == door.protocol && number == Some(door.port)
    })
}

/// Whether a selector selects these labels. An empty one, or none, selects everything.
pub(crate) fn selects(selector: &Value, labels: &Labels) -> bool {
    let named = selector["matchLabels"].as_object().into_iter().flatten();
    let named = named.into_iter().all(|(name, value)| labels.get(name).map(String::as_str) == value.as_str());
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    named
        && expressions.all(|expression| {
            assert_eq!(expression["operator"], "In", "the only one that our policies use");
            let label = expression["key"].as_str().and_then(|key| labels.get(key));
            let values = expression["values"].as_array().expect("values");
            label.is_some_and(|label| values.iter().any(|value| value == label))
        })
}
