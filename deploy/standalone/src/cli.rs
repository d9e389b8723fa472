//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use proto::Region;
use service::{EdgeSettings, LogFormat, TestDeploymentSettings, Variables};

use crate::system::{Plan, Ports};

/// Pratique in one process: codes, uploads, signed bundles, and phones that find out for themselves who was near.
///
/// Everything listens on 127.0.0.1 and keeps its data in one directory. This is for trying things out and for development; in production
/// `verification`, `server` and `exporter` are programs of their own.
#[derive(Debug, Parser)]
#[command(name = "pratique", version, after_long_help = ENVIRONMENT)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What variables of its environment are its settings, beside those of the project's own tests.
pub(crate) const VARIABLES: Variables = Variables { prefix: "PRATIQUE", families: &["TEST_"] };

const ENVIRONMENT: &str = "\
Environment: a variable that begins with PRATIQUE_ and is a setting of no command here stops the program, so that a slip of the pen is found; what
container platforms set for services (PRATIQUE_PORT_..., PRATIQUE_SERVICE_...) is left alone, and so is PRATIQUE_TEST_..., which belongs to tests.
RUST_LOG sets what is logged (for instance debug), the default is info.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the whole story once, from code to warning, and say what travelled.
    Demo(Demo),
    /// Run all services until Ctrl-C, export on a schedule, and print how to reach them.
    ///
    /// Both services take sealed requests (Oblivious HTTP) at /ohttp and tell their keys at /ohttp-keys; the manifests announce these. The keys are
    /// in DIR/private/{server,verification}.ohttp; `server ohttp-key rotate` and `verification ohttp-key rotate` may replace them meanwhile.
    Serve(Serve),
}

/// Flags of `pratique demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where databases, keys and the public tree go. A directory that has them is used again. Default: a new one under the system's
    /// temporary directory, which is kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Flags of `pratique serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where databases, keys and the public tree are kept. access.json, there while everything listens, has URLs and API keys for
    /// scripts.
    #[arg(long, env = "PRATIQUE_DIR", value_name = "DIR", default_value = "pratique-data")]
    pub(crate) dir: PathBuf,
    /// The port of the verification service; 0 takes any free one.
    #[arg(long, env = "PRATIQUE_VERIFICATION_PORT", value_name = "PORT", default_value_t = 8080)]
    pub(crate) verification_port: u16,
    /// The port of the key server; 0 takes any free one.
    #[arg(long, env = "PRATIQUE_SERVER_PORT", value_name = "PORT", default_value_t = 8081)]
    pub(crate) server_port: u16,
    /// The port of the public tree; 0 takes any free one.
    #[arg(long, env = "PRATIQUE_CDN_PORT", value_name = "PORT", default_value_t = 8082)]
    pub(crate) cdn_port: u16,
    /// Export every this many seconds. In production: 4 h for GAEN, 1 h for TCN.
    #[arg(long, env = "PRATIQUE_EXPORT_PERIOD", value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) export_period: u64,
    /// Hold a GAEN feed while fewer keys than this may be released. In production: 1,000, since a small bundle tells who is in it.
    #[arg(long, env = "PRATIQUE_MINIMUM_KEYS", value_name = "KEYS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) minimum_keys: u32,
    /// Hold a TCN feed while fewer reports than this may be released. In production: 50.
    #[arg(long, env = "PRATIQUE_MINIMUM_REPORTS", value_name = "REPORTS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) minimum_reports: u32,
    /// The region of the feeds: 1 to 8 characters of A to Z, 0 to 9 and '-'.
    #[arg(long, env = "PRATIQUE_REGION", default_value = "DEMO")]
    pub(crate) region: Region,
    /// The id of the ready-made authority, which uploads name as healthAuthorityID: lower case.
    #[arg(long, env = "PRATIQUE_AUTHORITY", value_name = "ID", default_value = "demo", value_parser = lower_case)]
    pub(crate) authority: String,
    /// Answers to phones leave a whole number of ticks of so many milliseconds after their requests arrived, 0 to 10000, so that their times tell
    /// nothing. 0 sends them at once.
    #[arg(long, env = "PRATIQUE_TICK_MS", value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) tick_ms: u64,
    /// Also serve GET /metrics, in the format of Prometheus, at this address: the numbers of verification, server and exporter, whose names begin with
    /// pratique_verification_, pratique_server_ and pratique_exporter_ as elsewhere. Beside them /healthz answers 200 as long as the program does, and
    /// /readyz as long as exports begin when they should; those of the services are at their own ports. Port 0 takes any free one. Default: nowhere.
    #[arg(long, env = "PRATIQUE_METRICS_LISTEN", value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How log lines are written: text or json. Default: text on a terminal, json elsewhere.
    #[arg(long, env = "PRATIQUE_LOG_FORMAT", value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// What stands between phones and the services.
    #[command(flatten)]
    pub(crate) edge: EdgeSettings,
    /// Whether this is there to be tried out.
    #[command(flatten)]
    pub(crate) deployment: TestDeploymentSettings,
}

impl Serve {
    /// What is to be run.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            region: self.region.clone(),
            authority: self.authority.clone(),
            minimum_keys: self.minimum_keys,
            minimum_reports: self.minimum_reports,
            feeds: Vec::new(),
            edge: self.edge.clone().into(),
            test_deployment: self.deployment.test_deployment.clone(),
            tick: Duration::from_millis(self.tick_ms),
        }
    }

    /// Where it listens.
    pub(crate) const fn ports(&self) -> Ports {
        Ports { verification: self.verification_port, server: self.server_port, cdn: self.cdn_port }
    }
}

/// Both services fold an authority's id to lower case; here it must be spelt that way, because it is printed and stored as given.
fn lower_case(id: &str) -> Result<String, String> {
    if id.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("must be lower case".to_owned());
    }
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// All help texts, as they are in `tests/help.txt`. To accept a change, write what this prints into that file.
    #[test]
    fn the_help_is_as_documented() {
        let mut command = Cli::command();
        command.build();
        let mut help = command.render_long_help().to_string();
        for name in ["demo", "serve"] {
            let sub = command.find_subcommand_mut(name).expect("a subcommand");
            help += &format!("\n--- pratique {name} ---\n{}", sub.render_long_help());
        }
        let documented = include_str!("../tests/help.txt");
        assert!(help == documented, "tests/help.txt should say:\n{help}");
    }

    #[test]
    fn the_proxies_that_are_named_are_those_of_the_plan() {
        let proxies = |flags: &[&str]| {
            let Command::Serve(serve) = Cli::parse_from([&["pratique", "serve"], flags].concat()).command else {
                panic!("serve was asked for");
            };
            let edge = serve.plan().edge;
            (edge.proxies, edge.proxy_networks.len())
        };
        assert_eq!(proxies(&[]), (0, 6));
        assert_eq!(proxies(&["--trusted-proxies", "2", "--proxy-network", "192.0.2.0/24"]), (2, 1));
    }

    #[test]
    fn settings_that_cannot_be_meant_are_refused() {
        for flags in [
            &["serve", "--export-period", "0"][..],
            &["serve", "--minimum-keys", "0"],
            &["serve", "--region", "demo"],
            &["serve", "--authority", "Demo"],
            &["serve", "--cdn-port", "65536"],
            &["serve", "--trusted-proxies", "-1"],
            &["serve", "--relay", "West=203.0.113.1"],
            &["demo", "--region", "NO"],
        ] {
            assert!(Cli::try_parse_from([&["pratique"], flags].concat()).is_err(), "{flags:?}");
        }
        let Command::Serve(serve) = Cli::parse_from(["pratique", "serve", "--export-period", "1"]).command else {
            panic!("serve was asked for");
        };
        assert_eq!((serve.export_period, serve.plan().minimum_keys, serve.ports().cdn), (1, 1, 8_082));
    }
}
