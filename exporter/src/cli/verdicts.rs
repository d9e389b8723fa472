//! The findings of `inspect` for people.

use std::fmt::Write;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::inspect::{Content, Inspection, SignatureCheck, Verdict};
use crate::report::grouped;

/// Of a text from a bundle, at most this many characters are shown.
const MAX_SHOWN: usize = 64;

/// Everything found, the verdicts last.
pub(super) fn describe(source: &str, found: &Inspection) -> String {
    let mut text = format!("{source}\n");
    if let Some(content) = &found.content {
        describe_content(content, &mut text);
    }
    line(&mut text, "zip", &format!("{} bytes, SHA-256 {}", grouped(found.bytes), found.zip_sha256));
    let signature = match found.signature {
        SignatureCheck::Verified => "verified",
        SignatureCheck::Failed => "failed",
        SignatureCheck::PartlyChecked => "partly checked: give the public key of every signature, each with --key",
        SignatureCheck::NotChecked if found.content.is_some() => "not checked: give the public key with --key",
        SignatureCheck::NotChecked => "not checked: the bundle cannot be read",
    };
    line(&mut text, "signature", signature);
    line(&mut text, "phone", &verdict(&found.phone));
    line(&mut text, "canonical", &verdict(&found.canonical));
    text
}

fn describe_content(content: &Content, text: &mut String) {
    let (noun, revised) = if content.kind == "gaen" { ("keys", "revised") } else { ("reports", "withdrawn") };
    line(text, "kind", content.kind);
    line(text, "region", &shown(&content.region));
    line(text, "start", &moment(content.start));
    line(text, "end", &moment(content.end));
    line(text, noun, &format!("{}, and {} {revised}", grouped(content.keys), grouped(content.revised)));
    for (report_type, count) in &content.report_types {
        line(text, "", &format!("{} {report_type}", grouped(*count)));
    }
    line(text, "signed by", &content.signing_keys.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", "));
    line(text, "export.bin", &format!("{} bytes, SHA-256 {}", grouped(content.export_bytes), content.export_sha256));
}

fn verdict(verdict: &Verdict) -> String {
    match &verdict.reason {
        Some(reason) => format!("NO: {reason}"),
        None => "yes".to_owned(),
    }
}

/// A text of a stranger's: no control characters that a terminal would obey, and not the whole of a long one.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(MAX_SHOWN).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("{}{more}", short.escape_debug())
}

/// UTC seconds, and the same as people read it if it is a date at all.
/// A time for people, with its seconds for machines.
pub(super) fn moment(seconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|moment| moment.format(&Rfc3339).ok());
    date.map_or_else(|| seconds.to_string(), |date| format!("{date} ({seconds})"))
}

fn line(text: &mut String, label: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {label:<11}{value}");
}
