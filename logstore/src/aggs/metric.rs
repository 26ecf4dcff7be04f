//! Finishes metrics: numbers as Elasticsearch writes them.

use serde_json::{Map, Value, json};

use super::partial::{Key, Partial};
use super::request::{Metric, MetricKind, Percents};
use super::result::Numbers;
use super::show::{Show, float_json, float_text};
use super::sketch::{Method, Spread, Stats};
use super::values::{Resolved, Type};
use crate::search::sort::SortKey;

/// The name that `typed_keys` uses.
pub fn tag(metric: &Metric) -> &'static str {
    match &metric.kind {
        MetricKind::Avg => "avg",
        MetricKind::Sum => "sum",
        MetricKind::Min => "min",
        MetricKind::Max => "max",
        MetricKind::Stats => "stats",
        MetricKind::ExtendedStats(_) => "extended_stats",
        MetricKind::ValueCount => "value_count",
        MetricKind::Cardinality => "cardinality",
        MetricKind::Percentiles(asked) if matches!(asked.method, Method::Hdr(_)) => "hdr_percentiles",
        MetricKind::PercentileRanks(asked) if matches!(asked.method, Method::Hdr(_)) => {
            "hdr_percentile_ranks"
        }
        MetricKind::Percentiles(_) => "tdigest_percentiles",
        MetricKind::PercentileRanks(_) => "tdigest_percentile_ranks",
        MetricKind::MedianAbsoluteDeviation(_) => "median_absolute_deviation",
        MetricKind::WeightedAvg(_) => "weighted_avg",
        MetricKind::TopHits(_) => "top_hits",
        MetricKind::TopMetrics { .. } => "top_metrics",
    }
}

/// Finishes a metric; without a partial result nothing was collected.
pub fn finish(metric: &Metric, sources: &[Resolved], partial: Option<Partial>) -> Numbers {
    let plain = Show::Plain;
    let show = sources.first().map_or(&plain, |source| &source.show);
    match (&metric.kind, partial) {
        (MetricKind::Cardinality, partial) => count(match partial {
            Some(Partial::Distinct(distinct)) => distinct.count(),
            _ => 0,
        }),
        (MetricKind::ValueCount, partial) => count(match partial {
            Some(Partial::Stats(stats)) => stats.count,
            _ => 0,
        }),
        (MetricKind::Percentiles(percents), partial) => {
            let mut spread = spread(partial);
            listed(percents, show, |percent| {
                spread.as_mut()?.quantile(percent / 100.0, percents.stepped)
            })
        }
        (MetricKind::PercentileRanks(percents), partial) => {
            let mut spread = spread(partial);
            listed(percents, &Show::Plain, |value| {
                Some(spread.as_mut()?.rank(value)? * 100.0)
            })
        }
        (MetricKind::MedianAbsoluteDeviation(_), partial) => {
            let value = spread(partial).and_then(|mut spread| spread.median_absolute_deviation());
            Numbers::one(value, show)
        }
        (MetricKind::WeightedAvg(_), partial) => {
            let value = match partial {
                Some(Partial::Weighted(sum, weight)) => {
                    let average = sum.get() / weight.get();
                    (!average.is_nan()).then_some(average)
                }
                _ => None,
            };
            Numbers::one(value, show)
        }
        (kind, partial) => {
            let stats_of = match partial {
                Some(Partial::Stats(stats)) => *stats,
                _ => Stats::default(),
            };
            stats(kind, &stats_of, show)
        }
    }
}

fn spread(partial: Option<Partial>) -> Option<Spread> {
    match partial {
        Some(Partial::Spread(spread)) => Some(*spread),
        _ => None,
    }
}

fn count(count: u64) -> Numbers {
    let mut json = Map::new();
    json.insert("value".into(), count.into());
    Numbers {
        json,
        values: vec![("value".to_owned(), super::result::exact(count))],
    }
}

fn listed(percents: &Percents, show: &Show, mut value: impl FnMut(f64) -> Option<f64>) -> Numbers {
    let found: Vec<(f64, Option<f64>)> = percents
        .wanted
        .iter()
        .map(|wanted| (*wanted, value(*wanted)))
        .collect();
    let number = |value: &Option<f64>| value.map_or(Value::Null, float_json);
    let values: Value = if percents.keyed {
        let mut map = Map::new();
        for (key, value) in &found {
            map.insert(float_text(*key), number(value));
            if let Some(text) = value.and_then(|value| show.text(value)) {
                map.insert(format!("{}_as_string", float_text(*key)), text.into());
            }
        }
        map.into()
    } else {
        found
            .iter()
            .map(|(key, value)| {
                let mut entry = json!({"key": key, "value": number(value)});
                if let Some(text) = value.and_then(|value| show.text(value)) {
                    entry["value_as_string"] = text.into();
                }
                entry
            })
            .collect()
    };
    let mut json = Map::new();
    json.insert("values".into(), values);
    Numbers {
        json,
        values: found
            .into_iter()
            .map(|(key, value)| (float_text(key), value.unwrap_or(f64::NAN)))
            .collect(),
    }
}

/// Finishes a metric that is made of sums.
pub fn stats(kind: &MetricKind, stats: &Stats, show: &Show) -> Numbers {
    let some = |value: f64| (stats.count > 0).then_some(value);
    match kind {
        MetricKind::Avg => return Numbers::one(stats.avg(), show),
        MetricKind::Sum => return Numbers::one(Some(stats.sum.get()), show),
        MetricKind::Min => return Numbers::one(some(stats.min), show),
        MetricKind::Max => return Numbers::one(some(stats.max), show),
        _ => {}
    }
    let mut values = vec![
        ("count".to_owned(), super::result::exact(stats.count)),
        ("min".to_owned(), stats.min),
        ("max".to_owned(), stats.max),
        ("avg".to_owned(), stats.avg().unwrap_or(f64::NAN)),
        ("sum".to_owned(), stats.sum.get()),
    ];
    let mut json = Map::new();
    json.insert("count".into(), stats.count.into());
    json.insert("min".into(), some(stats.min).map_or(Value::Null, float_json));
    json.insert("max".into(), some(stats.max).map_or(Value::Null, float_json));
    json.insert("avg".into(), stats.avg().map_or(Value::Null, float_json));
    json.insert("sum".into(), float_json(stats.sum.get()));
    let as_text = |json: &mut Map<String, Value>, names: &[(&str, f64)]| {
        for (name, value) in names {
            if let Some(text) = show.text(*value).filter(|_| stats.count > 0) {
                json.insert(format!("{name}_as_string"), text.into());
            }
        }
    };
    let basic = [
        ("min", stats.min),
        ("max", stats.max),
        ("avg", stats.avg().unwrap_or(f64::NAN)),
        ("sum", stats.sum.get()),
    ];
    as_text(&mut json, &basic);
    if let MetricKind::ExtendedStats(sigma) = kind {
        extended(*sigma, stats, &mut json, &mut values);
        let spread: Vec<(&str, f64)> = values
            .iter()
            .filter(|(name, _)| {
                matches!(name.as_str(), "sum_of_squares")
                    || name.starts_with("variance")
                    || name == "std_deviation"
                    || name == "std_deviation_population"
                    || name == "std_deviation_sampling"
            })
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        as_text(&mut json, &spread);
    }
    Numbers { json, values }
}

fn extended(sigma: f64, stats: &Stats, json: &mut Map<String, Value>, values: &mut Vec<(String, f64)>) {
    let population = stats.variance(false);
    let sampling = stats.variance(true);
    let avg = stats.avg();
    // One value has no sample variance: Elasticsearch writes that as a word.
    let number = |value: Option<f64>| match value {
        Some(value) if value.is_nan() => json!("NaN"),
        Some(value) => float_json(value),
        None => Value::Null,
    };
    let root = |value: Option<f64>| value.map(f64::sqrt);
    let squares = (stats.count > 0).then(|| stats.squares.get());
    let bound = |variance: Option<f64>, sign: f64| Some(avg? + sign * sigma * variance?.sqrt());
    let named = [
        ("sum_of_squares", squares),
        ("variance", population),
        ("variance_population", population),
        ("variance_sampling", sampling),
        ("std_deviation", root(population)),
        ("std_deviation_population", root(population)),
        ("std_deviation_sampling", root(sampling)),
    ];
    for (name, value) in named {
        json.insert(name.into(), number(value));
        values.push((name.to_owned(), value.unwrap_or(f64::NAN)));
    }
    let bounds = [
        ("upper", bound(population, 1.0)),
        ("lower", bound(population, -1.0)),
        ("upper_population", bound(population, 1.0)),
        ("lower_population", bound(population, -1.0)),
        ("upper_sampling", bound(sampling, 1.0)),
        ("lower_sampling", bound(sampling, -1.0)),
    ];
    let mut map = Map::new();
    for (name, value) in bounds {
        map.insert(name.into(), number(value));
        // Paths name them as `std_upper`.
        values.push((format!("std_{name}"), value.unwrap_or(f64::NAN)));
    }
    json.insert("std_deviation_bounds".into(), map.into());
}

/// Finishes `top_metrics`.
pub fn top(fields: &[String], sort: &[SortKey], sources: &[Resolved], partial: Option<Partial>) -> Numbers {
    let tops = match partial {
        Some(Partial::Top(tops)) => tops,
        _ => Vec::new(),
    };
    let mut values = Vec::new();
    let mut list = Vec::with_capacity(tops.len());
    for top in tops {
        let sorted: Vec<Value> = super::bind::keys(sort)
            .iter()
            .zip(&top.sort)
            .map(|(key, value)| key.write(value))
            .collect();
        let mut metrics = Map::new();
        for ((field, source), value) in fields.iter().zip(sources).zip(top.values) {
            if let (true, Some(Key::Number(raw))) = (list.is_empty(), &value) {
                values.push((field.clone(), source.kind.number(*raw)));
            }
            metrics.insert(
                field.clone(),
                value.map_or(Value::Null, |key| shown(&key, source)),
            );
        }
        list.push(json!({"sort": sorted, "metrics": metrics}));
    }
    let mut json = Map::new();
    json.insert("top".into(), list.into());
    Numbers { json, values }
}

fn shown(key: &Key, source: &Resolved) -> Value {
    match key {
        Key::Number(raw) if source.kind == Type::Whole => json!(tantivy::u64_to_i64(*raw)),
        Key::Number(raw) if source.kind == Type::Unsigned => json!(raw),
        Key::Number(raw) => match source.show.text(source.kind.number(*raw)) {
            Some(_) if source.kind == Type::Boolean => json!(source.kind.number(*raw) != 0.0),
            Some(text) => text.into(),
            None => float_json(source.kind.number(*raw)),
        },
        Key::Ip(bits) => super::plan::ip_text(*bits).into(),
        Key::Word(word) => json!(word),
        Key::Missing | Key::Tuple(_) => Value::Null,
    }
}
