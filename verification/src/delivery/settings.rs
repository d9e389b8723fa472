//! What an authority's file says of its text messages: `{authority}.toml` in the delivery directory, for the service's eyes alone.
//! `deploy/config/text-messages.toml` shows all that can be said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proto::Malformed;

use super::authentication;
use super::fields::Fields;
use super::file::FileSettings;
use super::template::{Filling, Template};
use super::twilio::TwilioSettings;
use super::webhook::WebhookSettings;
use crate::calling_code::CallingCode;

/// The text that is sent unless another is asked for.
pub(super) const DEFAULT_TEMPLATE: &str = "default";
/// The link that phones open with whatever app handles exposure notifications.
const DEFAULT_LINK: &str = "ens://v";
/// The longest link, in bytes.
const LONGEST_LINK: usize = 128;
/// The longest short code: 16 Crockford characters and the check character. Letters and digits all take one place.
const LONGEST_CODE: &str = "00000000000000000";
/// A long code.
const LONG_CODE: &str = "0000000000000000";

/// The settings of an authority's text messages, as its file says them. Files that these name are not read yet.
pub struct DeliverySettings {
    /// Where it sends to; the first is its own.
    pub(super) calling_codes: Vec<CallingCode>,
    /// How numbers begin, calling code included, that get nothing.
    pub(super) refused_prefixes: Vec<String>,
    /// `[region]`.
    pub(super) region: String,
    /// `[enslink]` up to the long code.
    pub(super) link: String,
    pub(super) sender: SenderSettings,
    /// By label.
    pub(super) templates: BTreeMap<String, Template>,
    pub(super) limits: Limits,
    pub(super) authentication: Option<AuthenticationSettings>,
}

/// Who carries the messages.
pub(super) enum SenderSettings {
    Twilio(TwilioSettings),
    Webhook(WebhookSettings),
    File(FileSettings),
}

/// How many messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// To one number from midnight to midnight UTC.
    pub(crate) per_number_a_day: u32,
    /// To numbers that differ in their last four digits alone, from one full hour to the next.
    pub(crate) per_block_an_hour: u32,
    /// In all, from midnight to midnight UTC.
    pub(crate) a_day: u32,
    /// That people ask for about themselves from one network (/24 of IPv4, /64 of IPv6), from one full hour to the next.
    pub(crate) per_network_an_hour: u32,
}

/// How messages are signed.
pub(super) struct AuthenticationSettings {
    pub(super) key_file: PathBuf,
    pub(super) key_id: String,
}

impl DeliverySettings {
    /// Reads the text of a settings file.
    ///
    /// # Errors
    /// [`Malformed`] names the field that does not hold, and says nothing of its value.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut fields = Fields::parse(text)?;
        let region = parse_region(fields.required("region")?)?;
        let settings = Self {
            calling_codes: parse_calling_codes(&mut fields)?,
            refused_prefixes: parse_prefixes(&mut fields)?,
            link: format!("{}?r={region}&c=", parse_link(fields.text("link")?)?),
            region,
            sender: SenderSettings::parse(&mut fields)?,
            templates: parse_templates(&mut fields)?,
            limits: Limits::parse(&mut fields)?,
            authentication: AuthenticationSettings::parse(&mut fields)?,
        };
        fields.finish()?;
        settings.check_templates()?;
        Ok(settings)
    }

    /// Whatever fills their gaps, messages must not be longer than phones can bear.
    fn check_templates(&self) -> Result<(), Malformed> {
        let suffix = self.authentication.as_ref().map(|settings| authentication::longest_suffix(&settings.key_id));
        let longest = Filling {
            code: LONGEST_CODE,
            long_code: LONG_CODE,
            minutes: 1_440,
            hours: 24,
            region: &self.region,
            link: &self.link,
        };
        let suffix = suffix.unwrap_or_default();
        self.templates.values().try_for_each(|template| template.check(&longest, &suffix))
    }
}

impl SenderSettings {
    fn parse(fields: &mut Fields) -> Result<Self, Malformed> {
        let mut fields = fields.section("sender")?.ok_or_else(|| Malformed::new("sender", "is missing"))?;
        let settings = match fields.required("sender.kind")?.as_str() {
            "twilio" => Self::Twilio(TwilioSettings::parse(&mut fields)?),
            "webhook" => Self::Webhook(WebhookSettings::parse(&mut fields)?),
            "file" => Self::File(FileSettings::parse(&mut fields)?),
            _ => return Err(Malformed::new("sender.kind", "must be twilio, webhook or file")),
        };
        fields.finish()?;
        Ok(settings)
    }
}

impl Limits {
    fn parse(fields: &mut Fields) -> Result<Self, Malformed> {
        let mut limits = Self { per_number_a_day: 5, per_block_an_hour: 50, a_day: 10_000, per_network_an_hour: 20 };
        let Some(mut fields) = fields.section("limits")? else { return Ok(limits) };
        let mut read = |field, limit: &mut u32| -> Result<(), Malformed> {
            *limit = fields.number(field, 0..=100_000_000)?.unwrap_or(*limit);
            Ok(())
        };
        read("limits.per_number_a_day", &mut limits.per_number_a_day)?;
        read("limits.per_block_an_hour", &mut limits.per_block_an_hour)?;
        read("limits.a_day", &mut limits.a_day)?;
        read("limits.per_network_an_hour", &mut limits.per_network_an_hour)?;
        fields.finish()?;
        Ok(limits)
    }
}

impl AuthenticationSettings {
    fn parse(fields: &mut Fields) -> Result<Option<Self>, Malformed> {
        let Some(mut fields) = fields.section("authentication")? else { return Ok(None) };
        let key_file = PathBuf::from(fields.required("authentication.key_file")?);
        let key_id = authentication::parse_key_id(fields.required("authentication.key_id")?)?;
        fields.finish()?;
        Ok(Some(Self { key_file, key_id }))
    }
}

fn parse_calling_codes(fields: &mut Fields) -> Result<Vec<CallingCode>, Malformed> {
    let refused = || {
        Malformed::new("calling_codes", "must be a list of calling codes that are assigned, the authority's own first")
    };
    let codes = fields.texts("calling_codes")?;
    let codes: Vec<_> =
        codes.iter().map(|code| CallingCode::parse(code).map_err(|_| refused())).collect::<Result<_, _>>()?;
    if codes.is_empty() { Err(refused()) } else { Ok(codes) }
}

fn parse_prefixes(fields: &mut Fields) -> Result<Vec<String>, Malformed> {
    let refused = || {
        Malformed::new("refused_prefixes", "must be a list of digits that numbers begin with, calling code included")
    };
    let prefixes = fields.texts("refused_prefixes")?.into_iter().map(|text| {
        let digits = text.strip_prefix('+').unwrap_or(&text);
        let holds = (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        if holds { Ok(digits.to_owned()) } else { Err(refused()) }
    });
    prefixes.collect()
}

fn parse_templates(fields: &mut Fields) -> Result<BTreeMap<String, Template>, Malformed> {
    let texts = fields.named_texts("templates")?;
    if !texts.contains_key(DEFAULT_TEMPLATE) {
        return Err(Malformed::new("templates", "must have one that is called default"));
    }
    texts.into_iter().map(|(label, text)| Ok((label, Template::parse(&text)?))).collect()
}

/// A region as it stands in the names of feeds.
fn parse_region(text: String) -> Result<String, Malformed> {
    let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
    if plain && (1..=8).contains(&text.len()) {
        return Ok(text);
    }
    Err(Malformed::new("region", "must be 1 to 8 characters of A to Z, 0 to 9 and -"))
}

fn parse_link(text: Option<String>) -> Result<String, Malformed> {
    let link = text.unwrap_or_else(|| DEFAULT_LINK.to_owned());
    let known = link.starts_with("https://") || link.starts_with("ens://");
    let plain = link.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
    if known && plain && link.len() <= LONGEST_LINK {
        return Ok(link);
    }
    Err(Malformed::new(
        "link",
        "must begin with https:// or ens:// and have at most 128 characters, no ? or # among them",
    ))
}

impl std::fmt::Debug for DeliverySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeliverySettings(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../deploy/config/text-messages.toml");
    const LEAST: &str =
        "calling_codes = ['47']\nregion = 'NO'\n[sender]\nkind = 'file'\npath = 'x'\n[templates]\ndefault = '[code]'\n";

    fn refused(text: &str) -> &'static str {
        let refusal = DeliverySettings::parse(text).err().unwrap_or_else(|| panic!("taken: {text}"));
        assert!(!refusal.to_string().contains("hush"), "{refusal}");
        refusal.field
    }

    #[test]
    fn the_sample_holds_in_each_of_its_kinds() {
        let settings = DeliverySettings::parse(SAMPLE).expect("it is a sample");
        assert_eq!(settings.link, "https://no.example/v?r=NO&c=");
        assert_eq!((settings.templates.len(), settings.refused_prefixes.len()), (3, 1));
        assert!(settings.authentication.is_some());
        let (head, tail) = SAMPLE.split_once("[sender]").expect("a section");
        let (_, tail) = tail.split_once("[templates]").expect("a section");
        for kind in ["webhook", "file"] {
            let (_, section) = SAMPLE.split_once(&format!("# kind = \"{kind}\"")).expect("a kind");
            let lines = section.lines().skip(1).take_while(|line| !line.is_empty());
            let section: Vec<_> = lines.map(|line| line.trim_start_matches("# ")).collect();
            let text = format!("{head}[sender]\nkind = '{kind}'\n{}\n[templates]{tail}", section.join("\n"));
            DeliverySettings::parse(&text).unwrap_or_else(|refusal| panic!("{refusal}: {text}"));
        }
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let settings = DeliverySettings::parse(LEAST).expect("enough");
        assert_eq!(
            settings.limits,
            Limits { per_number_a_day: 5, per_block_an_hour: 50, a_day: 10_000, per_network_an_hour: 20 }
        );
        assert_eq!(settings.link, "ens://v?r=NO&c=");
        assert!(settings.authentication.is_none() && settings.refused_prefixes.is_empty());
    }

    #[test]
    fn what_does_not_hold_is_named_and_not_repeated() {
        let with = |from: &str, to: &str| {
            assert!(LEAST.contains(from), "{from}");
            LEAST.replacen(from, to, 1)
        };
        let cases = [
            ("settings", "token = \"hush".to_owned()),
            ("settings", with("region", "colour = 'hush'\nregion")),
            ("region", with("'NO'", "'hush'")),
            ("region", with("region = 'NO'", "")),
            ("calling_codes", with("['47']", "[]")),
            ("calling_codes", with("['47']", "['hush']")),
            ("calling_codes", with("['47']", "47")),
            ("refused_prefixes", with("region", "refused_prefixes = ['hush']\nregion")),
            ("link", with("region", "link = 'http://hush'\nregion")),
            ("link", with("region", "link = 'https://hush/?a'\nregion")),
            ("sender", with("[sender]\nkind = 'file'\npath = 'x'\n", "")),
            ("sender", with("path = 'x'", "path = 'x'\nhush = 'x'")),
            ("sender.kind", with("'file'", "'hush'")),
            ("sender.path", with("path = 'x'", "path = 1")),
            ("templates", with("default", "hush")),
            ("templates", with("'[code]'", "'[hush]'")),
            ("templates", with("'[code]'", &format!("'[code]{}'", "hush".repeat(200)))),
            ("limits", format!("{LEAST}[limits]\nhush = 1")),
            ("limits.a_day", format!("{LEAST}[limits]\na_day = -1")),
            ("limits.per_number_a_day", format!("{LEAST}[limits]\nper_number_a_day = 'hush'")),
            ("authentication.key_id", format!("{LEAST}[authentication]\nkey_file = 'x'\nkey_id = 'hu:sh'")),
            ("authentication.key_file", format!("{LEAST}[authentication]\nkey_id = 'hush'")),
        ];
        for (field, text) in cases {
            assert_eq!(refused(&text), field, "{text}");
        }
    }

    #[test]
    fn a_provider_is_asked_over_tls_or_not_far_away() {
        let webhook = |more: &str| LEAST.replacen("kind = 'file'\npath = 'x'", &format!("kind = 'webhook'\n{more}"), 1);
        let holds = |url: &str| DeliverySettings::parse(&webhook(&format!("key = 'hush'\nurl = '{url}'"))).is_ok();
        for url in ["https://sms.example", "http://127.0.0.1:8080/x", "http://[::1]/", "http://localhost"] {
            assert!(holds(url), "{url}");
        }
        for url in [
            "http://sms.example",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "https://u:hush@sms.example",
            "hush",
            "",
        ] {
            assert!(!holds(url), "{url}");
        }
        let in_the_clear = webhook("key = 'hush'\nurl = 'http://sms.example'\nallow_http = true");
        assert!(DeliverySettings::parse(&in_the_clear).is_ok());
        assert_eq!(refused(&webhook("url = 'https://sms.example'")), "sender.key");
        assert_eq!(refused(&webhook("url = 'https://sms.example'\nkey = 'hush'\nkey_file = 'hush'")), "sender.key");
        assert_eq!(
            refused(&webhook("url = 'https://sms.example'\nkey = 'hush'\ntimeout_seconds = 61")),
            "sender.timeout_seconds"
        );
        assert_eq!(refused(&webhook("key = 'hush'")), "sender.url");
    }

    #[test]
    fn the_longest_message_has_room_for_its_signature() {
        let of_length = |length: usize, more: &str| {
            let text = format!("'[code]{}'", "a".repeat(length - LONGEST_CODE.len()));
            DeliverySettings::parse(&format!("{}{more}", LEAST.replacen("'[code]'", &text, 1))).is_ok()
        };
        assert!(of_length(612, "") && !of_length(613, ""));
        let signed = "[authentication]\nkey_file = 'x'\nkey_id = 'v1'";
        // Line break, `Authentication:`, month and day, two colons, the key's name, 72 bytes in base64.
        let suffix = 1 + 15 + 4 + 2 + 2 + 96;
        assert!(of_length(612 - suffix, signed) && !of_length(613 - suffix, signed));
    }
}
