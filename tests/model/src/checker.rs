//! A breadth-first search through everything that can happen.

use std::collections::HashSet;
use std::hash::Hash;

/// What a search found.
pub(crate) enum Found<A, B> {
    /// Every promise is kept in all of so many states.
    Kept { states: usize },
    /// A promise is broken, and this is the shortest way there.
    Broken { promise: B, way: Vec<A> },
}

/// A state that was reached.
struct Reached<S, A> {
    state: S,
    /// From which one, by its place, and by what; none for the first.
    from: Option<(usize, A)>,
}

/// Visits every state that can be reached from `first`, once, the nearest first. `next` says what can happen in a state and what comes of it, `check`
/// which promise a step from one state to another breaks, and `renamed` gives, of states that differ in names alone, the one that is visited for all.
pub(crate) fn search<S: Clone + Eq + Hash, A: Copy, B>(
    first: S,
    next: impl Fn(&S) -> Vec<(A, S)>,
    check: impl Fn(&S, &S) -> Option<B>,
    renamed: impl Fn(S) -> S,
) -> Found<A, B> {
    let mut seen = HashSet::from([first.clone()]);
    let mut reached = vec![Reached { state: first, from: None }];
    let mut at = 0;
    while at < reached.len() {
        for (action, state) in next(&reached[at].state) {
            // Some promises are about steps, so a step counts even if it leads to a state that is known.
            if let Some(promise) = check(&reached[at].state, &state) {
                let mut way = way(&reached, at);
                way.push(action);
                return Found::Broken { promise, way };
            }
            let state = renamed(state);
            if seen.insert(state.clone()) {
                reached.push(Reached { state, from: Some((at, action)) });
            }
        }
        at += 1;
    }
    Found::Kept { states: reached.len() }
}

/// What happened on the way to a state.
fn way<S, A: Copy>(reached: &[Reached<S, A>], mut at: usize) -> Vec<A> {
    let mut way = Vec::new();
    while let Some((from, action)) = reached[at].from {
        way.push(action);
        at = from;
    }
    way.reverse();
    way
}
