//! The rules of publication, pure: what was sent, what the certificate says and the time go in, a [`Verdict`] comes out.

mod verdict;

mod key;
mod onset;
mod report;
mod revision;
mod self_report;

pub(crate) use key::{Grounds, judge_keys};
pub(crate) use report::judge_reports;
pub(crate) use revision::{Unrevisable, plan};
pub(crate) use self_report::{judge_self_report, self_reported};
pub(crate) use verdict::{Refusal, Verdict};
