//! The desk of an authority's staff, for programs beside the service: issue a code, look at it, expire it, by the same rules as the API.

use proto::Timestamp;
pub use proto::api::verification::IssueRequest;
pub use store::CodeStatus;
use store::Issuer;

use crate::dates;
use crate::error::VerificationError;
use crate::issuing;
use crate::looking;
use crate::registry::Registry;
use crate::state::State;

/// A code in both forms. Whoever reads it may claim it.
#[derive(Clone)]
pub struct IssuedCode {
    /// The authority's name for it.
    pub uuid: String,
    /// What the person types.
    pub code: String,
    /// When that can no longer be claimed.
    pub expires_at: Timestamp,
    /// What the person taps, as part of a link. Codes that were issued before there were long ones have none.
    pub long_code: Option<String>,
    /// When neither can be claimed any more.
    pub long_expires_at: Timestamp,
    /// What is known of the text message that was asked for: `delivered` or `unknown`; none if none was.
    pub sms_status: Option<&'static str>,
    /// The text message, if it was to be written and not sent.
    pub generated_sms: Option<String>,
}

/// Issues a code. The same request under the same uuid gets the same code while it is unclaimed.
///
/// # Errors
/// [`VerificationError::Refused`] as the API has it, [`VerificationError::Store`] if there is no such authority or the database fails.
pub async fn issue(state: &State, authority: &str, request: IssueRequest) -> Result<IssuedCode, VerificationError> {
    let issuer = issuer(state.as_ref(), authority).await?;
    let issued = issuing::issue(state, &issuer, request, &mut store::chance::source()).await;
    // A program beside the service has no steps of its own, and nobody's request to hide.
    state.troubles().tell();
    state.metrics().write_lines();
    let issued = issued?;
    Ok(IssuedCode {
        uuid: issued.uuid.to_string(),
        code: issued.short.code.as_str().to_owned(),
        expires_at: issued.short.expires_at,
        long_code: issued.long.as_ref().map(|long| long.code.as_str().to_owned()),
        long_expires_at: issued.long_expires_at(),
        sms_status: issued.sms_status(),
        generated_sms: issued.generated_sms(),
    })
}

/// What has become of a code.
///
/// # Errors
/// As [`issue`]; `code_not_found` if there is none, or no longer.
pub async fn status(
    registry: &impl AsRef<Registry>,
    authority: &str,
    uuid: &str,
) -> Result<CodeStatus, VerificationError> {
    let registry = registry.as_ref();
    Ok(looking::status(registry, &issuer(registry, authority).await?, uuid).await?)
}

/// Ends a code's life in both forms. The same again changes nothing.
///
/// # Errors
/// As [`status`]; `code_invalid` if it was claimed.
pub async fn expire(
    registry: &impl AsRef<Registry>,
    authority: &str,
    uuid: &str,
) -> Result<CodeStatus, VerificationError> {
    let registry = registry.as_ref();
    Ok(looking::expire(registry, &issuer(registry, authority).await?, uuid).await?)
}

/// Ends the life of every code that nobody has claimed, an authority's or everybody's, in short steps; how many there were. For a database that was
/// restored from a copy: codes that were claimed after the copy could be claimed again. What is issued meanwhile may be among them. Tokens that
/// codes became stay good.
///
/// # Errors
/// [`VerificationError::Store`] if there is no such authority or the database fails; what was ended until then stays ended.
pub async fn expire_unclaimed(
    registry: &impl AsRef<Registry>,
    authority: Option<&str>,
) -> Result<u64, VerificationError> {
    let registry = registry.as_ref();
    if let Some(authority) = authority {
        issuer(registry, authority).await?;
    }
    looking::expire_unclaimed(registry, authority).await
}

/// A moment as people read it: `Mon, 09 Mar 2026 12:00:00 GMT`.
pub fn moment(moment: Timestamp) -> String {
    dates::rfc1123(moment)
}

async fn issuer(registry: &Registry, authority: &str) -> Result<Issuer, VerificationError> {
    let issuer = registry.store().issuer(authority, registry.now()).await?;
    Ok(issuer.ok_or(store::StoreError::NotFound("authority"))?)
}

impl std::fmt::Debug for IssuedCode {
    /// Says neither code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCode").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::fixture_test::Desk;

    fn request() -> IssueRequest {
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned();
        IssueRequest { test_type: "likely".to_owned(), uuid, ..IssueRequest::default() }
    }

    #[actix_web::test]
    async fn the_same_request_gets_the_same_code_in_both_forms_while_it_is_unclaimed() {
        let desk = Desk::open().await;
        let first = issue(&desk.state, "no", request()).await.expect("issued");
        let long = first.long_code.clone().expect("a long code");
        assert!(long.len() == 16 && long.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
        desk.clock.set_offset(890);
        let second = issue(&desk.state, "no", request()).await.expect("issued");
        assert_eq!((&second.code, &second.long_code), (&first.code, &first.long_code));
        assert_eq!((second.expires_at, second.long_expires_at), (first.expires_at, first.long_expires_at));
        desk.clock.set_offset(900);
        let late = issue(&desk.state, "no", request()).await;
        assert!(matches!(late, Err(VerificationError::Refused { code: "uuid_already_exists", .. })));
    }

    #[actix_web::test]
    async fn staff_at_the_desk_are_refused_as_over_the_api() {
        let desk = Desk::open().await;
        let undated = IssueRequest { test_type: "maybe".to_owned(), ..request() };
        let refused = issue(&desk.state, "no", undated).await.expect_err("refused").to_string();
        assert!(refused.contains("(invalid_test_type)") && !refused.contains("maybe"), "{refused}");
        let unknown = status(&desk.state, "no", &request().uuid).await;
        assert!(matches!(unknown, Err(VerificationError::Refused { code: "code_not_found", .. })));
        for nobody in ["se", ""] {
            let refused = issue(&desk.state, nobody, request()).await;
            assert!(matches!(refused, Err(VerificationError::Store(store::StoreError::NotFound("authority")))));
        }
        assert!(desk.is_empty().await);
    }

    #[actix_web::test]
    async fn an_issued_code_does_not_show_itself() {
        let desk = Desk::open().await;
        let issued = issue(&desk.state, "no", request()).await.expect("issued");
        let shown = format!("{issued:?}");
        assert!(!shown.contains(&issued.code) && !shown.contains(issued.long_code.as_deref().expect("a long code")));
    }
}
