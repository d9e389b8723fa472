//! Settings: flags, environment, defaults.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use service::{Edge, Network, Relay};
use store::DatabaseUrl;

use crate::error::VerificationError;
use crate::secrets::Secrets;

/// Where codes and authorities are kept.
#[derive(Debug, Clone, Args)]
pub struct DatabaseSettings {
    /// The verification database: sqlite:PATH, a file that is created if it does not exist, or postgres://USER:PASSWORD@HOST/DATABASE,
    /// which `verification migrate` prepares. A connection over a network needs TLS unless the URL ends with ?sslmode=disable;
    /// ?sslrootcert=FILE names the authority that signed the database's certificate.
    #[arg(long, value_name = "URL", env = "VERIFICATION_DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
}

/// Where signing keys are unless somebody says otherwise.
pub const SIGNING_KEY_DIR: &str = "signing-keys";

/// What the service needs to know.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where codes and authorities are kept.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// The file with the service's secrets, mode 600: one a line, 32 bytes in hexadecimal or base64 each, the current one first;
    /// `verification secret create` writes it, `verification secret rotate` adds to it. A change counts at once.
    /// Whoever has it and the database can read codes that wait; without it, codes and tokens that are out no longer work.
    #[arg(long, value_name = "FILE", env = "VERIFICATION_SECRET_FILE")]
    pub secret_file: PathBuf,
    /// The directory with the authorities' certificate signing keys, mode 600 each; `verification keys generate` writes there. It need not exist
    /// if they are in the environment.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_SIGNING_KEY_DIR", default_value = SIGNING_KEY_DIR)]
    pub signing_key_dir: PathBuf,
    /// The directory with the authorities' settings for text messages, a file AUTHORITY.toml of mode 600 each. A change counts at once.
    /// Without it, or for authorities without a file, codes are not sent to phones.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_DELIVERY_DIR")]
    pub delivery_dir: Option<PathBuf>,
}

/// What stands between the network and the service.
#[derive(Debug, Clone, Args)]
pub struct EdgeSettings {
    /// How many reverse proxies of yours every request passes before it gets here. The N-th address from the right in X-Forwarded-For is then
    /// whose guesses are counted; with 0 it is the address of the connection, and the header is not looked at.
    #[arg(long, value_name = "N", env = "VERIFICATION_TRUSTED_PROXIES", default_value_t = 0)]
    pub trusted_proxies: usize,
    /// Where the last of them calls from: an address or ADDRESS/BITS, several by commas or by repeating the flag. From elsewhere
    /// X-Forwarded-For is not believed. Loopback and private networks unless you say otherwise.
    #[arg(
        long = "proxy-network",
        value_name = "CIDR",
        env = "VERIFICATION_PROXY_NETWORKS",
        value_delimiter = ',',
        default_values = ["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        hide_default_value = true
    )]
    pub proxy_networks: Vec<Network>,
    /// A relay that speaks for many phones (Oblivious HTTP), by a name of your choice and its address or ADDRESS/BITS; several by commas or by
    /// repeating the flag. It has a budget of wrong codes of its own.
    #[arg(long = "relay", value_name = "NAME=CIDR", env = "VERIFICATION_RELAYS", value_delimiter = ',')]
    pub relays: Vec<Relay>,
}

impl EdgeSettings {
    /// What an operator should know of these settings at the start of a service that listens on `address`, and that has a gateway for sealed
    /// requests or not: nothing if they fit together.
    pub fn warnings(&self, address: IpAddr, has_gateway: bool) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if address.is_loopback() && self.trusted_proxies == 0 {
            warnings.push(
                "everybody who comes through a proxy on this machine shares one budget of wrong codes; if there is one, set --trusted-proxies",
            );
        }
        if has_gateway && self.relays.is_empty() {
            warnings.push(
                "everybody who comes through a relay for sealed requests shares the budget of one network; name the relays with --relay",
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

impl Settings {
    /// Draws a secret and writes it into a new file that only its owner may read.
    ///
    /// # Errors
    /// [`VerificationError::Content`] if the file exists: it is never overwritten; [`VerificationError::File`] if it cannot be written.
    pub fn create_secret(path: &Path) -> Result<(), VerificationError> {
        Secrets::create(path, &mut store::chance::source())
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
