//! Reading options of queries: each says by whom it was asked when it does not fit.

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};
use crate::query::ast::{Fuzziness, Operator, Query, Words};
use crate::query::dsl::text;

/// The options of one query.
#[derive(Clone, Copy)]
pub(super) struct Spec<'a> {
    /// The query's name.
    pub(super) query: &'a str,
    options: Option<&'a Map<String, Value>>,
}

// === impl Spec ===

impl<'a> Spec<'a> {
    /// The options of a query; anything but an object has none.
    pub(super) fn new(query: &'a str, options: &'a Value) -> Self {
        Self {
            query,
            options: options.as_object(),
        }
    }

    /// The options of a query that must be an object.
    pub(super) fn object(query: &'a str, options: &'a Value) -> ApiResult<Self> {
        match options {
            Value::Object(map) => Ok(Self {
                query,
                options: Some(map),
            }),
            _ => Err(ApiError::parsing(format!(
                "[{query}] query malformed, no start_object after query name"
            ))),
        }
    }

    /// An option; null is none.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.options?.get(key).filter(|value| !value.is_null())
    }

    /// All options.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.options
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// Refuses an option that is not known, by name.
    pub(super) fn only(&self, known: &[&str]) -> ApiResult<()> {
        match self
            .iter()
            .find(|(key, _)| !known.contains(key) && !matches!(*key, "boost" | "_name"))
        {
            None => Ok(()),
            Some((key, _)) => Err(self.unknown(key)),
        }
    }

    /// What Elasticsearch says of an option it does not know.
    pub(super) fn unknown(&self, key: &str) -> ApiError {
        ApiError::parsing(format!("[{}] query does not support [{key}]", self.query))
    }

    /// An option that must be there, as text.
    pub(super) fn required(&self, key: &str) -> ApiResult<String> {
        match self.get(key) {
            Some(Value::Object(_) | Value::Array(_)) => Err(ApiError::parsing(format!(
                "[{}] unknown token after [{key}]",
                self.query
            ))),
            Some(value) => Ok(text(value)),
            None => Err(ApiError::parsing(format!(
                "[{}] requires [{key}] to be specified",
                self.query
            ))),
        }
    }

    /// An option as a number.
    pub(super) fn number(&self, key: &str) -> ApiResult<Option<f64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        number
            .filter(|number| number.is_finite())
            .map(Some)
            .ok_or_else(|| {
                ApiError::parsing(format!(
                    "[{}] [{key}] must be a number, not [{}]",
                    self.query,
                    text(value)
                ))
            })
    }

    /// An option as a score.
    pub(super) fn score(&self, key: &str) -> ApiResult<Option<f32>> {
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        Ok(self.number(key)?.map(|number| number as f32))
    }

    /// An option as a count.
    pub(super) fn count(&self, key: &str) -> ApiResult<Option<usize>> {
        match self.number(key)? {
            None => Ok(None),
            Some(number) if number < 0.0 => Err(ApiError::argument(format!(
                "[{}] requires non-negative [{key}], found [{number}]",
                self.query
            ))),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is not negative, and saturates"
            )]
            Some(number) => Ok(Some(number as usize)),
        }
    }

    /// Whether an option is true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| value == &Value::Bool(true) || value == "true")
    }

    /// `operator` and `default_operator`.
    pub(super) fn operator(&self, key: &str) -> ApiResult<Operator> {
        match self.get(key).map(text) {
            None => Ok(Operator::Or),
            Some(word) if word.eq_ignore_ascii_case("and") => Ok(Operator::And),
            Some(word) if word.eq_ignore_ascii_case("or") => Ok(Operator::Or),
            Some(word) => Err(ApiError::argument(format!(
                "No enum constant org.elasticsearch.index.query.Operator.{}",
                word.to_uppercase()
            ))),
        }
    }

    /// `fuzziness` in all its forms.
    pub(super) fn fuzziness(&self) -> ApiResult<Option<Fuzziness>> {
        let Some(value) = self.get("fuzziness") else {
            return Ok(None);
        };
        let word = text(value).to_ascii_uppercase();
        let refuse = || {
            ApiError::argument(format!(
                "[{}] [fuzziness] must be AUTO, AUTO:low,high, 0, 1 or 2, not [{}]",
                self.query,
                text(value)
            ))
        };
        Ok(Some(match word.strip_prefix("AUTO") {
            Some("") => Fuzziness::Auto(3, 6),
            Some(rest) => {
                let (low, high) = rest
                    .strip_prefix(':')
                    .and_then(|rest| rest.split_once(','))
                    .ok_or_else(refuse)?;
                let (low, high) = (
                    low.trim().parse().map_err(|_| refuse())?,
                    high.trim().parse().map_err(|_| refuse())?,
                );
                if low > high {
                    return Err(refuse());
                }
                Fuzziness::Auto(low, high)
            }
            None => match word.parse::<f32>() {
                Ok(0.0) => Fuzziness::Edits(0),
                Ok(1.0) => Fuzziness::Edits(1),
                Ok(2.0) => Fuzziness::Edits(2),
                _ => return Err(refuse()),
            },
        }))
    }

    /// How words are looked for.
    pub(super) fn words(&self) -> ApiResult<Words> {
        let all_if_empty = match self.get("zero_terms_query").map(text) {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("none") => false,
            Some(word) if word.eq_ignore_ascii_case("all") => true,
            Some(word) => {
                return Err(ApiError::parsing(format!(
                    "Unsupported zero_terms_query value [{word}]"
                )));
            }
        };
        Ok(Words {
            operator: self.operator("operator")?,
            minimum: self.get("minimum_should_match").map(text),
            fuzziness: self.fuzziness()?,
            fuzzy_prefix: self.count("prefix_length")?.unwrap_or(0),
            prefix: false,
            all_if_empty,
            lenient: self.flag("lenient"),
            analyzer: self.get("analyzer").map(text),
        })
    }

    /// Puts the boost and the name around a query.
    pub(super) fn finish(&self, mut query: Query) -> ApiResult<Query> {
        if let Some(boost) = self.score("boost")? {
            if boost < 0.0 {
                return Err(ApiError::argument(format!(
                    "negative [boost] are not allowed, use a value between 0 and 1 to deboost: [{boost}] of [{}]",
                    self.query
                )));
            }
            if (boost - 1.0).abs() > f32::EPSILON {
                query = Query::Boost(Box::new(query), boost);
            }
        }
        Ok(match self.get("_name") {
            Some(name) => Query::Named(Box::new(query), text(name)),
            None => query,
        })
    }
}
