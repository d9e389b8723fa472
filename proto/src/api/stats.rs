//! `POST /v1/stats` of the key server, called by health authorities: their uploads in numbers.

use serde::{Deserialize, Serialize};

use super::absent::or_default;
use super::padding::padded;

/// The size of every answer that shows numbers, in bytes: 48 KiB. A month of days fits, however large its numbers are, and servers in the field
/// that ask for it read no more than 64,000 bytes.
pub const STATS_REPLY_BYTES: usize = 49_152;

/// The body of `POST /v1/stats`. Who asks is said by the header `Authorization: Bearer`, see [`StatsClaims`](crate::certificate::StatsClaims).
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatsRequest {
    /// Anything.
    #[serde(default, deserialize_with = "or_default")]
    pub padding: String,
}

/// The reply.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct StatsReply {
    /// Days that may be shown, in their order. There are gaps: of other days nothing is said.
    #[serde(default)]
    pub days: Vec<StatsDay>,
    /// Fills every reply to one size.
    #[serde(default)]
    pub padding: String,
}

/// A UTC day. Every number is rounded down to a multiple of ten; 0 is fewer than ten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsDay {
    /// Its midnight, as `2026-11-20T00:00:00Z`.
    pub day: String,
    /// People who uploaded keys.
    pub publish_requests: PublishRequests,
    /// Keys that they uploaded.
    pub total_teks_published: u64,
    /// People who revised their keys.
    pub requests_with_revisions: u64,
    /// People by the age of their oldest key: 0 to 14 days, and all that is older.
    pub tek_age_distribution: Vec<u64>,
    /// People by the days from the onset of their symptoms to the upload: 0 to 28, and all that is longer.
    pub onset_to_upload_distribution: Vec<u64>,
    /// People of whom no onset was known.
    pub requests_missing_onset_date: u64,
    /// People who uploaded TCN reports under a certificate. The API of the field has no such number.
    #[serde(default)]
    pub report_requests: u64,
    /// Reports that they uploaded.
    #[serde(default)]
    pub total_reports_published: u64,
}

/// People by what their phone is, which is not known here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishRequests {
    /// All of them.
    pub unknown: u64,
    /// None.
    pub android: u64,
    /// None.
    pub ios: u64,
}

padded!(StatsRequest, StatsReply);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::padding::to_padded_json;

    #[test]
    fn a_month_of_the_largest_numbers_fits_into_an_answer() {
        let most = u64::MAX;
        let day = StatsDay {
            day: "2026-11-20T00:00:00Z".to_owned(),
            publish_requests: PublishRequests { unknown: most, android: 0, ios: 0 },
            total_teks_published: most,
            requests_with_revisions: most,
            tek_age_distribution: vec![most; 16],
            onset_to_upload_distribution: vec![most; 30],
            requests_missing_onset_date: most,
            report_requests: most,
            total_reports_published: most,
        };
        let reply = StatsReply { days: vec![day; 30], padding: String::new() };
        assert_eq!(to_padded_json(reply, STATS_REPLY_BYTES).len(), STATS_REPLY_BYTES);
        assert_eq!(to_padded_json(StatsReply::default(), STATS_REPLY_BYTES).len(), STATS_REPLY_BYTES);
    }

    #[test]
    fn a_day_has_the_customary_names() {
        let day = serde_json::to_value(StatsDay::default()).expect("JSON");
        let names = [
            "day",
            "publish_requests",
            "total_teks_published",
            "requests_with_revisions",
            "tek_age_distribution",
            "onset_to_upload_distribution",
            "requests_missing_onset_date",
        ];
        for name in names {
            assert!(day.get(name).is_some(), "{name}");
        }
        assert_eq!(day["publish_requests"], serde_json::json!({ "unknown": 0, "android": 0, "ios": 0 }));
    }
}
