//! What can go wrong in one process, by what its owner can do about it.

use std::io;
use std::path::{Path, PathBuf};

use client::ClientError;
use exporter::ExportError;
use proto::Malformed;
use server::ServerError;
use service::secret_file::SecretFileError;
use verification::VerificationError;

/// The demo did not end well, or the services cannot run like this.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandaloneError {
    /// A file or directory under DIR: look at its permissions and at the disk.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A port is taken: choose another one.
    #[error(
        "cannot listen on 127.0.0.1:{port}: {source}; choose another port with --{service}-port, 0 takes any free one"
    )]
    Port {
        /// `verification`, `server` or `cdn`.
        service: &'static str,
        /// Which port.
        port: u16,
        /// Why it failed.
        source: io::Error,
    },
    /// The address for operators is taken or not this machine's: choose another one.
    #[error("--metrics-listen: {0}")]
    Metrics(io::Error),
    /// Another process serves this directory: stop it first.
    #[error("another pratique serve runs on this directory, as {} says; stop it first", .0.display())]
    Running(PathBuf),
    /// A value on the command line, or a file's content.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The keys of a gateway.
    #[error("gateway: {0}")]
    Gateway(#[from] SecretFileError),
    /// The verification service.
    #[error("verification: {0}")]
    Verification(#[from] VerificationError),
    /// The key server.
    #[error("server: {0}")]
    Server(#[from] ServerError),
    /// The exporter.
    #[error("exporter: {0}")]
    Export(#[from] ExportError),
    /// A phone's call, with what it was about.
    #[error("{0}: {1}")]
    Call(&'static str, ClientError),
    /// The story took a turn that it must not take.
    #[error("the demo failed: {0}")]
    Story(String),
}

impl StandaloneError {
    /// Names the file in an error of the file system.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
