//! What a phone asks for when its owner reports about themselves: a request that holds.

use proto::api::base64;
use proto::api::verification::{REPORT_NONCE_BYTES, UserReportRequest};
use proto::{ReportType, Timestamp};
use rand::CryptoRng;
use store::{Issuer, Terms};
use zeroize::{Zeroize, Zeroizing};

use crate::dates;
use crate::delivery::{Couriers, Wish};
use crate::order::{Days, Order};
use crate::problem::Problem;
use crate::uuid::Uuid;

/// Reads a self-report as an order to `issuer`: to issue a code, bind it to the nonce, and send it to the phone.
pub(crate) fn parse(
    mut request: UserReportRequest,
    issuer: &Issuer,
    couriers: &Couriers,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<Order, Problem> {
    if !issuer.user_reports {
        return Err(Problem::NO_SELF_REPORTS);
    }
    let nonce = parse_nonce(&request.nonce)?;
    if request.phone.is_empty() {
        return Err(Problem::MISSING_PHONE);
    }
    let days = Days { symptom: &request.symptom_date, test: &request.test_date, tz_offset: request.tz_offset };
    let terms = days.parse(ReportType::UserReport, issuer, now)?;
    let wish = Wish::to_report(couriers, &issuer.id, &request.phone)?;
    request.phone.zeroize();
    let text = canonical(&terms, &wish, &nonce);
    Ok(Order { uuid: Uuid::draw(rng), terms, text, wish: Some(wish), nonce: Some(nonce) })
}

fn parse_nonce(text: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if text.is_empty() {
        return Err(Problem::MISSING_NONCE);
    }
    let nonce = Zeroizing::new(base64::decode("nonce", text)?);
    if nonce.len() == REPORT_NONCE_BYTES { Ok(nonce) } else { Err(Problem::unparsable("nonce", "must be 256 bytes")) }
}

/// What makes it the same request, however number, nonce and days were written.
fn canonical(terms: &Terms, wish: &Wish, nonce: &[u8]) -> Zeroizing<Vec<u8>> {
    let [symptom, test] = [terms.symptom, terms.test].map(|day| day.map(dates::day_text).unwrap_or_default());
    let head = Zeroizing::new(format!("user-report {} {symptom} {test} ", wish.to.e164()));
    Zeroizing::new([head.as_bytes(), nonce].concat())
}
