//! `GET /test-deployment`: whether a service may be loaded, and which hosts belong to it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Malformed;

/// Where a service of a test deployment says so.
pub const TEST_DEPLOYMENT_PATH: &str = "/test-deployment";
/// The longest name of a host (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// What a service of a test deployment answers. Any other answers 404.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestDeploymentReply {
    /// Every host that may be loaded together with this service, the CDN's among them.
    pub hosts: Vec<DeploymentHost>,
}

/// A host of a test deployment: `HOST`, on any port, or `HOST:PORT`. An IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeploymentHost {
    /// In lower case, as URLs have it.
    name: String,
    port: Option<u16>,
}

impl DeploymentHost {
    /// Whether it is this host with this port, the host as a URL has it: in lower case, an IPv6 address in brackets.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.name == host && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for DeploymentHost {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("test deployment", "must be HOST or HOST:PORT, several by commas");
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (text, None),
        };
        let port = port.map(|digits| digits.parse().ok().filter(|port| *port > 0).ok_or_else(malformed)).transpose()?;
        let inside = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        let sound = match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain),
        };
        if sound { Ok(Self { name: name.to_ascii_lowercase(), port }) } else { Err(malformed()) }
    }
}

impl fmt::Display for DeploymentHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl TryFrom<String> for DeploymentHost {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<DeploymentHost> for String {
    fn from(host: DeploymentHost) -> Self {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> DeploymentHost {
        text.parse().expect("a host")
    }

    #[test]
    fn a_host_without_a_port_is_meant_on_every_port() {
        assert!(host("Test.Example").covers("test.example", 8_080));
        assert!(host("127.0.0.1:8080").covers("127.0.0.1", 8_080));
        assert!(!host("127.0.0.1:8080").covers("127.0.0.1", 8_081));
        assert!(host("[::1]:80").covers("[::1]", 80) && host("[::1]").covers("[::1]", 1));
        assert!(!host("test.example").covers("other.test.example", 80));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", ":80", "a b", "a:0", "a:65536", "a:b", "http://a", "a/b", "[::1", "::1", "[x]", "*", "a:80:80"]
        {
            assert!(text.parse::<DeploymentHost>().is_err(), "{text}");
        }
        assert!("x".repeat(254).parse::<DeploymentHost>().is_err());
    }

    #[test]
    fn a_reply_lists_hosts_and_nothing_else() {
        let reply = TestDeploymentReply { hosts: vec![host("a.example"), host("[::1]:80")] };
        let json = serde_json::to_string(&reply).expect("serialises");
        assert_eq!(json, r#"{"hosts":["a.example","[::1]:80"]}"#);
        assert_eq!(serde_json::from_str::<TestDeploymentReply>(&json).expect("its own"), reply);
        for text in ["{}", r#"{"hosts":"a"}"#, r#"{"hosts":["a/b"]}"#, "[]x"] {
            assert!(serde_json::from_str::<TestDeploymentReply>(text).is_err(), "{text}");
        }
    }
}
