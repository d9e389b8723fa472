//! What an authority may know of its days in numbers, and what of it is withheld.

mod threshold;
mod withholding;
#[cfg(test)]
mod withholding_test;

mod freezing;
mod report;

pub(crate) use freezing::{KEPT, freeze_all, last_over};
pub use report::{Month, Report, day_text, report};
pub use threshold::Threshold;
