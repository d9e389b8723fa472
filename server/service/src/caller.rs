//! Who is calling, as far as limits need to know: a network, never a person.
//!
//! An address by itself says little. A household, an office or a mobile network may stand behind one, and one machine may have as many as it
//! likes in an IPv6 network. So limits count networks: /24 of IPv4, /64 of IPv6. Ports are of no account.
//!
//! Behind a proxy the address of the connection is the proxy's, and the caller's stands in `X-Forwarded-For`, which anybody can write. Each proxy
//! appends to that list the address that called it, so with N proxies of our own the N-th entry from the right is what the outermost of them saw
//! with its own eyes; all further to the left is hearsay. The list is believed only if the connection comes from where our proxies are.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::X_FORWARDED_FOR;

use crate::network::{Network, Relay};

/// What stands between the network and the service.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    /// How many proxies of ours each request passes. With none, `X-Forwarded-For` is never looked at.
    pub proxies: usize,
    /// Where the last of them may call from.
    pub proxy_networks: Vec<Network>,
    /// Who speaks for many people.
    pub relays: Vec<Relay>,
}

/// Who is calling.
#[derive(Clone, PartialEq, Eq)]
pub enum Caller {
    /// A relay, by its name.
    Relay(String),
    /// Anybody else.
    Prefix(Prefix),
}

/// The network that an address belongs to. It shows itself to nobody: by it a household may be known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix([u8; 9]);

impl Edge {
    /// Who sent this request. Whoever cannot be made out shares one prefix with all others of the kind, so that nobody gains by it: that is the
    /// address of the connection where the list of our proxies is too short or cannot be read, and none at all where there is no address.
    pub fn caller(&self, request: &HttpRequest) -> Caller {
        let Some(peer) = request.peer_addr().map(|peer| peer.ip().to_canonical()) else {
            return Caller::Prefix(Prefix::NOWHERE);
        };
        let behind_proxies = self.proxies > 0 && self.proxy_networks.iter().any(|network| network.contains(peer));
        let lines = request.headers().get_all(X_FORWARDED_FOR).map(|line| line.as_bytes());
        let forwarded = if behind_proxies { forwarded_for(lines, self.proxies) } else { None };
        let address = forwarded.unwrap_or(peer);
        let relay = self.relays.iter().find(|relay| relay.network.contains(address));
        relay.map_or_else(|| Caller::Prefix(Prefix::of(address)), |relay| Caller::Relay(relay.name.clone()))
    }

    /// Whether a request comes from this machine itself and through no proxy that we were told of: from a tool of the operator's, or through a proxy
    /// that we were not told of.
    pub fn is_local(&self, request: &HttpRequest) -> bool {
        self.proxies == 0 && request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
    }
}

impl Prefix {
    /// Where there is no address.
    const NOWHERE: Self = Self([0; 9]);

    /// The /24 or /64 of an address. An IPv4 address that is written as an IPv6 one is an IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        let mut prefix = [0; 9];
        // The family first, so that no prefix of one is a prefix of the other.
        match address.to_canonical() {
            IpAddr::V4(address) => {
                prefix[0] = 4;
                prefix[1..4].copy_from_slice(&address.octets()[..3]);
            }
            IpAddr::V6(address) => {
                prefix[0] = 6;
                prefix[1..].copy_from_slice(&address.octets()[..8]);
            }
        }
        Self(prefix)
    }

    /// Its bytes, to be digested with a key: there are few enough networks to try them all.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The `hops`-th address from the right in the lines of `X-Forwarded-For`, one list however it is cut; none if there are fewer or it is none.
pub fn forwarded_for<'a>(lines: impl Iterator<Item = &'a [u8]>, hops: usize) -> Option<IpAddr> {
    let entries: Vec<&[u8]> = lines.flat_map(|line| line.split(|&byte| byte == b',')).collect();
    let entry = entries.get(entries.len().checked_sub(hops)?)?;
    parse_address(std::str::from_utf8(entry).ok()?.trim())
}

/// Some proxies write the port, too, and then an IPv6 address in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(inside) => inside.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip())),
    };
    address.map(|address| address.to_canonical())
}

impl std::fmt::Debug for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prefix(..)")
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Relay(name) => f.debug_tuple("Relay").field(name).finish(),
            Self::Prefix(_) => f.write_str("Prefix(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const CLIENT: &str = "198.51.100.7";

    fn edge(proxies: usize) -> Edge {
        let networks = ["10.0.0.0/8", "::1"].map(|network| network.parse().expect("a network"));
        let relays = vec!["west=203.0.113.0/28".parse().expect("a relay")];
        Edge { proxies, proxy_networks: networks.to_vec(), relays }
    }

    /// Who sent a request over a connection from `peer` with these lines.
    fn caller(edge: &Edge, peer: &str, lines: &[&str]) -> Caller {
        let mut request = TestRequest::post().peer_addr(peer.parse().expect("an address and a port"));
        for &line in lines {
            request = request.append_header((X_FORWARDED_FOR, line));
        }
        edge.caller(&request.to_http_request())
    }

    fn prefix(address: &str) -> Caller {
        Caller::Prefix(Prefix::of(address.parse().expect("an address")))
    }

    #[test]
    fn x_forwarded_for_is_not_believed_from_anyone() {
        for line in [CLIENT, "203.0.113.1", "10.0.0.1", "::1", "1.2.3.4, 5.6.7.8"] {
            assert!(caller(&edge(0), "10.0.0.1:9", &[line]) == prefix("10.0.0.1"), "no proxy is configured");
            assert!(caller(&edge(1), "192.0.2.1:9", &[line]) == prefix("192.0.2.1"), "a stranger's");
        }
    }

    #[test]
    fn what_our_outermost_proxy_saw_is_believed_and_nothing_to_the_left() {
        let forged = "203.0.113.1, 1.1.1.1, 2.2.2.2";
        let one = format!("{forged}, {CLIENT}");
        let two = format!("{forged}, {CLIENT},10.0.0.2");
        for (hops, list) in [(1, one.as_str()), (2, two.as_str()), (1, CLIENT)] {
            assert!(caller(&edge(hops), "10.0.0.1:9", &[list]) == prefix(CLIENT), "{list}");
        }
        // Proxies may begin a line of their own.
        assert!(caller(&edge(2), "[::1]:9", &[forged, CLIENT, "10.0.0.2"]) == prefix(CLIENT));
    }

    #[test]
    fn a_list_that_is_too_short_or_unreadable_leaves_the_proxys_own_address() {
        let unreadable = ["", "unknown", "a,", "1.2.3.4,", "1.2.3.4.5", "fe80::1%eth0", "[::1", "1.2.3.4:99999"];
        for lines in unreadable.map(|line| vec![line]).into_iter().chain([vec![]]) {
            assert!(caller(&edge(1), "10.0.0.1:9", &lines) == prefix("10.0.0.1"), "{lines:?}");
        }
        assert!(caller(&edge(3), "10.0.0.1:9", &["1.2.3.4, 10.0.0.2"]) == prefix("10.0.0.1"));
        assert!(forwarded_for([b"1.2.3.4,\xff".as_slice()].into_iter(), 1).is_none());
        assert!(forwarded_for([b"\xff\xfe,1.2.3.4".as_slice()].into_iter(), 1).is_some());
    }

    #[test]
    fn limits_are_not_keyed_by_address_and_port() {
        let [first, second, third, other] =
            ["192.0.2.1:9", "192.0.2.1:10", "192.0.2.255:9", "192.0.3.1:9"].map(|peer| caller(&edge(0), peer, &[]));
        assert!(first == second && first == third && first != other);
        for written in [CLIENT, "198.51.100.7:4711", "::ffff:198.51.100.7", "[::ffff:198.51.100.7]:80"] {
            assert!(caller(&edge(1), "10.0.0.1:9", &[written]) == prefix(CLIENT), "{written}");
        }
    }

    #[test]
    fn an_ipv6_address_is_not_cut_short_and_shares_the_budget_of_its_64() {
        let of = |address: &str| prefix(address);
        assert!(of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert!(of("2001:db8:1:2::1") != of("2001:db8:1:3::1"));
        for written in ["2001:db8:1:2:3:4:5:6", "[2001:db8:1:2:3:4:5:6]", "[2001:db8:1:2:3:4:5:6]:65535"] {
            assert!(caller(&edge(1), "10.0.0.1:9", &[written]) == of("2001:db8:1:2::"), "{written}");
        }
        // 4.0.0.0 and 6::, were their bytes simply cut off, would run into one another.
        assert!(of("0.0.0.0") != of("::") && of("192.0.2.1") == of("::ffff:192.0.2.9"));
    }

    #[test]
    fn a_relay_is_known_by_the_address_that_is_believed() {
        let west = Caller::Relay("west".to_owned());
        assert!(caller(&edge(0), "203.0.113.1:9", &[]) == west);
        assert!(caller(&edge(1), "10.0.0.1:9", &["203.0.113.1"]) == west);
        assert!(caller(&edge(0), "203.0.113.16:9", &[]) != west);
        assert!(caller(&edge(1), "192.0.2.1:9", &["203.0.113.1"]) != west, "said by a stranger");
    }

    #[test]
    fn an_address_does_not_show_itself() {
        assert_eq!(format!("{:?}", prefix(CLIENT)), "Prefix(..)");
        assert_eq!(format!("{:?}", Prefix::of(CLIENT.parse().expect("an address"))), "Prefix(..)");
    }
}
