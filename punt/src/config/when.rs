//! `when = …`: a condition over events, as an expression or as a table of fields.

use std::collections::BTreeMap;
use std::fmt;

use punt_lucene::Expression;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor, value::MapAccessDeserializer};

/// A condition. Without one: every event.
///
/// `when = 'service.name:guilds AND log.level:(error OR warn)'` is Lucene's syntax, as the search bars of
/// dashboards have it. `when = { "service.name" = "guilds", "log.level" = "err*" }` asks for all these fields; a
/// value that ends in `*` stands for all that start so.
#[derive(Debug, Clone)]
pub(crate) struct When(pub(crate) Expression);

// === impl When ===

impl Default for When {
    fn default() -> Self {
        Self(Expression::always())
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = When;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition: an expression such as 'log.level:error', or a table of fields")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<When, E> {
                Expression::parse(text).map(When).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                let fields: BTreeMap<String, String> =
                    Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                if fields.len() > 256 {
                    return Err(A::Error::custom("a condition has at most 256 fields"));
                }
                let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Ok(When(Expression::all_of(fields)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
