//! `gateway` lines: which keys of Oblivious HTTP gateways everybody is given.
//!
//! A gateway that gave one phone a key of its own would know that phone's requests from all others, relay or not. What stands in the manifest
//! is the same for everybody, so a phone seals to no key that does not.

use super::words::sha256;
use crate::error::Malformed;

/// The most keys of one service that are announced at a time: a gateway has no more.
pub const MAX_GATEWAY_KEYS: usize = 16;

/// A service with a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GatewayService {
    /// The key server.
    Server,
    /// The verification service. A region may have several: the keys of all are announced, and each phone knows its own by what it is given.
    Verification,
}

/// A `gateway` line: a key that a service gives to everybody, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnnouncedGateway {
    /// Whose key.
    pub service: GatewayService,
    /// SHA-256 of the key configuration (RFC 9458, section 3), without the length that stands before it in a list.
    pub sha256: [u8; 32],
}

impl GatewayService {
    /// Both, in the order in which their keys are listed.
    pub const ALL: [Self; 2] = [Self::Server, Self::Verification];

    /// As it stands in lines, rows and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Verification => "verification",
        }
    }
}

impl std::str::FromStr for GatewayService {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| Malformed::new("gateway", "must be of server or verification"))
    }
}

impl AnnouncedGateway {
    pub(super) fn render(&self) -> String {
        format!("gateway {} {}\n", self.service.as_str(), hex::encode(self.sha256))
    }

    /// Reads the words of a line; none for a service that is not known here, as for a line of an unknown kind.
    pub(super) fn parse(words: &[&str]) -> Result<Option<Self>, Malformed> {
        let &[service, hash] = words else {
            return Err(Malformed::new("gateway", "must have a service and a hash"));
        };
        let sha256 = sha256("gateway", hash)?;
        Ok(service.parse().ok().map(|service| Self { service, sha256 }))
    }
}
