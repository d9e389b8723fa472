//! Whole numbers, however they are written.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads `-300`, and `-300.0` as well: JSON knows one kind of number, and serialisers of some issuers write each with a fraction. Nothing
/// else may stand behind the point. `null` is 0.
pub(super) fn whole_or_zero<'de, D: Deserializer<'de>>(json: D) -> Result<i32, D::Error> {
    Ok(Option::<Whole>::deserialize(json)?.map_or(0, |whole| whole.0))
}

struct Whole(i32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(WholeVisitor).map(Self)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("i32")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        i32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        i32::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<i32, E> {
        // Every i32 is a double, so a double that is none of them differs from the nearest.
        let whole = number as i32;
        if f64::from(whole) == number { Ok(whole) } else { Err(E::invalid_type(Unexpected::Float(number), &self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<i32> {
        whole_or_zero(&mut serde_json::Deserializer::from_str(json)).ok()
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
        for (json, number) in [("-300", -300), ("-300.0", -300), ("0.0", 0), ("-0.0", 0), ("3e2", 300), ("null", 0)] {
            assert_eq!(read(json), Some(number), "{json}");
        }
        for json in ["0.5", "-299.99", "3e10", "1e999", "4294967296", "-2147483649", "\"60\"", "[60]", "{}", "true"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
