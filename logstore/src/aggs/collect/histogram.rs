//! Histograms of numbers and dates.

use tantivy::{SegmentReader, i64_to_u64, u64_to_i64};

use super::grouping::Grouping;
use super::{Batch, Children, Node};
use crate::aggs::bind::Bound;
use crate::aggs::column::{Block, Values};
use crate::aggs::partial::{Buckets, Key, Partial};
use crate::aggs::plan::Cut;
use crate::aggs::values::Type;
use crate::date::rounding::{Cutter, Rounding};
use crate::error::{ApiError, ApiResult};

/// A histogram in one segment.
pub struct HistogramNode {
    values: Values,
    slots: Slots,
    grouping: Grouping,
    block: Block,
    /// The interval of the last value, since times come nearly in order: first and last value, slot.
    last: (i64, i64, u64),
}

/// How a value becomes the number of a bucket, and that number a key.
enum Slots {
    /// Equal steps of time; slots count from `base`.
    Steps { interval: i64, start: i64, base: i64 },
    /// Known edges of time.
    Edges(Vec<i64>),
    /// Each date rounded on its own; the slot is the key.
    Each(Rounding),
    /// Equal steps of numbers; slots count from `base`.
    Numbers {
        interval: f64,
        offset: f64,
        base: f64,
        kind: Type,
    },
}

// === impl HistogramNode ===

impl HistogramNode {
    /// Opens the histogram.
    pub fn open(bound: &Bound<'_>, segment: &SegmentReader, children: Children) -> ApiResult<Self> {
        let values = bound.open_source(0, segment)?;
        let span = values.span();
        let (slots, width) = match &bound.plan.cut {
            Some(Cut::Dates(rounding)) => {
                let (min, max) = span.map_or((0, 0), |(min, max)| {
                    (date(values.kind(), min), date(values.kind(), max))
                });
                match rounding.cutter(min, max) {
                    Cutter::Steps { interval, start } => {
                        let base = (min - start).div_euclid(interval);
                        let steps = (max - start).div_euclid(interval).saturating_sub(base);
                        let width = u64::try_from(steps).unwrap_or(u64::MAX).saturating_add(1);
                        (
                            Slots::Steps {
                                interval,
                                start,
                                base,
                            },
                            Some(width),
                        )
                    }
                    Cutter::Edges(edges) => {
                        let width = edges.len() as u64;
                        (Slots::Edges(edges), Some(width))
                    }
                    Cutter::Each(rounding) => (Slots::Each(rounding), None),
                }
            }
            Some(Cut::Numbers { interval, offset }) => {
                let kind = values.kind();
                let step = |raw: u64| ((kind.number(raw) - offset) / interval).floor();
                let (low, high) = span.map_or((0.0, 0.0), |(min, max)| (step(min), step(max)));
                let width = high - low + 1.0;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it saturates, and a table so wide is never made"
                )]
                let width = (width.is_finite() && width < 1e9).then_some(width as u64);
                (
                    Slots::Numbers {
                        interval: *interval,
                        offset: *offset,
                        base: if width.is_some() { low } else { f64::NAN },
                        kind,
                    },
                    width,
                )
            }
            None => return Err(ApiError::internal("a histogram without an interval")),
        };
        let grouping = Grouping::new(width, values.is_multivalued(), children);
        Ok(Self {
            values,
            slots,
            grouping,
            block: Block::default(),
            last: (1, 0, 0),
        })
    }
}

/// A value as a date. Fields of numbers are taken for milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn date(kind: Type, raw: u64) -> i64 {
    if matches!(kind, Type::Float | Type::Unsigned) {
        kind.number(raw) as i64
    } else {
        u64_to_i64(raw)
    }
}

impl Slots {
    /// The slot of a value, with the first and last value that share it when that is known.
    #[inline]
    fn of(&self, raw: u64, kind: Type) -> (u64, i64, i64) {
        match self {
            Self::Steps {
                interval,
                start,
                base,
            } => {
                let step = (date(kind, raw).clamp(-LIMIT, LIMIT) - start).div_euclid(*interval);
                let from = step * interval + start;
                (
                    u64::try_from(step - base).unwrap_or_default(),
                    from,
                    from.saturating_add(interval - 1),
                )
            }
            Self::Edges(edges) => {
                let after = edges.partition_point(|edge| *edge <= date(kind, raw)).max(1);
                let from = edges.get(after - 1).copied().unwrap_or_default();
                let to = edges.get(after).copied().unwrap_or(i64::MAX);
                ((after - 1) as u64, from, to - 1)
            }
            Self::Each(rounding) => (i64_to_u64(rounding.floor(date(kind, raw))), 1, 0),
            Self::Numbers {
                interval,
                offset,
                base,
                kind,
            } => {
                let step = ((kind.number(raw) - offset) / interval).floor();
                let slot = if base.is_nan() {
                    step.to_bits()
                } else {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "between 0 and the width"
                    )]
                    let slot = (step - base) as u64;
                    slot
                };
                (slot, 1, 0)
            }
        }
    }

    fn key(&self, slot: u64) -> Key {
        match self {
            Self::Steps {
                interval,
                start,
                base,
            } => {
                let step = i64::try_from(slot).unwrap_or(i64::MAX).saturating_add(*base);
                Key::Number(i64_to_u64(step.saturating_mul(*interval).saturating_add(*start)))
            }
            Self::Edges(edges) => {
                let place = usize::try_from(slot).unwrap_or(usize::MAX);
                Key::Number(i64_to_u64(edges.get(place).copied().unwrap_or_default()))
            }
            Self::Each(_) => Key::Number(slot),
            Self::Numbers {
                interval,
                offset,
                base,
                ..
            } => {
                #[expect(clippy::cast_precision_loss, reason = "a slot is far below 2^53")]
                let step = if base.is_nan() {
                    f64::from_bits(slot)
                } else {
                    slot as f64 + base
                };
                Key::Number(Type::Float.raw(step * interval + offset))
            }
        }
    }
}

/// Dates are kept within the range in which sums cannot overflow.
const LIMIT: i64 = crate::date::rounding::FURTHEST;

impl Node for HistogramNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.values.read(batch.docs, &mut self.block);
        self.grouping.start();
        let kind = self.values.kind();
        // Values become slots in place.
        for raw in &mut self.block.raw {
            let as_date = u64_to_i64(*raw);
            let slot = if self.last.0 <= as_date && as_date <= self.last.1 {
                self.last.2
            } else {
                let (slot, from, to) = self.slots.of(*raw, kind);
                // Only whole numbers compare as dates do.
                if !matches!(kind, Type::Float | Type::Unsigned) {
                    self.last = (from, to, slot);
                }
                slot
            };
            *raw = slot;
        }
        self.grouping.add_all(batch, &self.block.at, &self.block.raw);
        self.grouping.finish(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        let mut out: Vec<Buckets> = (0..parents).map(|_| Buckets::default()).collect();
        for found in self.grouping.harvest()? {
            out[found.parent]
                .map
                .insert(self.slots.key(found.slot), found.bucket);
        }
        Ok(out.into_iter().map(Partial::Buckets).collect())
    }
}
