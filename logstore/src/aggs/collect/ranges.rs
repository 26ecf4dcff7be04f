//! Ranges of numbers, dates and addresses. They may overlap; a document counts once in each.

use std::net::IpAddr;

use tantivy::SegmentReader;

use super::filters::Fixed;
use super::{Batch, Children, Node};
use crate::aggs::bind::Bound;
use crate::aggs::column::{Block, MISSING_ORD, Values};
use crate::aggs::partial::Partial;
use crate::aggs::values::Type;
use crate::error::ApiResult;

/// Ranges in one segment.
pub struct RangesNode {
    values: Values,
    ranges: Ranges,
    fixed: Fixed,
    block: Block,
    matching: Vec<bool>,
}

enum Ranges {
    /// Bounds as numbers; `from` is included, `to` is not.
    Numbers(Vec<(f64, f64)>, Type),
    /// The same of addresses, with the addresses of the segment's dictionary and the one for missing values.
    Addresses(Vec<(u128, Option<u128>)>, Vec<u128>, u128),
}

// === impl RangesNode ===

impl RangesNode {
    /// Opens the ranges.
    pub fn open(bound: &Bound<'_>, segment: &SegmentReader, children: Children) -> ApiResult<Self> {
        let values = bound.open_source(0, segment)?;
        let ranges = if values.kind() == Type::Ip {
            let mut ords: Vec<u64> = (0..values.words()).collect();
            ords.push(MISSING_ORD);
            let mut addresses = Vec::with_capacity(ords.len());
            values.each_word(&ords, |word| addresses.push(address(word).unwrap_or_default()))?;
            let missing = addresses.pop().unwrap_or_default();
            Ranges::Addresses(bound.plan.addresses.clone(), addresses, missing)
        } else {
            Ranges::Numbers(bound.plan.ranges.clone(), values.kind())
        };
        let width = bound.plan.ranges.len().max(bound.plan.addresses.len());
        Ok(Self {
            values,
            ranges,
            fixed: Fixed::new(width, children),
            block: Block::default(),
            matching: vec![false; width],
        })
    }
}

/// An address as a number; version 4 in its mapped form.
pub fn address(text: &str) -> Option<u128> {
    Some(match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    })
}

impl Ranges {
    fn mark(&self, raw: u64, matching: &mut [bool]) {
        match self {
            Self::Numbers(ranges, kind) => {
                let value = kind.number(raw);
                for ((from, to), matches) in ranges.iter().zip(matching) {
                    *matches |= *from <= value && value < *to;
                }
            }
            Self::Addresses(ranges, addresses, missing) => {
                let place = usize::try_from(raw).unwrap_or(usize::MAX);
                let value = addresses.get(place).unwrap_or(missing);
                for ((from, to), matches) in ranges.iter().zip(matching) {
                    *matches |= from <= value && to.is_none_or(|to| *value < to);
                }
            }
        }
    }
}

impl Node for RangesNode {
    fn collect(&mut self, batch: Batch<'_>) -> ApiResult<()> {
        self.values.read(batch.docs, &mut self.block);
        self.fixed.start();
        let mut values = self.block.at.iter().zip(&self.block.raw).peekable();
        while let Some((place, raw)) = values.next() {
            self.matching.fill(false);
            self.ranges.mark(*raw, &mut self.matching);
            while let Some((_, raw)) = values.next_if(|(next, _)| *next == place) {
                self.ranges.mark(*raw, &mut self.matching);
            }
            let at = *place as usize;
            for (range, matches) in self.matching.iter().enumerate() {
                if *matches {
                    self.fixed.add(batch.ords[at], range, batch.docs[at]);
                }
            }
        }
        self.fixed.finish(batch)
    }

    fn harvest(&mut self, parents: usize) -> ApiResult<Vec<Partial>> {
        Ok(self
            .fixed
            .harvest(parents)?
            .into_iter()
            .map(Partial::Fixed)
            .collect())
    }
}
