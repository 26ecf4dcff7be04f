//! What has to be the same in every index of a search: the types of fields, the bounds of ranges, how time is cut.

use std::net::IpAddr;

use serde_json::Value;

use super::collect::address;
use super::partial::Merging;
use super::request::{Agg, AggKind, MetricKind, RangeKind, Ranges, Source, SourceKind, order};
use super::show::float_text;
use super::values::{Resolved, Type, Want, date, formats, resolve};
use super::{View, auto, span};
use crate::date::Millis;
use crate::date::rounding::Rounding;
use crate::date::zone::Zone;
use crate::error::{ApiError, ApiResult};
use crate::query::Query;
use crate::query::dsl::text;

/// The plan of one aggregation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Its fields.
    pub sources: Vec<Resolved>,
    /// How a histogram's values are cut.
    pub cut: Option<Cut>,
    /// The same for each source of a `composite`.
    pub cuts: Vec<Option<Cut>>,
    /// Ranges of numbers and dates: `from` is included, `to` is not.
    pub ranges: Vec<(f64, f64)>,
    /// Ranges of addresses.
    pub addresses: Vec<(u128, Option<u128>)>,
    /// Names of the ranges.
    pub labels: Vec<String>,
    /// Where empty buckets of a histogram start and end.
    pub extended: Option<Bounds>,
    /// Keys of a histogram's buckets outside are left out.
    pub hard: Option<Bounds>,
    /// The plans of the aggregations below.
    pub subs: Vec<Plan>,
}

/// Bounds of a histogram; either side may be open. Milliseconds or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// Least key.
    pub min: Option<f64>,
    /// Greatest key.
    pub max: Option<f64>,
}

/// How values are cut into buckets.
#[derive(Debug, Clone)]
pub enum Cut {
    /// Time.
    Dates(Rounding),
    /// Numbers.
    Numbers {
        /// Width.
        interval: f64,
        /// Where steps start.
        offset: f64,
    },
}

/// What planning needs to know of a search.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The query.
    pub query: &'a Query,
    /// The indices.
    pub views: &'a [View],
    /// What `now` means.
    pub now: Millis,
}

/// Plans aggregations.
pub fn plan(aggs: &[Agg], scene: Scene<'_>) -> ApiResult<Vec<Plan>> {
    aggs.iter().map(|agg| one(agg, scene)).collect()
}

/// What merging has to know; pipelines are not merged.
pub fn merging(aggs: &[Agg]) -> Vec<Merging> {
    aggs.iter()
        .filter(|agg| !agg.is_pipeline())
        .map(|agg| Merging {
            hits: match &agg.kind {
                AggKind::Metric(metric) => match &metric.kind {
                    MetricKind::TopHits(request) => {
                        Some((super::bind::keys(&request.sort), request.from + request.size))
                    }
                    MetricKind::TopMetrics { sort, size, .. } => Some((super::bind::keys(sort), *size)),
                    _ => None,
                },
                _ => None,
            },
            subs: merging(&agg.subs),
        })
        .collect()
}

fn one(agg: &Agg, scene: Scene<'_>) -> ApiResult<Plan> {
    let label = (agg.name.as_str(), agg.type_name.as_str());
    let get = |source: &Source, want| resolve(label, source, want, scene.views, scene.now);
    let mut plan = Plan {
        subs: self::plan(&agg.subs, scene)?,
        ..Plan::default()
    };
    match &agg.kind {
        AggKind::Terms(terms) | AggKind::MultiTerms(terms) => {
            order::check(&terms.order, &agg.subs)?;
            for terms in &terms.sources {
                plan.sources.push(get(&terms.source, Want::Any)?);
            }
        }
        AggKind::RareTerms(terms) => plan.sources.push(get(&terms.source, Want::Any)?),
        AggKind::Missing(source) => plan.sources.push(get(source, Want::Any)?),
        AggKind::DateHistogram(histogram) => {
            order::check(&histogram.order, &agg.subs)?;
            let source = get(&histogram.source, Want::Date)?;
            let zone = &histogram.rounding.zone;
            let read = |bounds: &Option<(Value, Value)>| {
                dates(bounds.as_ref(), &histogram.source, &source, zone, scene.now)
            };
            plan.extended = read(&histogram.extended_bounds)?;
            plan.hard = read(&histogram.hard_bounds)?;
            check(&plan, &agg.name)?;
            plan.cut = Some(Cut::Dates(histogram.rounding.clone()));
            plan.sources.push(source);
        }
        AggKind::AutoDates(histogram) => {
            let source = get(&histogram.source, Want::Date)?;
            let span = match &source.field {
                Some(field) => span::of(field, scene.query, scene.views, scene.now)?,
                None => None,
            };
            plan.cut = Some(Cut::Dates(auto::finest(histogram, span)));
            plan.sources.push(source);
        }
        AggKind::Histogram(histogram) => {
            order::check(&histogram.order, &agg.subs)?;
            plan.extended = histogram.extended_bounds.map(finite);
            plan.hard = histogram.hard_bounds.map(finite);
            check(&plan, &agg.name)?;
            plan.cut = Some(Cut::Numbers {
                interval: histogram.interval,
                offset: histogram.offset,
            });
            plan.sources.push(get(&histogram.source, Want::Number)?);
        }
        AggKind::Ranges(ranges) => plan_ranges(agg, ranges, scene, &mut plan)?,
        AggKind::Composite(composite) => {
            for source in &composite.sources {
                let (want, cut) = match &source.kind {
                    SourceKind::Terms => (Want::Any, None),
                    SourceKind::Histogram(interval) => (
                        Want::Number,
                        Some(Cut::Numbers {
                            interval: *interval,
                            offset: 0.0,
                        }),
                    ),
                    SourceKind::Dates(rounding) => (Want::Date, Some(Cut::Dates(rounding.clone()))),
                };
                plan.sources.push(get(&source.source, want)?);
                plan.cuts.push(cut);
            }
        }
        AggKind::Metric(metric) => {
            let want = match metric.kind {
                MetricKind::ValueCount | MetricKind::Cardinality => Want::Any,
                _ => Want::Number,
            };
            for source in metric.sources() {
                plan.sources.push(get(source, want)?);
            }
            if let MetricKind::TopMetrics { fields, .. } = &metric.kind {
                for field in fields {
                    plan.sources.push(get(&Source::field(field), Want::Any)?);
                }
            }
        }
        AggKind::Filter(_)
        | AggKind::Filters(_)
        | AggKind::Global
        | AggKind::Sampler(_)
        | AggKind::Pipeline(_) => {}
    }
    Ok(plan)
}

/// A source whose numbers are taken for milliseconds.
fn as_dates(mut resolved: Resolved, source: &Source) -> Resolved {
    if resolved.kind != Type::Date {
        resolved.show = super::show::Show::Date {
            format: source.format.clone(),
            zone: source.zone.clone().unwrap_or(Zone::UTC),
        };
    }
    resolved
}

fn finite((min, max): (f64, f64)) -> Bounds {
    Bounds {
        min: Some(min).filter(|v| v.is_finite()),
        max: Some(max).filter(|v| v.is_finite()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "dates are far below 2^53 milliseconds")]
fn dates(
    bounds: Option<&(Value, Value)>,
    source: &Source,
    resolved: &Resolved,
    zone: &Zone,
    now: Millis,
) -> ApiResult<Option<Bounds>> {
    let Some((min, max)) = bounds else { return Ok(None) };
    let formats = formats(source.format.as_deref(), resolved.field.as_deref());
    let read = |value: &Value| -> ApiResult<Option<f64>> {
        if value.is_null() {
            return Ok(None);
        }
        date(value, &formats, zone, now).map(|at| Some(at as f64))
    };
    Ok(Some(Bounds {
        min: read(min)?,
        max: read(max)?,
    }))
}

fn check(plan: &Plan, name: &str) -> ApiResult<()> {
    for (label, bounds) in [("extended_bounds", plan.extended), ("hard_bounds", plan.hard)] {
        if let Some(Bounds {
            min: Some(min),
            max: Some(max),
        }) = bounds
            && min > max
        {
            return Err(ApiError::argument(format!(
                "[{label}.min][{}] cannot be greater than [{label}.max][{}] for histogram aggregation [{name}]",
                float_text(min),
                float_text(max)
            )));
        }
    }
    if let (Some(extended), Some(hard)) = (plan.extended, plan.hard) {
        let low = matches!((extended.min, hard.min), (Some(a), Some(b)) if a < b);
        let high = matches!((extended.max, hard.max), (Some(a), Some(b)) if a > b);
        if low || high {
            return Err(ApiError::argument(format!(
                "Extended bounds have to be inside hard bounds in [{name}]"
            )));
        }
    }
    Ok(())
}

fn plan_ranges(agg: &Agg, ranges: &Ranges, scene: Scene<'_>, plan: &mut Plan) -> ApiResult<()> {
    let want = match ranges.kind {
        RangeKind::Number => Want::Number,
        RangeKind::Date => Want::Date,
        RangeKind::Ip => Want::Ip,
    };
    let label = (agg.name.as_str(), agg.type_name.as_str());
    let mut source = resolve(label, &ranges.source, want, scene.views, scene.now)?;
    if ranges.kind == RangeKind::Date {
        source = as_dates(source, &ranges.source);
    }
    if ranges.kind == RangeKind::Ip {
        let mut all = ranges
            .ranges
            .iter()
            .map(|range| {
                let bound = |value: &Option<Value>| value.as_ref().map(|v| ip(&text(v))).transpose();
                let (from, to) = match &range.mask {
                    Some(mask) => network(mask)?,
                    None => (bound(&range.from)?.unwrap_or(0), bound(&range.to)?),
                };
                let shown = |bits: u128| ip_text(bits);
                let name = range
                    .key
                    .clone()
                    .or_else(|| range.mask.clone())
                    .unwrap_or_else(|| {
                        format!(
                            "{}-{}",
                            if from == 0 { "*".to_owned() } else { shown(from) },
                            to.map_or_else(|| "*".to_owned(), shown)
                        )
                    });
                Ok(((from, to), name))
            })
            .collect::<ApiResult<Vec<_>>>()?;
        all.sort_by_key(|((from, to), _)| (*from, to.unwrap_or(u128::MAX)));
        (plan.addresses, plan.labels) = all.into_iter().unzip();
    } else {
        let formats = formats(ranges.source.format.as_deref(), source.field.as_deref());
        let zone = ranges.source.zone.clone().unwrap_or(Zone::UTC);
        let bound = |value: &Option<Value>, open: f64| -> ApiResult<f64> {
            let Some(value) = value else { return Ok(open) };
            if ranges.kind == RangeKind::Date || source.kind == Type::Date {
                #[expect(clippy::cast_precision_loss, reason = "dates are far below 2^53 milliseconds")]
                return date(value, &formats, &zone, scene.now).map(|at| at as f64);
            }
            super::request::options::as_f64(value).ok_or_else(|| {
                ApiError::parsing(format!(
                    "[range] of [{}] failed to parse the bound [{}]",
                    agg.name,
                    text(value)
                ))
            })
        };
        let mut all = ranges
            .ranges
            .iter()
            .map(|range| {
                let (from, to) = (
                    bound(&range.from, f64::NEG_INFINITY)?,
                    bound(&range.to, f64::INFINITY)?,
                );
                let side = |value: f64| {
                    if value.is_finite() {
                        source.show.key(value)
                    } else {
                        "*".to_owned()
                    }
                };
                let name = range
                    .key
                    .clone()
                    .unwrap_or_else(|| format!("{}-{}", side(from), side(to)));
                Ok(((from, to), name))
            })
            .collect::<ApiResult<Vec<_>>>()?;
        all.sort_by(|((a, b), _), ((c, d), _)| a.total_cmp(c).then(b.total_cmp(d)));
        (plan.ranges, plan.labels) = all.into_iter().unzip();
    }
    plan.sources.push(source);
    Ok(())
}

fn ip(text: &str) -> ApiResult<u128> {
    address(text).ok_or_else(|| ApiError::argument(format!("'{text}' is not an IP string literal.")))
}

/// The text of an address.
pub fn ip_text(bits: u128) -> String {
    IpAddr::from(bits.to_be_bytes()).to_canonical().to_string()
}

/// The first address of a network, and the one after its last.
fn network(mask: &str) -> ApiResult<(u128, Option<u128>)> {
    let wrong = || ApiError::argument(format!("Expected [ip/prefix] but was [{mask}]"));
    let (base, prefix) = mask.split_once('/').ok_or_else(wrong)?;
    let parsed: IpAddr = base.parse().map_err(|_| wrong())?;
    let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
    let prefix = if parsed.is_ipv4() {
        prefix.saturating_add(96)
    } else {
        prefix
    };
    if prefix > 128 {
        return Err(wrong());
    }
    let size = 1_u128.checked_shl(128 - prefix).unwrap_or(0);
    let bits = ip(base)?;
    if size == 0 {
        return Ok((0, None));
    }
    let first = bits & !(size - 1);
    Ok((first, first.checked_add(size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_the_range_of_its_addresses() {
        let (from, to) = network("10.0.0.77/25").unwrap();
        assert_eq!(ip_text(from), "10.0.0.0");
        assert_eq!(to.map(ip_text), Some("10.0.0.128".to_owned()));
        assert_eq!(network("::/0").unwrap(), (0, None));
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("x/8").is_err());
    }
}
