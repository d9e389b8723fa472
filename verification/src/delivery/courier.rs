//! How one authority sends text messages: its settings, read and ready.

use std::path::PathBuf;

use proto::{Malformed, Timestamp};
use zeroize::Zeroizing;

use super::authentication::Authentication;
use super::contract::{Attempt, Sender, TextMessage};
use super::file::File;
use super::purpose::Purpose;
use super::settings::{DEFAULT_TEMPLATE, DeliverySettings, Limits, SenderSettings};
use super::sources::Sources;
use super::template::{Filling, Template};
use super::twilio::Twilio;
use super::webhook::Webhook;
use crate::error::VerificationError;
use crate::issued::Issued;
use crate::phone::PhoneNumber;

/// The text for people who report about themselves, if an authority has one.
const REPORT_TEMPLATE: &str = "user-report";

/// How one authority sends text messages.
pub(crate) struct Courier {
    settings: DeliverySettings,
    sender: Box<dyn Sender>,
    authentication: Option<Authentication>,
}

impl Courier {
    /// Reads an authority's settings, and the files that they name.
    ///
    /// # Errors
    /// [`VerificationError`] names the file, and the field that does not hold.
    pub(super) fn open(authority: &str, sources: &mut Sources) -> Result<Self, VerificationError> {
        let name = PathBuf::from(format!("{authority}.toml"));
        let text = sources.secret(&name)?;
        let path = sources.path(&name);
        Self::build(&text, sources).map_err(|error| match error {
            VerificationError::Malformed(reason) => VerificationError::Settings { path, reason },
            other => other,
        })
    }

    fn build(text: &str, sources: &mut Sources) -> Result<Self, VerificationError> {
        let settings = DeliverySettings::parse(text)?;
        let sender: Box<dyn Sender> = match &settings.sender {
            SenderSettings::Twilio(settings) => Box::new(Twilio::open(settings, sources)?),
            SenderSettings::Webhook(settings) => Box::new(Webhook::open(settings, sources)?),
            SenderSettings::File(settings) => Box::new(File::open(settings, sources)),
        };
        let authentication = match &settings.authentication {
            None => None,
            Some(key) => Some(Authentication::new(&sources.secret(&key.key_file)?, key.key_id.clone())?),
        };
        Ok(Self { settings, sender, authentication })
    }

    /// Reads a phone number that this authority sends to.
    ///
    /// # Errors
    /// [`Malformed`] if it is no number, or one of a country or a kind that gets nothing.
    pub(crate) fn recipient(&self, phone: &str) -> Result<PhoneNumber, Malformed> {
        let refused = || Malformed::new("phone", "must be a number that this authority sends text messages to");
        let number = PhoneNumber::parse(phone, self.settings.calling_codes.first().copied())?;
        let digits = number.e164().trim_start_matches('+');
        let is_refused = self.settings.refused_prefixes.iter().any(|prefix| digits.starts_with(prefix));
        if is_refused || !number.calling_code_is(&self.settings.calling_codes) { Err(refused()) } else { Ok(number) }
    }

    /// How many messages it sends.
    pub(crate) fn limits(&self) -> Limits {
        self.settings.limits
    }

    /// Whether it has a text with this label.
    pub(super) fn has_template(&self, label: &str) -> bool {
        self.settings.templates.contains_key(label)
    }

    /// Writes the message that carries a code. An empty label means the text for this purpose.
    pub(super) fn compose(
        &self,
        label: &str,
        purpose: Purpose,
        to: &PhoneNumber,
        issued: &Issued,
        now: Timestamp,
    ) -> Zeroizing<String> {
        let template = self.template(label, purpose);
        let left = |end: Timestamp, unit: i64| ((end.unix() - now.unix()) / unit).max(1);
        let body = template.fill(&Filling {
            code: issued.short.code.as_str(),
            // A code of before there were long ones is claimed by its short form everywhere.
            long_code: issued.long.as_ref().unwrap_or(&issued.short).code.as_str(),
            minutes: left(issued.short.expires_at, 60),
            hours: left(issued.long_expires_at(), 3_600),
            region: &self.settings.region,
            link: &self.settings.link,
        });
        match &self.authentication {
            None => body,
            Some(authentication) => authentication.sign(purpose, to, &body, now),
        }
    }

    /// Sends it.
    pub(crate) async fn send(&self, message: &TextMessage<'_>) -> Attempt {
        self.sender.send(message).await
    }

    fn template(&self, label: &str, purpose: Purpose) -> &Template {
        let templates = &self.settings.templates;
        let wanted = match (label, purpose) {
            ("", Purpose::Issue) => DEFAULT_TEMPLATE,
            ("", Purpose::UserReport) => REPORT_TEMPLATE,
            (label, _) => label,
        };
        let template = templates.get(wanted).or_else(|| templates.get(DEFAULT_TEMPLATE));
        template.expect("settings without a default text are refused")
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier(..)")
    }
}
