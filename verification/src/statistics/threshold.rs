//! How many make a number that is shown.

use proto::Malformed;

/// Figures are shown in steps of ten.
pub(super) const STEP: u64 = 10;

/// Below it a figure is withheld: a multiple of ten, ten at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold(u64);

impl Threshold {
    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(STEP)
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Threshold {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let number = text.parse().ok().filter(|number: &u64| *number >= STEP && *number <= 1_000_000);
        let number = number.filter(|number| number.is_multiple_of(STEP));
        number.map(Self).ok_or_else(|| Malformed::new("withhold_below", "must be a multiple of 10, from 10 on"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_multiple_of_ten() {
        assert_eq!("10".parse(), Ok(Threshold::default()));
        assert_eq!("120".parse::<Threshold>().expect("a threshold").get(), 120);
        for bad in ["", "0", "5", "15", "-10", "10.0", "99999999999999999990"] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad}");
        }
    }
}
