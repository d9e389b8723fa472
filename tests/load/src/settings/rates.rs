//! How much of what a second.

/// What every actor does, a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// People who upload keys, from the code to the answer.
    pub uploads: f64,
    /// People who upload a TCN report, likewise.
    pub reports: f64,
    /// Codes that are issued and never claimed.
    pub codes: f64,
    /// Phones that poll.
    pub polls: f64,
    /// Phones that send chaff, three requests each.
    pub chaff: f64,
    /// Wrong codes.
    pub guesses: f64,
    /// Requests that try to get past the cache.
    pub busts: f64,
    /// Bodies that are none.
    pub malformed: f64,
    /// How many of the people who upload do so through a relay, 0 to 1.
    pub relayed: f64,
    /// How many phones poll, one after the other: each has what it saw the last time.
    pub phones: u64,
}

/// A day in seconds.
const DAY: f64 = 86_400.0;
/// Phones of a country.
const PHONES: f64 = 10_000_000.0;
/// Cases of a country in a day, at most.
const CASES: f64 = 20_000.0;
/// Uploads in a day of quiet months.
const QUIET: f64 = 227.0;
/// One person in so many uploads a TCN report instead of keys.
const REPORTS: f64 = 0.1;
/// One in so many uploads through a relay.
const RELAYED: f64 = 0.1;
/// Between two messages of chaff of one phone, in seconds: five days.
const CHAFF_EVERY: f64 = 5.0 * DAY;
/// Between two polls of one phone, in seconds.
const POLL_EVERY: f64 = 3_600.0;
/// Between two polls of one simulated phone, in seconds: each stands for sixty. In the field a phone polls four times between two exports, and so it
/// does here where is exported every four minutes; a phone that polled once an hour would find sixty new bundles where is exported every minute.
const SIMULATED_POLL_EVERY: f64 = 60.0;

/// More phones than these do not fit into the memory of a usual machine, eight bytes each.
const MOST_PHONES: u64 = 50_000_000;

impl Rates {
    /// Nothing at all.
    pub const NONE: Self = Self {
        uploads: 0.0,
        reports: 0.0,
        codes: 0.0,
        polls: 0.0,
        chaff: 0.0,
        guesses: 0.0,
        busts: 0.0,
        malformed: 0.0,
        relayed: 0.0,
        phones: 0,
    };

    /// A day of quiet months, `factor` times as fast: 227 uploads, and a hundred phones that poll and send chaff.
    pub fn quiet(factor: f64) -> Self {
        // Ten million phones, so much faster, would be the deployment's whole load and drown what this preset is for.
        let phones = factor * 100.0;
        Self { chaff: phones / CHAFF_EVERY, ..Self::people(factor * QUIET / DAY).polling(phones / POLL_EVERY) }
    }

    /// `factor` of a country: 20,000 cases a day, 10 million phones that poll once an hour and send chaff once in five days.
    pub fn country(factor: f64) -> Self {
        let phones = factor * PHONES;
        Self { chaff: phones / CHAFF_EVERY, ..Self::people(factor * CASES / DAY).polling(phones / POLL_EVERY) }
    }

    /// A hundred uploads a second, `factor` times over, and as many polls.
    pub fn burst(factor: f64) -> Self {
        Self::people(factor * 100.0).polling(factor * 100.0)
    }

    /// Two uploads a second and the polls and chaff of a hundredth of a country; and beside them, `factor` times over, fifty wrong codes, fifty tries to
    /// get past the cache, and twenty bodies that are none, a second.
    pub fn attack(factor: f64) -> Self {
        let country = Self::country(0.01);
        let (guesses, busts, malformed) = (factor * 50.0, factor * 50.0, factor * 20.0);
        Self { chaff: country.chaff, guesses, busts, malformed, ..Self::people(2.0).polling(country.polls) }
    }

    /// With so many polls a second, by as many phones as it takes.
    pub fn polling(self, polls: f64) -> Self {
        Self { polls, phones: ((polls * SIMULATED_POLL_EVERY) as u64).clamp(1, MOST_PHONES), ..self }
    }

    /// The same with so many people a second who upload, if there are fewer.
    pub fn with_at_least(self, per_second: f64) -> Self {
        if self.uploads + self.reports >= per_second {
            return self;
        }
        let Self { uploads, reports, relayed, .. } = Self::people(per_second);
        Self { uploads, reports, relayed, ..self }
    }

    /// So many people a second with something to report.
    fn people(per_second: f64) -> Self {
        let (reports, uploads) = (per_second * REPORTS, per_second * (1.0 - REPORTS));
        Self { uploads, reports, relayed: RELAYED, ..Self::NONE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_what_they_say() {
        let country = Rates::country(1.0);
        assert!((country.polls - 2_777.8).abs() < 0.1 && (country.chaff * 3.0 - 69.4).abs() < 0.1, "{country:?}");
        assert!(((country.uploads + country.reports) * 4.0 - 0.93).abs() < 0.01, "one every four seconds");
        let burst = Rates::burst(1.0);
        assert!((burst.uploads + burst.reports - 100.0).abs() < 1e-9);
        let quiet = Rates::quiet(1.0);
        assert!(((quiet.uploads + quiet.reports) * 86_400.0 - 227.0).abs() < 1e-6);
        assert!(Rates::country(0.000_000_01).phones > 0);
        assert_eq!(Rates::country(10_000.0).phones, MOST_PHONES);
    }

    #[test]
    fn more_people_upload_than_a_country_has_cases_and_nothing_else_is_more() {
        let (country, more) = (Rates::country(0.1), Rates::country(0.1).with_at_least(8.0));
        assert!((more.uploads - 7.2).abs() < 1e-9 && (more.reports - 0.8).abs() < 1e-9, "{more:?}");
        assert_eq!(Rates { uploads: country.uploads, reports: country.reports, ..more }, country);
        assert_eq!(more.with_at_least(8.0), more);
        assert_eq!(Rates::burst(1.0).with_at_least(8.0), Rates::burst(1.0));
    }
}
