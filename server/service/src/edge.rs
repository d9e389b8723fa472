//! The flags that say what stands between the network and a service.

use std::net::IpAddr;

use clap::Args;

use crate::caller::Edge;
use crate::network::{Network, Relay};

/// What stands between the network and the service. Each program gives the flags environment variables of its own, see
/// [`with_environment`](crate::with_environment).
#[derive(Debug, Clone, Args)]
pub struct EdgeSettings {
    /// How many reverse proxies of yours every request passes before it gets here. The N-th address from the right in X-Forwarded-For is then
    /// the one that limits count; with 0 it is the address of the connection, and the header is not looked at.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub trusted_proxies: usize,
    /// Where the last of them calls from: an address or ADDRESS/BITS, several by commas or by repeating the flag. From elsewhere
    /// X-Forwarded-For is not believed. Loopback and private networks unless you say otherwise.
    #[arg(
        long = "proxy-network",
        value_name = "CIDR",
        value_delimiter = ',',
        default_values = ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        hide_default_value = true
    )]
    pub proxy_networks: Vec<Network>,
    /// A relay that speaks for many phones (Oblivious HTTP), by a name of your choice and its address or ADDRESS/BITS; several by commas or by
    /// repeating the flag. It has limits of its own.
    #[arg(long = "relay", value_name = "NAME=CIDR", value_delimiter = ',')]
    pub relays: Vec<Relay>,
}

impl EdgeSettings {
    /// What an operator should know of these settings at the start of a service that listens on `address`, and that has a gateway for sealed
    /// requests or not: nothing if they fit together.
    pub fn warnings(&self, address: IpAddr, has_gateway: bool) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if address.is_loopback() && self.trusted_proxies == 0 {
            warnings.push(
                "everybody who comes through a proxy on this machine shares the limits of one caller; if there is one, set --trusted-proxies",
            );
        }
        if has_gateway && self.relays.is_empty() {
            warnings.push(
                "everybody who comes through a relay for sealed requests shares the limits of one network; name the relays with --relay",
            );
        }
        warnings
    }
}

impl From<EdgeSettings> for Edge {
    fn from(settings: EdgeSettings) -> Self {
        Self { proxies: settings.trusted_proxies, proxy_networks: settings.proxy_networks, relays: settings.relays }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_all_would_share_is_warned_of() {
        let bare = EdgeSettings { trusted_proxies: 0, proxy_networks: Vec::new(), relays: Vec::new() };
        let behind_a_proxy = EdgeSettings { trusted_proxies: 1, ..bare.clone() };
        let relays = vec!["west=203.0.113.1".parse().expect("a relay")];
        let with_a_relay = EdgeSettings { relays, ..behind_a_proxy.clone() };
        for (settings, address, has_gateway, flags) in [
            (&bare, "127.0.0.1", false, &["--trusted-proxies"][..]),
            (&bare, "::1", true, &["--trusted-proxies", "--relay"]),
            (&bare, "192.0.2.1", false, &[]),
            (&behind_a_proxy, "127.0.0.1", false, &[]),
            (&behind_a_proxy, "127.0.0.1", true, &["--relay"]),
            (&with_a_relay, "127.0.0.1", true, &[]),
        ] {
            let warnings = settings.warnings(address.parse().expect("an address"), has_gateway);
            assert_eq!(warnings.len(), flags.len(), "{address}");
            assert!(warnings.iter().zip(flags).all(|(warning, flag)| warning.ends_with(flag)), "{warnings:?}");
        }
    }
}
