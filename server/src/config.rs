//! Settings: flags, environment, defaults.

use std::path::PathBuf;

use clap::Args;
use proto::proof_of_work::Difficulty;
use store::DatabaseUrl;

/// What the server needs to know.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The key database, which the exporter reads too: sqlite:PATH, a file that is created if it does not exist, or
    /// postgres://USER:PASSWORD@HOST/DATABASE, which `server migrate` prepares. A connection over a network needs TLS unless the URL
    /// ends with ?sslmode=disable; ?sslrootcert=FILE names the authority that signed the database's certificate.
    #[arg(long, value_name = "URL", env = "SERVER_DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
}

/// What the server needs to know about reports without a certificate. Whether there may be any is for each authority to say, see
/// `server authority add --self-reports`.
#[derive(Debug, Clone, Args)]
pub struct SelfReportSettings {
    /// The authority that apps mean which name none: those of CoEpi post to /tcnreport/0.4.0, those of Covid Watch to /submitReport. Apps whose
    /// base URL may be chosen name theirs in the path: /self/ID/tcnreport/0.4.0. Without this, the bare paths refuse everything; an
    /// authority that is unknown, or takes no such reports, is warned of at the start and may be added, or told to, later.
    #[arg(long, value_name = "ID", env = "SERVER_SELF_REPORT_AUTHORITY")]
    pub self_report_authority: Option<String>,
    /// A file with at least 32 random bytes, mode 600, under which challenges are sealed. Servers that stand side by side need the same one. Default:
    /// bytes that are drawn at each start.
    #[arg(long, value_name = "FILE", env = "SERVER_CHALLENGE_SECRET_FILE")]
    pub challenge_secret_file: Option<PathBuf>,
    /// Proof of work: the memory of one try, in KiB, 8 to 65536. The server spends as much for each proof that it checks.
    #[arg(long, value_name = "KIB", env = "SERVER_PROOF_MEMORY_KIB", default_value_t = Self::DEFAULT.proof_memory_kib, value_parser = clap::value_parser!(u32).range(8..=i64::from(Difficulty::MAX_MEMORY_KIB)))]
    pub proof_memory_kib: u32,
    /// Proof of work: the passes over that memory, 1 to 8.
    #[arg(long, value_name = "PASSES", env = "SERVER_PROOF_PASSES", default_value_t = Self::DEFAULT.proof_passes, value_parser = clap::value_parser!(u32).range(1..=i64::from(Difficulty::MAX_PASSES)))]
    pub proof_passes: u32,
    /// Proof of work: the zero bits to be found, 0 to 20; one more doubles what a phone has to do and costs the server nothing. The default
    /// takes a phone about a second.
    #[arg(long, value_name = "BITS", env = "SERVER_PROOF_BITS", default_value_t = Self::DEFAULT.proof_bits, value_parser = clap::value_parser!(u32).range(0..=i64::from(Difficulty::MAX_BITS)))]
    pub proof_bits: u32,
}

impl SelfReportSettings {
    /// 256 tries on average, each over 4 MiB: 0.3 s on a core of 2024, about a second on a phone; 1.1 ms for the server.
    const DEFAULT: Self = Self {
        self_report_authority: None,
        challenge_secret_file: None,
        proof_memory_kib: 4_096,
        proof_passes: 1,
        proof_bits: 8,
    };
}

impl Default for SelfReportSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}
