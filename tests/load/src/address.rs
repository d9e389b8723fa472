//! Where simulated people call from: networks set aside for benchmarks, so that no budget of a service is shared by those who would not share it.
//!
//! All addresses are of 2001:2::/48 (RFC 5180). Services count networks (/64), of which there are 65,536 here: half of them for honest phones, the rest
//! cut among those who are no phones or not honest.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    /// Phones with a code, and those that poll.
    Phones,
    /// Phones that send chaff.
    Chaff,
    /// The authority's offices.
    Offices,
    /// Relays of sealed requests.
    Relays,
    /// Who guesses codes.
    Guessers,
    /// Who sends what is no request.
    Vandals,
    /// Who tries to get past the CDN's cache.
    Busters,
}

impl Crowd {
    /// The first of its networks, and how many there are.
    const fn networks(self) -> (u16, u16) {
        match self {
            Self::Phones => (0x0000, 0x8000),
            Self::Chaff => (0x8000, 0x4000),
            Self::Offices => (0xc000, 0x0400),
            Self::Relays => (0xc400, 0x0400),
            Self::Guessers => (0xd000, 0x1000),
            Self::Vandals => (0xe000, 0x1000),
            Self::Busters => (0xf000, 0x1000),
        }
    }
}

/// Addresses of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    seed: u64,
}

impl Addresses {
    /// Those that follow from a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Where number `n` of a crowd calls from, always the same. Neighbours are spread over all networks of the crowd.
    pub(crate) fn of(self, crowd: Crowd, n: u64) -> IpAddr {
        let (first, count) = crowd.networks();
        let mixed = mix(self.seed ^ n);
        let network = first + (mixed % u64::from(count)) as u16;
        let [.., a, b] = mixed.to_be_bytes();
        Ipv6Addr::new(0x2001, 2, 0, network, 0, 0, u16::from(a), u16::from(b) | 1).into()
    }

    /// What says that a request comes from number `n` of a crowd, where it is not crate `client` that sends it. Proxies and CDNs have limits for an
    /// address, too, so polls need it as much as uploads do.
    pub(crate) fn headers(self, crowd: Crowd, n: u64) -> HeaderMap {
        let address = HeaderValue::from_str(&self.of(crowd, n).to_string());
        let address = address.expect("an address is written in printable ASCII");
        [(HeaderName::from_static("x-forwarded-for"), address)].into_iter().collect()
    }
}

/// Every bit of the input on every bit of the output (the finaliser of SplitMix64).
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ALL: [Crowd; 7] =
        [Crowd::Phones, Crowd::Chaff, Crowd::Offices, Crowd::Relays, Crowd::Guessers, Crowd::Vandals, Crowd::Busters];

    fn network(address: IpAddr) -> [u8; 8] {
        let IpAddr::V6(address) = address else { panic!("all are IPv6") };
        *address.octets().first_chunk().expect("16 bytes are at least 8")
    }

    #[test]
    fn no_two_crowds_share_a_network_and_all_are_set_aside_for_benchmarks() {
        let mut owner = BTreeMap::new();
        for crowd in ALL {
            for n in 0..20_000 {
                let network = network(Addresses::new(1).of(crowd, n));
                assert_eq!(network[..6], [0x20, 0x01, 0, 2, 0, 0]);
                assert_eq!(*owner.entry(network).or_insert(crowd), crowd);
            }
        }
    }

    #[test]
    fn honest_phones_are_spread_so_that_a_thousand_a_minute_share_no_budget() {
        let mut phones: BTreeMap<[u8; 8], u32> = BTreeMap::new();
        (0..6_000).for_each(|n| *phones.entry(network(Addresses::new(9).of(Crowd::Phones, n))).or_default() += 1);
        assert!(phones.values().all(|count| *count < 10), "a network may ask 600 times a minute");
    }
}
