//! Authorities as operators describe them.

use proto::Malformed;
use store::Issuer;

use crate::code_spec::CodeSpec;

/// The `aud` of certificates unless an authority says otherwise; the key server expects the same.
pub const DEFAULT_AUDIENCE: &str = "pratique";

/// An authority as the operator describes it.
#[derive(Debug, Clone, Default)]
pub struct AuthoritySpec {
    /// Its id: 1 to 64 characters of a to z, 0 to 9, `.`, `_` and `-`; upper case is folded. Phones send it as `healthAuthorityID`.
    pub id: String,
    /// `iss` of its certificates; the id if none.
    pub issuer: Option<String>,
    /// `aud` of its certificates; [`DEFAULT_AUDIENCE`] if none.
    pub audience: Option<String>,
    /// Whether an issue request must carry the date of onset or test.
    pub date_required: bool,
    /// How it wants its codes.
    pub codes: CodeSpec,
    /// Whether phones may ask for codes themselves, for what their owners say.
    pub user_reports: bool,
    /// How many codes it may issue in a UTC day, and how many self-reports phones may ask for; none: as many as they like.
    pub daily_quota: Option<u32>,
}

/// What is to change about an authority; nothing about the rest.
#[derive(Debug, Clone, Default)]
pub struct AuthorityChange {
    /// `iss` of its certificates. The key server must expect the same.
    pub issuer: Option<String>,
    /// `aud` of its certificates.
    pub audience: Option<String>,
    /// Whether an issue request must carry the date of onset or test.
    pub date_required: Option<bool>,
    /// How it wants its codes.
    pub codes: CodeSpec,
    /// Whether phones may ask for codes themselves, for what their owners say.
    pub user_reports: Option<bool>,
    /// How many codes it may issue in a UTC day; none within: as many as it likes. What is lower than what was issued refuses until midnight.
    pub daily_quota: Option<Option<u32>>,
}

impl TryFrom<AuthoritySpec> for Issuer {
    type Error = Malformed;

    fn try_from(spec: AuthoritySpec) -> Result<Self, Malformed> {
        let id = spec.id.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        // A dot in front would hide the files that are named after the authority.
        if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) || id.starts_with('.') {
            return Err(Malformed::new("id", "must be 1 to 64 characters of a to z, 0 to 9, ., _ and -, not ."));
        }
        let issuer = spec.issuer.unwrap_or_else(|| id.clone());
        let audience = spec.audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned());
        check_names(&issuer, &audience)?;
        Ok(Self {
            id,
            issuer,
            audience,
            date_required: spec.date_required,
            codes: spec.codes.apply(None)?,
            user_reports: spec.user_reports,
            daily_quota: spec.daily_quota,
        })
    }
}

impl AuthorityChange {
    /// The authority as it will be.
    pub(crate) fn apply(self, before: Issuer) -> Result<Issuer, Malformed> {
        let issuer = self.issuer.unwrap_or(before.issuer);
        let audience = self.audience.unwrap_or(before.audience);
        check_names(&issuer, &audience)?;
        Ok(Issuer {
            id: before.id,
            issuer,
            audience,
            date_required: self.date_required.unwrap_or(before.date_required),
            codes: self.codes.apply(Some(before.codes))?,
            user_reports: self.user_reports.unwrap_or(before.user_reports),
            daily_quota: self.daily_quota.unwrap_or(before.daily_quota),
        })
    }
}

/// Both travel in every certificate, which must fit into a reply.
fn check_names(issuer: &str, audience: &str) -> Result<(), Malformed> {
    for (field, text) in [("issuer", issuer), ("audience", audience)] {
        if !(1..=255).contains(&text.len()) || text.chars().any(char::is_control) {
            return Err(Malformed::new(field, "must be 1 to 255 bytes without control characters"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: &str) -> AuthoritySpec {
        AuthoritySpec { id: id.to_owned(), ..AuthoritySpec::default() }
    }

    #[test]
    fn an_authority_is_its_own_issuer_unless_it_says_otherwise() {
        let authority = Issuer::try_from(spec("No.FHI")).expect("valid");
        assert_eq!((authority.id.as_str(), authority.issuer.as_str()), ("no.fhi", "no.fhi"));
        assert_eq!((authority.audience.as_str(), authority.date_required), ("pratique", false));
        assert!(!authority.user_reports, "nobody takes self-reports who has not said so");
    }

    #[test]
    fn an_authority_that_does_not_hold_is_refused_by_name() {
        let refused = |spec: AuthoritySpec| Issuer::try_from(spec).expect_err("refused").field;
        for id in ["", "no fhi", "../etc", ".hidden", "å", &"x".repeat(65)] {
            assert_eq!(refused(spec(id)), "id", "{id}");
        }
        assert_eq!(refused(AuthoritySpec { issuer: Some(String::new()), ..spec("no") }), "issuer");
        assert_eq!(refused(AuthoritySpec { audience: Some("x".repeat(256)), ..spec("no") }), "audience");
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let before = Issuer::try_from(spec("no")).expect("valid");
        assert_eq!(AuthorityChange::default().apply(before.clone()), Ok(before.clone()));
        let change =
            AuthorityChange { date_required: Some(true), user_reports: Some(true), ..AuthorityChange::default() };
        let expected = Issuer { date_required: true, user_reports: true, ..before.clone() };
        assert_eq!(change.apply(before.clone()), Ok(expected));
        let unnamed = AuthorityChange { issuer: Some(String::new()), ..AuthorityChange::default() };
        assert_eq!(unnamed.apply(before.clone()).expect_err("refused").field, "issuer");
        let codes = CodeSpec { minutes: Some(1), ..CodeSpec::default() };
        let change = AuthorityChange { codes, ..AuthorityChange::default() };
        assert_eq!(change.apply(before).expect_err("refused").field, "code_minutes");
    }
}
