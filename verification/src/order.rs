//! What an authority asks for when it issues a code: an issue request that holds.

use proto::api::verification::IssueRequest;
use proto::{ReportType, Timestamp};
use rand::CryptoRng;
use store::{CodeStyle, Issuer, Terms};
use zeroize::{Zeroize, Zeroizing};

use crate::dates;
use crate::delivery::{Couriers, Wish};
use crate::policy::SELF_REPORT_LIFE;
use crate::problem::Problem;
use crate::uuid::Uuid;

/// The longest `externalIssuerID`, in characters.
const MAX_EXTERNAL_ISSUER: usize = 255;

/// A request to issue a code, by the rules.
pub(crate) struct Order {
    /// The caller's name for it; drawn if it has none.
    pub(crate) uuid: Uuid,
    /// What is said of the person.
    pub(crate) terms: Terms,
    /// The whole request without its padding: by it a repeat is known.
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// The text message that carries the code, if one is wished for.
    pub(crate) wish: Option<Wish>,
    /// The nonce of the phone that asks for itself: nobody without it can claim the code.
    pub(crate) nonce: Option<Zeroizing<Vec<u8>>>,
}

impl Order {
    /// Reads a request as `issuer` may make it now.
    pub(crate) fn parse(
        mut request: IssueRequest,
        issuer: &Issuer,
        couriers: &Couriers,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Problem> {
        let report_type = parse_test_type(&request.test_type)?;
        let days = Days { symptom: &request.symptom_date, test: &request.test_date, tz_offset: request.tz_offset };
        let terms = days.parse(report_type, issuer, now)?;
        let wish = parse_wish(&request, issuer, couriers)?;
        if let Some(wish) = &wish {
            // However it was written, the number makes the same request.
            request.phone = wish.to.e164().to_owned();
        }
        if request.external_issuer_id.chars().count() > MAX_EXTERNAL_ISSUER {
            return Err(Problem::unparsable("externalIssuerID", "must be at most 255 characters"));
        }
        let uuid = match request.uuid.as_str() {
            "" => Uuid::draw(rng),
            text => Uuid::parse(text).ok_or_else(|| Problem::unparsable("uuid", "must be a UUID"))?,
        };
        Ok(Self { uuid, terms, text: canonical(request), wish, nonce: None })
    }
}

impl Order {
    /// To whom the code goes, if the phone asks for itself.
    pub(crate) fn of_the_phone_itself(&self) -> Option<&Wish> {
        self.wish.as_ref().filter(|_| self.nonce.is_some())
    }

    /// How the code is to be, and for how long.
    pub(crate) fn style(&self, issuer: &Issuer) -> CodeStyle {
        if self.nonce.is_none() {
            return issuer.codes;
        }
        // There is one expiry in the reply, so that both forms have it.
        let life = issuer.codes.life.min(SELF_REPORT_LIFE);
        CodeStyle { life, long_life: life, ..issuer.codes }
    }
}

/// The days of a request, as they were sent.
pub(crate) struct Days<'a> {
    /// `symptomDate`.
    pub(crate) symptom: &'a str,
    /// `testDate`.
    pub(crate) test: &'a str,
    /// `tzOffset`.
    pub(crate) tz_offset: i32,
}

impl Days<'_> {
    /// What they say of the person, beside the report type.
    pub(crate) fn parse(&self, report_type: ReportType, issuer: &Issuer, now: Timestamp) -> Result<Terms, Problem> {
        if !dates::is_offset(self.tz_offset) {
            return Err(Problem::unparsable("tzOffset", "must be -840 to 840 minutes"));
        }
        let day = |field, text: &str| match text {
            "" => Ok(None),
            text => dates::parse_day(text, self.tz_offset, now).map(Some).map_err(|_| Problem::invalid_date(field)),
        };
        let symptom = day("symptomDate", self.symptom)?;
        let test = day("testDate", self.test)?;
        if issuer.date_required && symptom.is_none() && test.is_none() {
            return Err(Problem::MISSING_DATE);
        }
        Ok(Terms { report_type, symptom, test })
    }
}

fn parse_test_type(text: &str) -> Result<ReportType, Problem> {
    match text.trim().to_ascii_lowercase().parse() {
        Ok(ReportType::UserReport) => Err(Problem::CANNOT_ISSUE),
        Ok(report_type) => Ok(report_type),
        Err(_) => Err(Problem::INVALID_TEST_TYPE),
    }
}

fn parse_wish(request: &IssueRequest, issuer: &Issuer, couriers: &Couriers) -> Result<Option<Wish>, Problem> {
    if request.phone.is_empty() && !request.only_generate_sms {
        return Ok(None);
    }
    let (label, only_generate) = (&request.sms_template_label, request.only_generate_sms);
    Wish::to_issue(couriers, &issuer.id, &request.phone, label, only_generate).map(Some)
}

/// The request as JSON in the order of its fields: the same request gives the same bytes.
fn canonical(mut request: IssueRequest) -> Zeroizing<Vec<u8>> {
    request.padding.clear();
    let text = serde_json::to_vec(&request).expect("a struct of strings and numbers serialises");
    request.phone.zeroize();
    Zeroizing::new(text)
}
