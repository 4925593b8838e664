use std::fmt;

use serde::Deserializer;
use serde::de::{self, Unexpected, Visitor};

/// Reads a whole number. To JSON Schema, and so to clients, `13.0` is one too.
pub(crate) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct WholeNumber;

    impl Visitor<'_> for WholeNumber {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
            Ok(i64::try_from(number).unwrap_or(i64::MAX))
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
            // Saturates; no limit of ours is so large.
            #[expect(clippy::cast_possible_truncation, reason = "it has no fraction")]
            if number.fract() == 0.0 {
                Ok(number as i64)
            } else {
                Err(E::invalid_type(Unexpected::Float(number), &self))
            }
        }
    }

    deserializer.deserialize_i64(WholeNumber)
}
