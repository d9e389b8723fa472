//! `POST /api/issue`, `POST /api/user-report`, `POST /api/verify`, `POST /api/certificate`.

use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::padding::padded;
use super::whole::whole_or_zero;

/// The header that carries an API key.
pub const API_KEY_HEADER: &str = "X-API-Key";
/// The length of the nonce of a self-report, in bytes.
pub const REPORT_NONCE_BYTES: usize = 256;

/// The body of `POST /api/issue` (ADMIN).
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueRequest {
    /// `confirmed`, `likely`, `negative` or `user-report`.
    #[serde(default, deserialize_with = "or_default")]
    pub test_type: String,
    /// ISO 8601 date.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub symptom_date: String,
    /// ISO 8601 date.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub test_date: String,
    /// Minutes east of UTC.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub tz_offset: i32,
    /// Where to send the code, E.164.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub phone: String,
    /// Which text to send.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub sms_template_label: String,
    /// The caller's name for this request: the same again answers with the same code.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// The caller's name for who issues, at most 255 characters.
    #[serde(
        default,
        deserialize_with = "or_default",
        rename = "externalIssuerID",
        skip_serializing_if = "String::is_empty"
    )]
    pub external_issuer_id: String,
    /// Compose the text but do not send it.
    #[serde(
        default,
        deserialize_with = "or_default",
        rename = "onlyGenerateSMS",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub only_generate_sms: bool,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/issue`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueReply {
    /// Names the code from now on.
    pub uuid: String,
    /// The short code.
    pub code: String,
    /// RFC 1123.
    pub expires_at: String,
    /// UTC seconds.
    pub expires_at_timestamp: i64,
    /// RFC 1123.
    pub long_expires_at: String,
    /// UTC seconds.
    pub long_expires_at_timestamp: i64,
    /// The text, if one was asked for.
    #[serde(default, rename = "generatedSMS", skip_serializing_if = "Option::is_none")]
    pub generated_sms: Option<String>,
    /// What is known of the text message that was sent: `delivered` or `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_status: Option<String>,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

/// The body of `POST /api/user-report` (DEVICE): a phone asks for a code for its owner, which reaches it by text message.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserReportRequest {
    /// ISO 8601 date.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub symptom_date: String,
    /// ISO 8601 date.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub test_date: String,
    /// Minutes east of UTC.
    #[serde(default, deserialize_with = "whole_or_zero")]
    pub tz_offset: i32,
    /// Where to send the code, E.164.
    #[serde(default, deserialize_with = "or_default")]
    pub phone: String,
    /// [`REPORT_NONCE_BYTES`] random bytes in base64: nobody without them can claim the code.
    #[serde(default, deserialize_with = "or_default")]
    pub nonce: String,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/user-report`. The code is not in it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserReportReply {
    /// When the code expires, RFC 1123.
    pub expires_at: String,
    /// UTC seconds.
    pub expires_at_timestamp: i64,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

/// The body of `POST /api/verify` (DEVICE).
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifyRequest {
    /// The code as typed.
    #[serde(default, deserialize_with = "or_default")]
    pub code: String,
    /// Which report types the app can handle: confirmed < likely < negative; user-report by name; empty = all.
    #[serde(default, deserialize_with = "or_default")]
    pub accept: Vec<String>,
    /// At least 16 random bytes in base64: binds the token to this phone, so that a retry is answered like the first time.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/verify`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReply {
    /// The report type.
    pub testtype: String,
    /// ISO 8601 date.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub symptom_date: String,
    /// ISO 8601 date.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub test_date: String,
    /// To be exchanged for a certificate within its life.
    pub token: String,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

/// The body of `POST /api/certificate` (DEVICE).
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateRequest {
    /// From `POST /api/verify`.
    #[serde(default, deserialize_with = "or_default")]
    pub token: String,
    /// The commitment: 32 bytes in base64.
    #[serde(default, deserialize_with = "or_default")]
    pub ekeyhmac: String,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/certificate`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateReply {
    /// A compact JWT.
    pub certificate: String,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

/// The reply to any request that is refused.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Refusal {
    /// For people: what was wrong.
    pub error: String,
    /// For programs: what was wrong.
    #[serde(rename = "errorCode")]
    pub error_code_camel: String,
    /// The same again, for apps that look here.
    pub error_code: String,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

padded!(
    IssueRequest,
    IssueReply,
    UserReportRequest,
    UserReportReply,
    VerifyRequest,
    VerifyReply,
    CertificateRequest,
    CertificateReply,
    Refusal
);
