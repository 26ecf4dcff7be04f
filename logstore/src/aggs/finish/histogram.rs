//! Finishes histograms: fills gaps, keeps to bounds.

use serde_json::{Map, Value, json};
use tantivy::{i64_to_u64, u64_to_i64};

use super::terms::{Waiting, compare, looks_below};
use super::{Finish, One, too_many};
use crate::aggs::auto;
use crate::aggs::partial::{Bucket, Key, Partial};
use crate::aggs::plan::{Bounds, Cut};
use crate::aggs::request::{AggKind, Order};
use crate::aggs::result::{FinalBucket, Multi};
use crate::aggs::show::{Show, float_json};
use crate::aggs::values::Type;
use crate::date::rounding::Rounding;
use crate::error::ApiResult;

/// The order of a histogram that was not asked for another.
fn ascending(order: &Order) -> bool {
    matches!(order.as_slice(), [(super::super::request::By::Key, false)])
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn whole(value: f64) -> i64 {
    value as i64
}

impl Finish<'_> {
    /// Finishes any histogram.
    pub(super) fn histogram(&self, one: One<'_>, partial: Option<Partial>) -> ApiResult<Multi> {
        let found = match partial {
            Some(Partial::Buckets(buckets)) => buckets.map,
            _ => std::collections::HashMap::default(),
        };
        let mut list: Vec<(u64, Bucket)> = found
            .into_iter()
            .filter_map(|(key, bucket)| match key {
                Key::Number(raw) => Some((raw, bucket)),
                _ => None,
            })
            .collect();
        list.sort_by_key(|(raw, _)| *raw);
        let plain = Show::Plain;
        let show = one.plan.sources.first().map_or(&plain, |source| &source.show);
        let mut multi = Multi::default();
        match (&one.agg.kind, &one.plan.cut) {
            (AggKind::DateHistogram(histogram), Some(Cut::Dates(rounding))) => {
                if let Some(hard) = one.plan.hard {
                    list.retain(|(raw, _)| {
                        let at = u64_to_i64(*raw);
                        hard.min.is_none_or(|min| at >= whole(min))
                            && hard.max.is_none_or(|max| at < whole(max))
                    });
                }
                if histogram.min_doc_count == 0 {
                    list = self.fill_dates(list, rounding, one.plan.extended)?;
                }
                multi.keyed = histogram.keyed;
                self.put(
                    one,
                    list,
                    histogram.min_doc_count,
                    &histogram.order,
                    Type::Date,
                    show,
                    &mut multi,
                )?;
            }
            (AggKind::AutoDates(histogram), Some(Cut::Dates(rounding))) => {
                let list = list
                    .into_iter()
                    .map(|(raw, bucket)| (u64_to_i64(raw), bucket))
                    .collect();
                let (list, interval) = auto::fit(histogram, rounding, list, &one.merging.subs);
                let list = list
                    .into_iter()
                    .map(|(at, bucket)| (i64_to_u64(at), bucket))
                    .collect();
                multi.tail.insert("interval".into(), interval.into());
                let order = vec![(super::super::request::By::Key, false)];
                self.put(one, list, 0, &order, Type::Date, show, &mut multi)?;
            }
            (AggKind::Histogram(histogram), Some(Cut::Numbers { interval, offset })) => {
                if let Some(hard) = one.plan.hard {
                    list.retain(|(raw, _)| {
                        let key = Type::Float.number(*raw) - offset;
                        hard.min.is_none_or(|min| key >= min) && hard.max.is_none_or(|max| key <= max)
                    });
                }
                if histogram.min_doc_count == 0 {
                    list = self.fill_numbers(list, *interval, *offset, one.plan.extended)?;
                }
                multi.keyed = histogram.keyed;
                self.put(
                    one,
                    list,
                    histogram.min_doc_count,
                    &histogram.order,
                    Type::Float,
                    show,
                    &mut multi,
                )?;
            }
            _ => {}
        }
        Ok(multi)
    }

    #[expect(clippy::too_many_arguments, reason = "one call for each kind of histogram")]
    fn put(
        &self,
        one: One<'_>,
        list: Vec<(u64, Bucket)>,
        least: u64,
        order: &Order,
        kind: Type,
        show: &Show,
        multi: &mut Multi,
    ) -> ApiResult<()> {
        let mut waiting: Vec<Waiting> = list
            .into_iter()
            .filter(|(_, bucket)| bucket.count >= least)
            .map(|(raw, bucket)| Waiting {
                key: Key::Number(raw),
                bucket,
                subs: None,
            })
            .collect();
        if looks_below(order) {
            for one_bucket in &mut waiting {
                let subs = std::mem::take(&mut one_bucket.bucket.subs);
                one_bucket.subs = Some(self.below(one, subs)?);
            }
        }
        if !ascending(order) {
            waiting.sort_by(|a, b| compare(order, a, b));
        }
        for Waiting { key, bucket, subs } in waiting {
            let Key::Number(raw) = key else { continue };
            let (mut head, name, number);
            head = Map::new();
            if kind == Type::Date {
                let at = u64_to_i64(raw);
                name = show.date(at);
                number = kind.number(raw);
                // A field of numbers that are meant as dates is shown as numbers.
                if show.text(number).is_some() {
                    head.insert("key_as_string".into(), name.as_str().into());
                }
                head.insert("key".into(), json!(at));
            } else {
                number = kind.number(raw);
                name = show.key(number);
                if let Some(text) = show.text(number) {
                    head.insert("key_as_string".into(), text.into());
                }
                head.insert("key".into(), float_json(number));
            }
            let made = match subs {
                Some(subs) => {
                    self.count()?;
                    FinalBucket {
                        name,
                        head,
                        key: Some(number),
                        count: bucket.count,
                        tail: Map::<String, Value>::new(),
                        subs,
                    }
                }
                None => self.bucket(one, name, head, Some(number), bucket)?,
            };
            multi.buckets.push(made);
        }
        Ok(())
    }

    fn fill_dates(
        &self,
        list: Vec<(u64, Bucket)>,
        rounding: &Rounding,
        extended: Option<Bounds>,
    ) -> ApiResult<Vec<(u64, Bucket)>> {
        let extended = extended.unwrap_or_default();
        let low = extended.min.map(|min| rounding.floor(whole(min)));
        let high = extended.max.map(|max| rounding.floor(whole(max)));
        let mut out: Vec<(u64, Bucket)> = Vec::with_capacity(list.len());
        let most = self.limits.max_buckets as usize;
        let push = |out: &mut Vec<(u64, Bucket)>, at: i64, bucket: Bucket| {
            if out.len() >= most {
                return Err(too_many(self.limits));
            }
            out.push((i64_to_u64(at), bucket));
            Ok(())
        };
        let mut next = match (list.first().map(|(raw, _)| u64_to_i64(*raw)), low) {
            (Some(first), Some(low)) => Some(first.min(low)),
            (None, Some(low)) if high.is_some() => Some(low),
            (first, _) => first,
        };
        for (raw, bucket) in list {
            let at = u64_to_i64(raw);
            while let Some(gap) = next.filter(|next| *next < at) {
                push(&mut out, gap, Bucket::default())?;
                next = Some(rounding.next(gap));
            }
            push(&mut out, at, bucket)?;
            next = Some(rounding.next(at));
        }
        if let Some(high) = high {
            while let Some(gap) = next.filter(|next| *next <= high) {
                push(&mut out, gap, Bucket::default())?;
                next = Some(rounding.next(gap));
            }
        }
        Ok(out)
    }

    fn fill_numbers(
        &self,
        list: Vec<(u64, Bucket)>,
        interval: f64,
        offset: f64,
        extended: Option<Bounds>,
    ) -> ApiResult<Vec<(u64, Bucket)>> {
        let extended = extended.unwrap_or_default();
        let step = |value: f64| ((value - offset) / interval).floor();
        let raw = |step: f64| Type::Float.raw(step * interval + offset);
        // A key is the start of its own step, but for what rounding does to it.
        let step_of = |raw: u64| ((Type::Float.number(raw) - offset) / interval).round();
        let (low, high) = (extended.min.map(step), extended.max.map(step));
        let most = self.limits.max_buckets as usize;
        let mut out: Vec<(u64, Bucket)> = Vec::with_capacity(list.len());
        let fill = |out: &mut Vec<(u64, Bucket)>, mut from: f64, to: f64| {
            if to - from > f64::from(self.limits.max_buckets) {
                return Err(too_many(self.limits));
            }
            while from < to {
                if out.len() >= most {
                    return Err(too_many(self.limits));
                }
                out.push((raw(from), Bucket::default()));
                from += 1.0;
            }
            Ok(())
        };
        let mut next = match (list.first().map(|(raw, _)| step_of(*raw)), low) {
            (Some(first), Some(low)) => Some(first.min(low)),
            (None, Some(low)) if high.is_some() => Some(low),
            (first, _) => first,
        };
        for (key, bucket) in list {
            let at = step_of(key);
            if let Some(next) = next {
                fill(&mut out, next, at)?;
            }
            out.push((key, bucket));
            next = Some(at + 1.0);
        }
        if let (Some(next), Some(high)) = (next, high) {
            fill(&mut out, next, high + 1.0)?;
        }
        Ok(out)
    }
}
