//! What guessing costs: how many wrong codes are looked up in an hour.
//!
//! A guess finds one of L codes that wait among S possible ones with probability L / S. So what is stolen in a day is that times the guesses
//! that are looked up in it, and budgets bound the latter. With 20,000 codes waiting at any time, and 240,000 guesses a day from 10,000 networks:
//!
//! | codes | budget | guesses looked up in a day | expected to be stolen |
//! |---|---|---|---|
//! | 8 digits, 10^8 | none | 240,000 | 48 |
//! | 8 digits | 2,000 an hour in all | 10,000 + 24 * 2,000 | 11.6 |
//! | 8 digits | 500 an hour for one authority | 10,000 + 24 * 500 | 4.4 |
//! | 10 Crockford characters, 9.7 * 10^14 | none | 240,000 | 0.000005 |
//!
//! The 10,000 are each network's first guess: a network without failures within a day is always served, or whoever spends a budget could lock
//! everybody out. Nobody needs more than Crockford codes for safety; digits are for apps that take nothing else, and what protects them is
//! their short life. Those that live for a quarter of an hour wait a 96th at a time of the 20,000 that are issued in a day, 208: then 0.12 in
//! all and 0.05 of one authority's are stolen in a day.
//!
//! Whoever has more networks than guesses is never suspended; with IPv6 that is not hard. Against them stands what is issued: once a budget is
//! spent no more digits are until the hour ends, so that those which an attacker finds waiting were issued in the moments that it took to spend
//! it. At a hundred guesses a second these are five seconds an hour, in which one of 20,000 codes a day is issued, and a quarter of an hour of
//! 90,000 guesses follows: 0.025 are stolen in a day.

use clap::Args;
use rand::CryptoRng;
use store::{GuessLimits, STRIPES, Spelling};

/// How many times more wrong Crockford codes are looked up than wrong digits.
const CROCKFORD: u32 = 10;
/// The largest budget: ten times as much still fits into its type.
const MOST: i64 = 100_000_000;

/// When digits are no longer issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct SharedBudgets {
    /// How many wrong digit codes are looked up in an hour for one authority. When they are spent, networks that failed within a day are
    /// refused with 429 until the hour ends, and the authority's new codes are Crockford codes, which nobody guesses. At least 1.
    #[arg(
        long = "hourly-guesses-per-authority",
        value_name = "GUESSES",
        env = "VERIFICATION_HOURLY_GUESSES_PER_AUTHORITY",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=MOST)
    )]
    pub per_authority: u32,
    /// How many are looked up in an hour for all authorities together, with the same consequence for all of them. At least 1.
    #[arg(
        long = "hourly-guesses-in-all",
        value_name = "GUESSES",
        env = "VERIFICATION_HOURLY_GUESSES_IN_ALL",
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..=MOST)
    )]
    pub in_all: u32,
}

/// What wrong codes cost whoever sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct Budgets {
    /// How many wrong digit codes are looked up in an hour for one network (/24 of IPv4, /64 of IPv6); then it is refused with 429 until the
    /// hour ends. Of Crockford codes ten times as many, here and in the other budgets. Codes that are found cost nothing. At least 1.
    #[arg(
        long = "hourly-guesses-per-prefix",
        value_name = "GUESSES",
        env = "VERIFICATION_HOURLY_GUESSES_PER_PREFIX",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=MOST)
    )]
    pub per_prefix: u32,
    /// What everybody shares.
    #[command(flatten)]
    pub shared: SharedBudgets,
    /// How many wrong digit codes are looked up in an hour for one relay, which has no other limit. At least 1.
    #[arg(
        long = "hourly-guesses-per-relay",
        value_name = "GUESSES",
        env = "VERIFICATION_HOURLY_GUESSES_PER_RELAY",
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..=MOST)
    )]
    pub per_relay: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { per_prefix: 10, shared: SharedBudgets { per_authority: 500, in_all: 2_000 }, per_relay: 1_000 }
    }
}

impl Budgets {
    /// As the store counts them, for codes of this spelling.
    pub(crate) fn limits(&self, spelling: Spelling) -> GuessLimits {
        let times = match spelling {
            Spelling::Digits => 1,
            Spelling::Crockford => CROCKFORD,
        };
        GuessLimits {
            prefix: self.per_prefix.saturating_mul(times),
            authority: self.shared.per_authority.saturating_mul(times),
            all: self.shared.in_all.saturating_mul(times),
            relay: self.per_relay.saturating_mul(times),
        }
    }
}

/// Which row of a tally counts a failure.
pub(crate) fn draw_stripe(rng: &mut impl CryptoRng) -> u8 {
    let mut byte = [0];
    rng.fill_bytes(&mut byte);
    byte[0] % STRIPES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes that wait, guesses a day, and networks that they come from.
    const WAITING: f64 = 20_000.0;
    const GUESSES: f64 = 240_000.0;
    const NETWORKS: f64 = 10_000.0;

    const DIGITS: f64 = 1e8;
    /// Ten characters drawn of 32, those left out whose check character people cannot type.
    fn crockford() -> f64 {
        32_f64.powi(10) * 32.0 / 37.0
    }

    /// How many of so many guesses are looked up in a day, when each network's first one is and then so many an hour.
    fn looked_up(hourly: u32) -> f64 {
        GUESSES.min(NETWORKS + 24.0 * f64::from(hourly))
    }

    #[test]
    fn crockford_codes_are_not_guessed() {
        let limits = Budgets::default().limits(Spelling::Crockford);
        assert_eq!(limits, GuessLimits { prefix: 100, authority: 5_000, all: 20_000, relay: 10_000 });
        assert_eq!(looked_up(limits.all), GUESSES, "the attack stays within the budget");
        let stolen = GUESSES * WAITING / crockford();
        assert!((0.000_004_9..0.000_005).contains(&stolen), "{stolen}");
        assert!(stolen < 0.01, "against what may be");
    }

    #[test]
    fn digits_are_guessed_as_often_as_budgets_allow() {
        let limits = Budgets::default().limits(Spelling::Digits);
        assert_eq!(limits, GuessLimits { prefix: 10, authority: 500, all: 2_000, relay: 1_000 });
        assert_eq!(GUESSES * WAITING / DIGITS, 48.0, "without budgets");
        assert_eq!(looked_up(limits.all) * WAITING / DIGITS, 11.6, "of all authorities' codes");
        assert_eq!(looked_up(limits.authority) * WAITING / DIGITS, 4.4, "of one authority's");
        // As many as are issued in a day, each waiting for a quarter of an hour.
        let at_a_time = WAITING / 96.0;
        assert!((0.12..0.121).contains(&(looked_up(limits.all) * at_a_time / DIGITS)));
        assert!((0.045..0.046).contains(&(looked_up(limits.authority) * at_a_time / DIGITS)));
    }

    #[test]
    fn whoever_has_a_network_for_each_guess_finds_next_to_no_digits() {
        let (a_second, life) = (100.0, 900.0);
        let seconds = f64::from(Budgets::default().shared.per_authority) / a_second;
        let waiting = WAITING / 86_400.0 * seconds;
        let stolen = 24.0 * waiting * a_second * life / DIGITS;
        assert!((0.024..0.026).contains(&stolen), "{stolen}");
    }

    #[test]
    fn stripes_are_drawn_alike() {
        let mut counts = [0; STRIPES as usize];
        for _ in 0..16_000 {
            counts[usize::from(draw_stripe(&mut store::chance::source()))] += 1;
        }
        // A thousand expected of each; 300 is nine standard deviations.
        assert!(counts.iter().all(|count| (700..1_300).contains(count)), "{counts:?}");
    }
}
