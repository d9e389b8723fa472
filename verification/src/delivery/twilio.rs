//! Text messages through Twilio, or through whoever understands its API (`POST /2010-04-01/Accounts/{account}/Messages.json`).
//!
//! `[sender]` with `kind = "twilio"` takes `account`, `token` or `token_file`, `from` (a number, a name, or a messaging service: `MG...`), and
//! if they are not as usual `url` (what stands before `/2010-04-01`), `timeout_seconds`, `ca_file`, `allow_http`.

use async_trait::async_trait;
use proto::Malformed;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::contract::{Attempt, Sender, TextMessage};
use super::delivered::Delivery;
use super::fields::{Fields, Secret};
use super::outgoing::{Outgoing, OutgoingSettings, Reply, judge};
use super::sources::Sources;
use crate::error::VerificationError;

/// Where the API is.
const URL: &str = "https://api.twilio.com";

/// What the settings say.
pub(super) struct TwilioSettings {
    outgoing: OutgoingSettings,
    account: String,
    token: Secret,
    from: String,
}

/// A Twilio account.
pub(super) struct Twilio {
    outgoing: Outgoing,
    account: String,
    token: Zeroizing<String>,
    from: String,
}

/// What an answer says beside its status.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    status: String,
}

impl TwilioSettings {
    pub(super) fn parse(fields: &mut Fields) -> Result<Self, Malformed> {
        let account = fields.required("sender.account")?;
        if account.len() > 64 || !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Malformed::new("sender.account", "must be letters and digits"));
        }
        let mut outgoing = OutgoingSettings::parse(fields, Some(URL))?;
        let path = format!("{}/2010-04-01/Accounts/{account}/Messages.json", outgoing.url.path().trim_end_matches('/'));
        outgoing.url.set_path(&path);
        let token = fields.secret("sender.token", "sender.token_file")?;
        Ok(Self { outgoing, account, token, from: fields.required("sender.from")? })
    }
}

impl Twilio {
    /// Reads the files that the settings name.
    pub(super) fn open(settings: &TwilioSettings, sources: &mut Sources) -> Result<Self, VerificationError> {
        let TwilioSettings { outgoing, account, token, from } = settings;
        Ok(Self {
            outgoing: sources.outgoing(outgoing)?,
            account: account.clone(),
            token: sources.key(token)?,
            from: from.clone(),
        })
    }

    fn form(&self, message: &TextMessage<'_>) -> Zeroizing<String> {
        let from = if self.from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
        // A query is encoded like a form.
        let mut form = self.outgoing.url.clone();
        let fields = [("To", message.to.e164()), (from, &self.from), ("Body", message.body)];
        form.query_pairs_mut().clear().extend_pairs(fields);
        Zeroizing::new(form.query().unwrap_or_default().to_owned())
    }
}

#[async_trait]
impl Sender for Twilio {
    async fn send(&self, message: &TextMessage<'_>) -> Attempt {
        let form = self.form(message);
        let reply = self.outgoing.post(|request| {
            request
                .basic_auth(&self.account, Some(self.token.as_str()))
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.as_bytes().to_vec())
        });
        let reply = reply.await;
        judge(reply.as_ref(), reply.as_ref().map_or(Delivery::Unknown, verdict))
    }
}

/// A message may be taken and given up in one breath.
fn verdict(reply: &Reply) -> Delivery {
    let said: Said = serde_json::from_slice(&reply.body).unwrap_or_default();
    match reply.verdict() {
        Delivery::Delivered if ["failed", "undelivered", "canceled"].contains(&said.status.as_str()) => {
            Delivery::Refused
        }
        other => other,
    }
}
