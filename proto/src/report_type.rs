//! What a health authority says about a person.

use serde::{Deserialize, Serialize};

use crate::error::Malformed;

/// The report type of a certificate, and of every key published under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportType {
    /// A positive test (export value 1, CONFIRMED_TEST).
    Confirmed,
    /// A clinical diagnosis without a test (2, CONFIRMED_CLINICAL_DIAGNOSIS).
    Likely,
    /// The person's own word (3, SELF_REPORT).
    UserReport,
    /// A negative test; as a revision it revokes (5, REVOKED).
    Negative,
}

impl ReportType {
    /// All types.
    pub const ALL: [ReportType; 4] = [Self::Confirmed, Self::Likely, Self::UserReport, Self::Negative];

    /// The name in JSON: `confirmed`, `likely`, `user-report`, `negative`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Likely => "likely",
            Self::UserReport => "user-report",
            Self::Negative => "negative",
        }
    }

    /// The value in `export.bin` (facts of the GAEN export format, field 5 of a key).
    pub const fn export_value(self) -> u8 {
        match self {
            Self::Confirmed => 1,
            Self::Likely => 2,
            Self::UserReport => 3,
            Self::Negative => 5,
        }
    }

    /// The type with this value in `export.bin`, if we publish it.
    pub fn from_export_value(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|t| i64::from(t.export_value()) == value)
    }
}

impl std::fmt::Display for ReportType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ReportType {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|t| t.as_str() == text);
        found.ok_or_else(|| Malformed::new("testType", "must be confirmed, likely, user-report or negative"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_type_has_one_name_everywhere() {
        for report_type in ReportType::ALL {
            let name = report_type.as_str();
            assert_eq!(name.parse(), Ok(report_type));
            assert_eq!(serde_json::to_value(report_type).expect("a string"), name);
            assert_eq!(ReportType::from_export_value(report_type.export_value().into()), Some(report_type));
        }
        assert_eq!("user-report".parse(), Ok(ReportType::UserReport));
    }

    #[test]
    fn what_is_no_report_type_is_refused_by_name() {
        for name in ["", "Confirmed", "user_report", "selfreport"] {
            assert_eq!(name.parse::<ReportType>().expect_err("no report type").field, "testType");
        }
        // UNKNOWN and RECURSIVE exist in the format, and we publish neither.
        for value in [-1, 0, 4, 6, 257] {
            assert_eq!(ReportType::from_export_value(value), None);
        }
    }
}
