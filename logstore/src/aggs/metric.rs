//! Metric aggregations: one or several numbers over the documents of a bucket.

use serde_json::{Map, Value, json};
use tantivy::aggregation::Key;
use tantivy::aggregation::agg_req::AggregationVariants as V;
use tantivy::aggregation::agg_result::MetricResult;
use tantivy::aggregation::metric::{
    AverageAggregation, CardinalityAggregationReq, CountAggregation, ExtendedStatsAggregation,
    MaxAggregation, MinAggregation, PercentileValues, PercentilesAggregationReq, StatsAggregation,
    SumAggregation,
};

use super::request::as_f64;
use crate::date::format;
use crate::date::zone::Zone;
use crate::error::ApiResult;
use crate::query::dsl::list;

/// Percentiles that are computed when none are asked for.
const DEFAULT_PERCENTS: &[f64] = &[1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];

/// A metric.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Elasticsearch's name of it.
    pub type_name: &'static str,
    /// Field.
    pub field: String,
    /// Value of documents without one.
    pub missing: Option<Value>,
    /// Percentiles asked for.
    pub percents: Vec<f64>,
    /// Percentiles are an object instead of a list.
    pub keyed: bool,
    /// Width of `extended_stats`' bounds.
    pub sigma: Option<f64>,
}

// === impl Metric ===

impl Metric {
    /// Reads a metric; `None`: there is none of that name.
    pub fn parse(
        type_name: &str,
        map: &Map<String, Value>,
        field: impl Fn() -> ApiResult<String>,
    ) -> ApiResult<Option<Self>> {
        const NAMES: &[&str] = &[
            "avg",
            "sum",
            "min",
            "max",
            "stats",
            "extended_stats",
            "value_count",
            "cardinality",
            "percentiles",
        ];
        let Some(type_name) = NAMES.iter().find(|name| **name == type_name) else {
            return Ok(None);
        };
        let percents: Vec<f64> = list(map.get("percents")).iter().filter_map(as_f64).collect();
        Ok(Some(Self {
            type_name,
            field: field()?,
            missing: map.get("missing").cloned(),
            percents: if percents.is_empty() {
                DEFAULT_PERCENTS.to_vec()
            } else {
                percents
            },
            keyed: map.get("keyed") != Some(&Value::Bool(false)),
            sigma: map.get("sigma").and_then(as_f64),
        }))
    }

    /// As tantivy's request over a column.
    pub fn lower(&self, field: String) -> V {
        let missing = self.missing.as_ref().and_then(as_f64);
        match self.type_name {
            "avg" => V::Average(AverageAggregation { field, missing }),
            "sum" => V::Sum(SumAggregation {
                field,
                missing,
                none_if_no_match: None,
            }),
            "min" => V::Min(MinAggregation { field, missing }),
            "max" => V::Max(MaxAggregation { field, missing }),
            "stats" => V::Stats(StatsAggregation { field, missing }),
            "extended_stats" => V::ExtendedStats(ExtendedStatsAggregation {
                field,
                missing,
                sigma: self.sigma,
            }),
            "value_count" => V::Count(CountAggregation { field, missing }),
            "cardinality" => V::Cardinality(CardinalityAggregationReq {
                field,
                missing: self.missing.as_ref().map(key),
            }),
            _ => V::Percentiles(PercentilesAggregationReq {
                field,
                percents: Some(self.percents.clone()),
                keyed: false,
                missing,
            }),
        }
    }

    /// As Elasticsearch's answer.
    pub fn render(
        &self,
        result: Option<&MetricResult>,
        is_date: bool,
        date_format: Option<&str>,
    ) -> Map<String, Value> {
        let mut out = Map::new();
        match result {
            None => {
                let value = if matches!(self.type_name, "sum" | "value_count" | "cardinality") {
                    json!(0)
                } else {
                    Value::Null
                };
                out.insert("value".into(), value);
            }
            Some(MetricResult::Count(one) | MetricResult::Cardinality(one)) => {
                out.insert("value".into(), whole(one.value.unwrap_or(0.0)));
            }
            Some(
                MetricResult::Average(one)
                | MetricResult::Max(one)
                | MetricResult::Min(one)
                | MetricResult::Sum(one),
            ) => {
                out.insert("value".into(), json!(one.value));
                if is_date && self.type_name != "sum" {
                    insert_date(&mut out, "value_as_string", one.value, date_format);
                }
            }
            Some(MetricResult::Percentiles(percentiles)) => out = self.percentiles(&percentiles.values),
            Some(other) => {
                // `stats` and `extended_stats` are shaped as Elasticsearch shapes them.
                if let Ok(Value::Object(map)) = serde_json::to_value(other) {
                    out = map;
                }
                if is_date {
                    for name in ["min", "max", "avg"] {
                        let value = out.get(name).and_then(Value::as_f64);
                        insert_date(&mut out, &format!("{name}_as_string"), value, date_format);
                    }
                }
            }
        }
        out
    }

    fn percentiles(&self, values: &PercentileValues) -> Map<String, Value> {
        let number = |value: f64| {
            if value.is_finite() {
                json!(value)
            } else {
                Value::Null
            }
        };
        let entries: Vec<(f64, Value)> = match values {
            PercentileValues::Vec(entries) => entries
                .iter()
                .map(|entry| (entry.key, number(entry.value)))
                .collect(),
            PercentileValues::HashMap(map) => map
                .iter()
                .filter_map(|(key, value)| Some((key.parse().ok()?, number(*value))))
                .collect(),
        };
        let values: Value = if self.keyed {
            entries
                .into_iter()
                .map(|(key, value)| (format!("{key:?}"), value))
                .collect::<Map<_, _>>()
                .into()
        } else {
            entries
                .into_iter()
                .map(|(key, value)| json!({"key": key, "value": value}))
                .collect()
        };
        let mut out = Map::new();
        out.insert("values".into(), values);
        out
    }
}

fn whole(value: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole and positive"
    )]
    let whole = value.round() as u64;
    json!(whole)
}

fn insert_date(out: &mut Map<String, Value>, key: &str, value: Option<f64>, date_format: Option<&str>) {
    if let Some(value) = value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "dates are far below 2^53 milliseconds"
        )]
        let millis = value as i64;
        out.insert(key.into(), format::format(millis, date_format, &Zone::UTC).into());
    }
}

/// A value as tantivy's key.
pub fn key(value: &Value) -> Key {
    match value {
        Value::String(text) => Key::Str(text.clone()),
        Value::Bool(value) => Key::Str(value.to_string()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Key::I64(whole),
            None => Key::F64(number.as_f64().unwrap_or_default()),
        },
        other => Key::Str(other.to_string()),
    }
}
