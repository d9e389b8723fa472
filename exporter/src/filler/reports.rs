//! Synthetic TCN reports: one a person, really signed.

use proto::bundle::{TcnClass, TcnEntry};
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Malformed, ReportType};
use rand::{CryptoRng, RngExt};

use super::prior;

/// What reports look like: those that were seen, from which each trait is drawn. A report's own bytes are never drawn.
#[derive(Debug, Clone, Copy)]
pub struct ReportShapes<'a> {
    seen: &'a [&'a TcnEntry],
}

impl<'a> ReportShapes<'a> {
    /// Learns from what is seen; none if nothing is, since nobody can guess how an app numbers its reports.
    pub fn learn(seen: &'a [&'a TcnEntry]) -> Option<Self> {
        (!seen.is_empty()).then_some(Self { seen })
    }

    fn any(&self, rng: &mut impl CryptoRng) -> &'a TcnEntry {
        self.seen[rng.random_range(0..self.seen.len())]
    }

    /// While few were seen, the prior's people are among those who certify; what people say themselves is of one type.
    fn report_type(&self, model: &TcnEntry, rng: &mut impl CryptoRng) -> ReportType {
        let seen = self.seen.len() as f64;
        let few = self.seen.len() < prior::FEW_KEYS && model.class == TcnClass::Verified;
        if !few || rng.random::<f64>() * (seen + prior::PEOPLE) < seen {
            return model.report_type;
        }
        let [(usual, share), (other, _)] = prior::REPORT_TYPES;
        if rng.random::<f64>() < share { usual } else { other }
    }

    /// A memo of a type and length that were seen together; each byte is what somebody's such memo had in that place, so that versions stay and what
    /// differs from person to person differs.
    fn memo(&self, kind: MemoType, length: usize, rng: &mut impl CryptoRng) -> Result<Memo, Malformed> {
        let alike = |entry: &&&TcnEntry| entry.report.memo_type() == kind && entry.report.memo_data().len() == length;
        let alike: Vec<_> = self.seen.iter().filter(alike).map(|entry| entry.report.memo_data()).collect();
        let data: Vec<u8> = (0..length).map(|place| alike[rng.random_range(0..alike.len())][place]).collect();
        Memo::new(kind, &data)
    }
}

/// Draws a report that grows from a seed.
///
/// # Errors
/// None that what was seen leaves room for.
pub fn draw_report(shapes: &ReportShapes<'_>, seed: [u8; 32], rng: &mut impl CryptoRng) -> Result<TcnEntry, Malformed> {
    let model = shapes.any(rng);
    let report_type = shapes.report_type(model, rng);
    let memo = shapes.memo(model.report.memo_type(), model.report.memo_data().len(), rng)?;
    // The span is public in the order of entries, and as usual as it was seen. Where a report begins says since when somebody's phone has counted:
    // where not all begin with 1, no two begin alike.
    let span = model.report.span() as u16;
    let first = match model.report.first() {
        1 => 1,
        seen => {
            let highest = (u16::MAX - span) + 1;
            let near = seen - seen / 4..=seen.saturating_add(seen / 4).min(highest).max(seen - seen / 4);
            rng.random_range(near)
        }
    };
    let key = ReportAuthorizationKey::from_seed(seed);
    let report = SignedReport::create(&key, &memo, first, first + (span - 1))?;
    Ok(TcnEntry { report, report_type, class: model.class })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn seen(number: u8, (first, last): (u16, u16), memo: &[u8]) -> TcnEntry {
        let memo = Memo::new(MemoType::CoEpiV1, memo).expect("a memo");
        let report = SignedReport::create(&ReportAuthorizationKey::from_seed([number; 32]), &memo, first, last);
        let class = TcnClass::Verified;
        TcnEntry { report: report.expect("a report"), report_type: ReportType::Confirmed, class }
    }

    #[test]
    fn reports_verify_and_have_traits_that_were_seen_and_bytes_that_were_not() {
        let all =
            [seen(1, (1, 24), b"a"), seen(2, (400, 500), b""), seen(3, (65_535, 65_535), b"b"), seen(4, (1, 24), b"c")];
        let seen: Vec<_> = all.iter().collect();
        let (shapes, mut rng) = (ReportShapes::learn(&seen).expect("seen"), StdRng::seed_from_u64(1));
        let mut traits = HashSet::new();
        for _ in 0..300 {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            let drawn = draw_report(&shapes, seed, &mut rng).expect("drawn");
            assert_eq!(drawn.report.verify(), Ok(()));
            assert_eq!(SignedReport::decode(drawn.report.as_bytes()).expect("strictly read"), drawn.report);
            assert!(all.iter().all(|known| known.report.verification_key() != drawn.report.verification_key()));
            let like =
                |known: &TcnEntry| (known.report.span(), known.report.memo_data().len(), known.report.first() == 1);
            assert!(all.iter().any(|known| like(known) == like(&drawn)), "{:?}", like(&drawn));
            traits.insert((like(&drawn), drawn.report.memo_data().to_vec(), drawn.report_type.export_value()));
        }
        assert!(traits.len() >= 8, "{traits:?}");
        assert!(ReportShapes::learn(&[]).is_none());
    }
}
