//! The command line.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::plan::Plan;
use crate::settings::{Environment, Rates, RunArgs, TargetArgs};

/// Loads a deployment of Pratique as a country does, measures what that feels like, and proves that nothing was lost.
///
/// It issues codes as an authority, uploads keys and reports as phones do (code, certificate, upload), polls the CDN as everybody's phones do, sends
/// chaff, and if asked to, attacks. Everything comes at its own time, whether or not what came before has been answered, and every latency counts from
/// the time at which somebody came: a service that stalls cannot slow down those who measure it. In the end it reads the published bundles and proves
/// that every key that was acknowledged is there exactly once.
///
/// Nothing is sent to services that were not started with --test-deployment, but the question whether they were.
#[derive(Debug, Parser)]
#[command(name = "load", version, after_long_help = MANUAL)]
pub struct Cli {
    /// What to load it with.
    #[command(subcommand)]
    preset: Preset,
}

const MANUAL: &str = "\
A trial on one machine, in two terminals:
  pratique serve --test-deployment 127.0.0.1 --trusted-proxies 1
  load burst --access pratique-data/access.json --duration 10s --html report.html

Simulated phones call from networks of their own in 2001:2::/48, which they tell in X-Forwarded-For: start verification and server with
--trusted-proxies 1, or one more for each proxy that adds its caller to that header. The nginx of deploy/ replaces it: docs/load.md says what to
set there. Without that, everybody shares the limits of one caller. Uploads are released at the next quarter of an hour: the proof waits up to 16 minutes and the period of the exporter. Set small minimums in a test deployment, or filler is
waited for as well.

The first Ctrl-C ends the load early, and what was acknowledged by then is proved; the second ends the waiting, too; the
third ends everything at once, without results.

Exit codes:
  0  nothing failed, and everything acknowledged is published exactly once
  1  something failed, a limit of --p99 was exceeded, or the results could not be written
  2  the proof failed: keys are missing, published twice or changed, or cannot be read
  3  nothing was loaded: a setting is wrong, or the target is no test deployment
  130  interrupted three times

Environment: beside --access no variable counts; else one that is nearly one of those above stops the program before anything is sent, and an empty one
says nothing. The keys to the API may stand in LOAD_ADMIN_KEY and LOAD_DEVICE_KEY.

With --json FILE the results are also written for machines.";

/// What to load it with.
#[derive(Debug, Subcommand)]
enum Preset {
    /// A day of quiet months, sped up: 227 uploads, and a hundred phones that poll and send chaff. Factor 1 is a day in a day; the default, 400, a day
    /// in three and a half minutes, about one upload a second.
    Quiet(Scaled),
    /// A country at its worst: 20,000 cases a day, and 10 million phones that poll once an hour and send chaff once in five days. Factor 1 is all
    /// of it: 0.23 uploads, 2,778 polls and 69 requests of chaff a second; the default, 0.1, a tenth.
    Country(Scaled),
    /// Everybody at once: 100 uploads a second and as many polls. The default factor is 1.
    Burst(Scaled),
    /// Two uploads a second with the polls and the chaff of a hundredth of a country, and beside them, a second: 50 wrong codes from thousands of
    /// networks, 50 tries to get past the cache, and 20 bodies that are none. The default factor, 1, counts for these three.
    ///
    /// Attackers must be refused, which is no error; that the honest are served all the same is what is measured.
    Attack(Scaled),
    /// What you say, actor by actor.
    Custom(Custom),
    /// Load nothing: put the results of two runs side by side, as --json wrote them.
    Compare {
        /// The results of the first run.
        a: PathBuf,
        /// Those of the second.
        b: PathBuf,
    },
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Wish {
    /// Load something.
    Run(Box<Plan>),
    /// Compare the results in these two files.
    Compare(PathBuf, PathBuf),
}

/// A preset.
#[derive(Debug, Args)]
struct Scaled {
    /// How many times as much as the preset says; more than 0, at most 10000.
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    factor: Option<f64>,
    /// At least so many people a second who upload, a tenth of them a TCN report, whatever the factor: of a small part of a country too few come for a
    /// percentile to mean anything.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    least_uploads: f64,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Rates of one's own.
#[derive(Debug, Args)]
struct Custom {
    /// People a second who upload 14 keys, each from the code to the answer.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    uploads: f64,
    /// People a second who upload a TCN report, likewise.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    reports: f64,
    /// How many of both call through a relay, 0 to 1: their requests are sealed to the gateways (Oblivious HTTP).
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    relayed: f64,
    /// Codes a second that are issued and never claimed.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    codes: f64,
    /// Polls a second: index and manifest if they have changed, and what is new.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    polls: f64,
    /// How many phones these polls are of. By default as many as poll once a minute.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=50_000_000))]
    phones: Option<u64>,
    /// Phones a second that send chaff, three requests each.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    chaff: f64,
    /// Wrong codes a second, from thousands of networks.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    guesses: f64,
    /// Requests a second to the CDN with query strings that nobody has used before.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    busts: f64,
    /// Bodies a second that are none.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    malformed: f64,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl Cli {
    /// Reads the command line and the environment of this process.
    ///
    /// # Errors
    /// Those of clap, with the variable beside a flag that has one, since that may be what is wrong; or a variable that is nearly one of ours. Help that was
    /// asked for comes back as an error, too.
    pub fn read() -> Result<Self, clap::Error> {
        let environment = Environment::of_process();
        let mut command = environment.heeded(Self::command());
        let read = command.try_get_matches_from_mut(std::env::args_os());
        let read = read.and_then(|matches| Self::from_arg_matches(&matches));
        match (read, environment.mistyped(&command)) {
            (Ok(_), Some(mistyped)) => Err(command.error(ErrorKind::UnknownArgument, mistyped)),
            (read, _) => read.map_err(|error| with_variable(error, &command)),
        }
    }

    /// What was asked for.
    pub fn wish(self) -> Wish {
        let scaled = |preset, scaled: Scaled, rates: fn(f64) -> Rates, default| {
            let factor = scaled.factor.unwrap_or(default);
            let rates = rates(factor).with_at_least(scaled.least_uploads);
            let (target, run) = (scaled.target, scaled.run);
            Wish::Run(Box::new(Plan { preset, factor: Some(factor), rates, must_relay: false, target, run }))
        };
        match self.preset {
            Preset::Quiet(flags) => scaled("quiet", flags, Rates::quiet, 400.0),
            Preset::Country(flags) => scaled("country", flags, Rates::country, 0.1),
            Preset::Burst(flags) => scaled("burst", flags, Rates::burst, 1.0),
            Preset::Attack(flags) => scaled("attack", flags, Rates::attack, 1.0),
            Preset::Custom(flags) => Wish::Run(Box::new(flags.plan())),
            Preset::Compare { a, b } => Wish::Compare(a, b),
        }
    }
}

impl Custom {
    fn plan(self) -> Plan {
        let Self { uploads, reports, relayed, codes, polls, phones, chaff, guesses, busts, malformed, target, run } =
            self;
        let rates = Rates { uploads, reports, relayed, codes, chaff, guesses, busts, malformed, ..Rates::NONE };
        let mut rates = rates.polling(polls);
        rates.phones = phones.unwrap_or(rates.phones);
        Plan { preset: "custom", factor: None, rates, must_relay: relayed > 0.0, target, run }
    }
}

/// The same error, which names the variable of the flag that it is about.
fn with_variable(mut error: clap::Error, command: &Command) -> clap::Error {
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) {
        let mut flags = command.get_subcommands().flat_map(Command::get_arguments);
        let long = flag.split(' ').next().and_then(|word| word.strip_prefix("--"));
        let variable = flags.find(|known| long.is_some() && known.get_long() == long).and_then(clap::Arg::get_env);
        if let Some(variable) = variable {
            let both = format!("{flag} ({})", variable.to_string_lossy());
            error.insert(ContextKind::InvalidArg, ContextValue::String(both));
        }
    }
    error
}

fn factor(text: &str) -> Result<f64, String> {
    bounded(text, 10_000.0)
        .filter(|factor| *factor > 0.0)
        .ok_or_else(|| "must be more than 0 and at most 10000".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    bounded(text, 100_000.0).ok_or_else(|| "must be 0 to 100000 a second".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    bounded(text, 1.0).ok_or_else(|| "must be 0 to 1".to_owned())
}

fn bounded(text: &str, most: f64) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| (0.0..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> Result<Plan, clap::Error> {
        Cli::try_parse_from([&["load"], flags].concat()).map(|cli| match cli.wish() {
            Wish::Run(plan) => *plan,
            Wish::Compare(..) => panic!("a run was asked for"),
        })
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for flags in [
            &["burst", "--factor", "0"][..],
            &["burst", "--factor", "-1"],
            &["burst", "--factor", "nan"],
            &["burst", "--duration", "10"],
            &["burst", "--batch", "11"],
            &["burst", "--in-flight", "0"],
            &["burst", "--arrivals", "late"],
            &["burst", "--region", "demo"],
            &["burst", "--p99", "publish"],
            &["burst", "--p99", "typo=1000"],
            &["burst", "--p99", "publish=1000,typo=1000"],
            &["country", "--least-uploads", "-1"],
            &["custom", "--least-uploads", "1"],
            &["custom", "--relayed", "1.1"],
            &["custom", "--uploads", "inf"],
            &["custom", "--phones", "0"],
            &["flood"],
            &["compare", "one.json"],
            &[],
        ] {
            assert!(parsed(flags).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn rates_of_ones_own_are_the_rates() {
        let plan = parsed(&["custom", "--uploads", "3", "--polls", "10", "--relayed", "0.5"]).expect("good");
        assert_eq!((plan.rates.uploads, plan.rates.phones, plan.must_relay), (3.0, 600, true));
        let plan = parsed(&["custom", "--polls", "10", "--phones", "7", "--p99", "publish=900,index=20.5"]);
        let plan = plan.expect("good");
        assert_eq!((plan.rates.phones, plan.run.limits.len(), plan.must_relay), (7, 2, false));
        assert_eq!(parsed(&["country"]).expect("good").rates, Rates::country(0.1));
        let plan = parsed(&["country", "--least-uploads", "5"]).expect("good");
        assert_eq!(plan.rates, Rates::country(0.1).with_at_least(5.0));
    }
}
