//! Networks by address, as an operator writes them.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use proto::Malformed;

/// A network: `192.0.2.0/24`, `2001:db8::/32`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// A network that speaks for many people, and the name by which it is counted: `NAME=CIDR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// 1 to 32 of `a` to `z`, `0` to `9` and `-`. Several networks may share a name, and then have one budget.
    pub name: String,
    /// Its addresses.
    pub network: Network,
}

impl Network {
    /// Whether an address lies in it. An IPv4 address that is written as an IPv6 one is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| Malformed::new("network", "must be an address or ADDRESS/BITS"))
    }
}

impl FromStr for Relay {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (name, network) =
            text.split_once('=').ok_or_else(|| Malformed::new("relay", "must be NAME=ADDRESS or NAME=ADDRESS/BITS"))?;
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(Malformed::new("relay", "its name must be 1 to 32 of a to z, 0 to 9 and '-'"));
        }
        Ok(Self { name: name.to_owned(), network: network.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_contains_its_addresses_however_they_are_written() {
        let network: Network = "192.0.2.0/24".parse().expect("a network");
        assert!(network.contains(address("192.0.2.7")) && network.contains(address("::ffff:192.0.2.7")));
        assert!(!network.contains(address("192.0.3.7")) && !network.contains(address("::")));
        let single: Network = "2001:db8::1".parse().expect("an address");
        assert!(single.contains(address("2001:db8::1")) && !single.contains(address("2001:db8::2")));
    }

    #[test]
    fn what_names_no_network_is_refused() {
        for text in ["", "west", "192.0.2.0/33", "192.0.2.0/", "192.0.2/24", "2001:db8::/129", "192.0.2.1:80"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        for text in ["", "west", "=192.0.2.1", "West=192.0.2.1", "we st=192.0.2.1", "west=", "west=a"] {
            assert!(text.parse::<Relay>().is_err(), "{text}");
        }
        let relay: Relay = "west-1=192.0.2.0/28".parse().expect("a relay");
        assert_eq!((relay.name.as_str(), relay.network), ("west-1", "192.0.2.0/28".parse().expect("a network")));
    }
}
