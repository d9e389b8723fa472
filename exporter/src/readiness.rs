//! Whether a schedule keeps what it promises, for `/readyz`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::schedule::Seen;

/// How long a pass may be overdue, or under way: no pass takes so long, a country's included.
const PATIENCE: Duration = Duration::from_secs(900);

/// How a schedule stands. It is ready once a pass has begun and looked at its feeds, as long as the next one is not overdue. That a bucket does not
/// answer, or that a feed needs somebody, makes it no less ready: the metrics tell of these.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    /// Guards until when it is ready; nothing before its first pass, after one that did not begin, and at its end.
    until: Mutex<Until>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Until {
    #[default]
    NotYet,
    At(Instant),
    Ended,
}

impl Readiness {
    /// Notes a pass that is over.
    pub(crate) fn note(&self, seen: &Seen<'_>) {
        // A pass whose clocks disagree, or that cannot read the list of feeds, has looked at none.
        let has_begun =
            seen.outcome.as_ref().is_ok_and(|report| !report.feeds.is_empty() || report.failures.is_empty());
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*until, Until::Ended) {
            *until = if has_begun { Until::At(Instant::now() + seen.rest + PATIENCE) } else { Until::NotYet };
        }
    }

    /// It was asked to end, and there is no way back.
    pub(crate) fn end(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Until::Ended;
    }

    pub(crate) fn is_ready(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(until, Until::At(until) if Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExportError;
    use crate::report::Report;

    #[test]
    fn a_schedule_is_ready_from_its_first_good_pass_until_one_does_not_begin_or_it_is_asked_to_end() {
        let readiness = Readiness::default();
        let note = |outcome: Result<Report, ExportError>| {
            readiness.note(&Seen { outcome: &outcome, took: Duration::ZERO, rest: Duration::ZERO });
            readiness.is_ready()
        };
        let failed = |feeds: bool| {
            let mut report = Report { failures: vec![ExportError::Retry("clocks".into()).into()], ..Report::default() };
            let feed = proto::Feed::verified("NO".parse().expect("a region"), proto::Kind::Gaen);
            report.feeds.extend(feeds.then(|| crate::report::FeedReport::new(&feed)));
            report
        };
        assert!(!readiness.is_ready(), "not before its first pass");
        assert!(note(Ok(Report::default())));
        assert!(!note(Err(ExportError::Retry("no database".into()))));
        assert!(note(Ok(failed(true))), "something failed, but it looked at its feeds");
        assert!(!note(Ok(failed(false))));
        assert!(note(Ok(Report::default())));
        readiness.end();
        assert!(!note(Ok(Report::default())));
    }
}
