//! The rules of publication, pure: what was sent, what the certificate says and the time go in, a [`Verdict`] comes out.

mod verdict;

mod key;
mod onset;
mod report;

pub(crate) use key::judge_keys;
pub(crate) use report::judge_reports;
pub(crate) use verdict::{Refusal, Verdict};
