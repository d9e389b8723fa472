//! Text messages through a program of the authority's own, which hears of each by a signed request.
//!
//! `[sender]` with `kind = "webhook"` takes `url`, `key` or `key_file` (at least 32 characters), and if they are not as usual
//! `timeout_seconds`, `ca_file`, `allow_http`.
//!
//! The request is a POST with the body `{"id":"...","to":"+4791234567","body":"..."}`, in JSON. `X-Pratique-Timestamp` holds the time in UTC
//! seconds, and `X-Pratique-Signature` the HMAC-SHA256 of timestamp, a dot and the body's bytes under the key, in hexadecimal. A receiver
//! computes the same over what it was sent, before it reads the JSON, compares in constant time, refuses what is more than five minutes old,
//! and drops an `id` that it has sent a message for:
//!
//! ```sh
//! printf '%s.%s' "$TIMESTAMP" "$BODY" | openssl dgst -sha256 -hmac "$KEY"
//! ```
//!
//! It answers with 2xx once it answers for the message, also if it has sent it before, with 4xx if it will never send it (the code is then
//! expired, unless it is known to be delivered), and with anything else, 408, 409, 425 and 429 among it, if it may be asked again. 409 says
//! that it has heard of the `id`; whether anybody got the message stays unknown.

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use proto::{Malformed, Timestamp};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::contract::{Attempt, Sender, TextMessage};
use super::delivered::Delivery;
use super::fields::{Fields, Secret};
use super::outgoing::{Outgoing, OutgoingSettings, Reply, judge};
use super::sources::Sources;
use crate::error::VerificationError;

/// The shortest key, in bytes: whoever guesses it sends messages in the authority's name.
const SHORTEST_KEY: usize = 32;

/// What the settings say.
pub(super) struct WebhookSettings {
    outgoing: OutgoingSettings,
    key: Secret,
}

/// A program that sends messages.
pub(super) struct Webhook {
    outgoing: Outgoing,
    key: Zeroizing<String>,
}

impl WebhookSettings {
    pub(super) fn parse(fields: &mut Fields) -> Result<Self, Malformed> {
        Ok(Self {
            outgoing: OutgoingSettings::parse(fields, None)?,
            key: fields.secret("sender.key", "sender.key_file")?,
        })
    }
}

impl Webhook {
    /// Reads the files that the settings name.
    pub(super) fn open(settings: &WebhookSettings, sources: &mut Sources) -> Result<Self, VerificationError> {
        let key = sources.key(&settings.key)?;
        if key.len() < SHORTEST_KEY {
            return Err(Malformed::new("sender.key", "must have at least 32 characters").into());
        }
        Ok(Self { outgoing: sources.outgoing(&settings.outgoing)?, key })
    }

    fn sign(&self, at: Timestamp, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(at.unix().to_string().as_bytes());
        mac.update(b".");
        mac.update(body.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[async_trait]
impl Sender for Webhook {
    async fn send(&self, message: &TextMessage<'_>) -> Attempt {
        let TextMessage { id, to, body, sent_at } = message;
        let body = Zeroizing::new(json!({ "id": id, "to": to.e164(), "body": body }).to_string());
        let signature = self.sign(*sent_at, &body);
        let reply = self.outgoing.post(|request| {
            request
                .header(CONTENT_TYPE, "application/json")
                .header("X-Pratique-Timestamp", sent_at.unix())
                .header("X-Pratique-Signature", signature)
                .body(body.as_bytes().to_vec())
        });
        let reply = reply.await;
        judge(reply.as_ref(), reply.as_ref().map_or(Delivery::Unknown, Reply::verdict))
    }
}
