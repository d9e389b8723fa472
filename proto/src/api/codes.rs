//! `POST /api/batch-issue`, `POST /api/checkcodestatus`, `POST /api/expirecode`: what the authority's staff and tools do with codes, all with
//! an ADMIN key.

use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::object::objects_or_none;
use super::padding::padded;
use super::verification::{IssueReply, IssueRequest, Refusal};

/// The body of `POST /api/batch-issue`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchIssueRequest {
    /// One request for each code, at most 10 unless the service says otherwise.
    #[serde(default, deserialize_with = "objects_or_none")]
    pub codes: Vec<IssueRequest>,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/batch-issue`. Its status is 200, or that of the first request that was refused.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct BatchIssueReply {
    /// What became of each request, in their order.
    pub codes: Vec<BatchIssueItem>,
    /// For people: what was wrong with the first that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For programs: what was wrong with it.
    #[serde(default, rename = "errorCode", skip_serializing_if = "Option::is_none")]
    pub error_code_camel: Option<String>,
    /// The same again, for tools that look here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

/// What became of one request of a batch.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchIssueItem {
    /// Nothing was stored for it.
    Refused(Refusal),
    /// Its code.
    Issued(IssueReply),
}

/// The body of `POST /api/checkcodestatus`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeStatusRequest {
    /// The name that the code was issued under.
    #[serde(default, deserialize_with = "or_default")]
    pub uuid: String,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/checkcodestatus`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeStatusReply {
    /// Whether somebody claimed it.
    pub claimed: bool,
    /// When the short code can no longer be claimed, in UTC seconds.
    pub expires_at_timestamp: i64,
    /// When the long code can no longer be claimed, in UTC seconds.
    pub long_expires_at_timestamp: i64,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

/// The body of `POST /api/expirecode`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpireCodeRequest {
    /// The name that the code was issued under.
    #[serde(default, deserialize_with = "or_default")]
    pub uuid: String,
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply to `POST /api/expirecode`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpireCodeReply {
    /// When the short code expired, in UTC seconds.
    pub expires_at_timestamp: i64,
    /// When the long code expired, in UTC seconds.
    pub long_expires_at_timestamp: i64,
    /// Fills the reply.
    #[serde(default)]
    pub padding: String,
}

padded!(BatchIssueRequest, BatchIssueReply, CodeStatusRequest, CodeStatusReply, ExpireCodeRequest, ExpireCodeReply);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::parse_body;

    #[test]
    fn a_batch_names_the_request_that_is_not_of_the_shape() {
        let refusal = |body: &str| parse_body::<BatchIssueRequest>(body.as_bytes()).err().expect("refused").to_string();
        assert_eq!(refusal(r#"{"codes":[{},{"tzOffset":"x"}]}"#), "body: codes[1].tzOffset must be an integer");
        assert_eq!(refusal(r#"{"codes":[{"colour":1}]}"#), "body: codes[0]: has a field that is not known");
        assert_eq!(refusal(r#"{"codes":[[]]}"#), "body: codes[0] must be an object");
        assert_eq!(refusal(r#"{"codes":{}}"#), "body: codes must be an array");
        assert_eq!(refusal(r#"{"uuids":[]}"#), "body: has a field that is not known");
        let empty: BatchIssueRequest = parse_body(br#"{"codes":null}"#).expect("no codes");
        assert!(empty.codes.is_empty());
    }

    #[test]
    fn what_became_of_each_is_read_back() {
        let refused = Refusal { error_code: "missing_date".to_owned(), ..Refusal::default() };
        let issued = IssueReply { code: "12345678".to_owned(), ..IssueReply::default() };
        let codes = vec![BatchIssueItem::Refused(refused), BatchIssueItem::Issued(issued)];
        let json = serde_json::to_string(&BatchIssueReply { codes, ..BatchIssueReply::default() }).expect("JSON");
        assert!(!json.contains("\"error\":null"), "{json}");
        let read: BatchIssueReply = serde_json::from_str(&json).expect("read");
        assert!(matches!(&read.codes[0], BatchIssueItem::Refused(refused) if refused.error_code == "missing_date"));
        assert!(matches!(&read.codes[1], BatchIssueItem::Issued(issued) if issued.code == "12345678"));
    }
}
