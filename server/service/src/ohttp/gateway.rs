//! The gateway: keys, and which routes a sealed request may reach.

use std::path::Path;
use std::sync::Arc;

use proto::Timestamp;
use proto::ohttp::{InnerReply, InnerRequest, Opened, ReplySealer, open_request};
use rand_core::CryptoRng;

use super::key_ring::KeyRing;
use super::refusal::Refusal;
use crate::path::is_instance;
use crate::secret_file::SecretFileError;
use crate::unheard::Unheard;
use crate::watched::Watched;

/// The length of every reply of `POST /ohttp`, in bytes: a reply of 4,096 with its header, its padding and its seal.
pub const SEALED_REPLY_BYTES: usize = 4_608;
/// The longest sealed request, in bytes: the longest body of a route with its header, and what a phone fills up.
pub(super) const MOST: usize = 72_000;

/// Where time and chance come from.
#[derive(Clone)]
pub struct Outside {
    /// The time now.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A cryptographically secure source of randomness.
    pub chance: fn() -> Box<dyn CryptoRng>,
}

/// An open gateway.
pub struct Gateway {
    keys: Watched<KeyRing>,
    outside: Outside,
    /// The paths that phones use. Nothing else can be reached through the gateway.
    paths: &'static [&'static str],
}

/// The state of a service that may have a gateway.
pub trait HasGateway: 'static {
    /// The gateway; none if there is no key for one.
    fn gateway(&self) -> Option<&Gateway>;
}

impl Gateway {
    /// Reads the keys. A change of the file counts at once.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn open(path: &Path, paths: &'static [&'static str], outside: Outside) -> Result<Self, SecretFileError> {
        Ok(Self { keys: Watched::open(path, KeyRing::read)?, outside, paths })
    }

    /// What is published of the keys.
    pub(super) fn published(&self) -> Vec<u8> {
        self.keys.current(KeyRing::read).published((self.outside.now)())
    }

    /// Opens an envelope.
    pub(super) fn unseal(&self, envelope: &[u8]) -> Result<Opened, Refusal> {
        let (keys, now) = (self.keys.current(KeyRing::read), (self.outside.now)());
        Ok(open_request(envelope, |id| keys.find(id, now))?)
    }

    /// Reads what was in an envelope.
    pub(super) fn admit(&self, message: &[u8]) -> Result<InnerRequest, Unheard> {
        let inner = InnerRequest::decode(message).map_err(|_| Unheard::NotBinaryHttp)?;
        let known = self.paths.iter().any(|template| is_instance(&inner.path, template));
        if known { Ok(inner) } else { Err(Unheard::UnknownPath) }
    }

    /// Seals a reply, in one size whatever it says and whichever cipher the phone chose.
    pub(super) fn seal(&self, reply: &InnerReply, sealer: ReplySealer) -> Vec<u8> {
        let size = SEALED_REPLY_BYTES - sealer.cipher().reply_overhead();
        let message = reply.encode(size).unwrap_or_else(|| {
            tracing::error!(
                http.status = reply.status,
                "a reply is too long to be sealed; the phone is told to try again"
            );
            let nothing = InnerReply { status: 500, headers: vec![], body: vec![] };
            nothing.encode(size).expect("a reply without anything fits")
        });
        sealer.seal(&message, &mut (self.outside.chance)())
    }
}
