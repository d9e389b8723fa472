//! What the services say when they refuse.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::error::ClientError;

/// What a status other than 200 means for the caller.
pub(crate) fn refused(status: StatusCode, retry_after: Option<u64>, body: &[u8]) -> ClientError {
    let said: Said = serde_json::from_slice(body).unwrap_or_default();
    let code = shortened(said.code());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        // The header stands in every reply, so that refusals look like all else; zero asks for no wait.
        let retry_after = retry_after.filter(|&seconds| seconds > 0).map(Duration::from_secs);
        return ClientError::Busy { status: status.as_u16(), code, retry_after };
    }
    let message = if said.error.is_empty() { said.title } else { said.error };
    ClientError::Refused { status: status.as_u16(), code, message: shortened(&message) }
}

/// A refusal of either service: verification says `errorCode` and `error_code`, the key server `code`, and their gateways a `type`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    error: String,
    error_code: String,
    code: String,
    r#type: String,
    title: String,
}

impl Said {
    fn code(&self) -> &str {
        // RFC 9458, section 5.3: https://iana.org/assignments/http-problem-types#ohttp-key
        let problem = self.r#type.rsplit_once('#').map_or("", |(_, name)| name);
        [&self.code, &self.error_code].into_iter().find(|code| !code.is_empty()).map_or(problem, String::as_str)
    }
}

/// A foreign text as it may be shown and logged: one line, at most 200 characters.
fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
