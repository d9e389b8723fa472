//! The machine that the load came from.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// The machine that the load came from. In tests the deployment runs on it, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that the program may use.
    pub cores: usize,
    /// The model of the processor; empty where the system does not tell.
    pub cpu: String,
    /// Main memory in bytes; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// Operating system and architecture: `linux x86_64`.
    pub system: String,
}

impl Machine {
    /// The machine that this program runs on.
    pub fn here() -> Self {
        let kib = field("/proc/meminfo", "MemTotal").trim_end_matches("kB").trim().parse::<u64>();
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            cpu: field("/proc/cpuinfo", "model name"),
            memory_bytes: kib.unwrap_or_default() * 1_024,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// The value of the first line `NAME : VALUE` of a file; empty if there is none.
fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}
