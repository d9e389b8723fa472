//! Panics: none is expected, and operators hear where it was and no more, since the message may hold what somebody sent.
//!
//! A line at once would say when the request came that ran into it. So what requests run into waits for the end of a step, in a program that has steps.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The thread whose panic ends the program: there may be no step any more.
const MAIN: &str = "main";

/// Whether this program has steps.
static HAS_STEPS: AtomicBool = AtomicBool::new(false);
/// Guards how many there were since somebody asked last, by place. Places are those of the program's text: they are few.
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Has panics say where they were, in the log, and nothing else.
pub(crate) fn say_where_only() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "unknown".to_owned(), Location::to_string);
        let is_last = std::thread::current().name() == Some(MAIN);
        if is_last || !HAS_STEPS.load(Ordering::Relaxed) {
            say(&place, 1);
        } else {
            *SEEN.lock().unwrap_or_else(PoisonError::into_inner).entry(place).or_default() += 1;
        }
    }));
}

/// From now on somebody asks at the end of each step.
pub(crate) fn keep_for_steps() {
    HAS_STEPS.store(true, Ordering::Relaxed);
}

/// Says what there was since this was asked for last, and how many that were.
pub(crate) fn tell() -> u64 {
    let seen = std::mem::take(&mut *SEEN.lock().unwrap_or_else(PoisonError::into_inner));
    seen.iter().for_each(|(place, count)| say(place, *count));
    seen.values().sum()
}

fn say(place: &str, count: u64) {
    tracing::error!(
        panic.place = place,
        panics.count = count,
        "the program ran into what must not happen; please report it"
    );
}
