//! Reads a source's values in one segment: the only place that knows how fields are laid out in columns.
//!
//! Values come in blocks. A number comes in its order-preserving form ([`Type::raw`]), a string as its ordinal
//! in the segment's sorted dictionary.

use tantivy::columnar::{Cardinality, Column, ColumnType, StrColumn, TermOrdHit};
use tantivy::{DocId, SegmentReader, f64_to_u64, i64_to_u64, u64_to_f64, u64_to_i64};

use super::values::{Missing, Resolved, Type};
use crate::error::{ApiError, ApiResult};
use crate::mapping::Mapping;

const NUMBERS: &[ColumnType] = &[ColumnType::I64, ColumnType::U64, ColumnType::F64];

/// The ordinal of the string that stands for no value, beyond any dictionary.
pub const MISSING_ORD: u64 = u64::MAX;

/// A source in one segment.
#[derive(Debug)]
pub struct Values {
    kind: Type,
    layout: Layout,
    missing: Option<Missing>,
}

#[derive(Debug)]
enum Layout {
    Absent,
    Constant(String),
    Numbers(Column<u64>, ColumnType),
    Words(StrColumn),
    /// Booleans are stored as the strings `false` and `true`.
    Booleans(Column<u64>, Vec<u64>),
}

/// The values of a block of documents.
#[derive(Debug, Default)]
pub struct Block {
    /// For each value the place of its document in the block, ascending.
    pub at: Vec<u32>,
    /// The values.
    pub raw: Vec<u64>,
    rows: Vec<u32>,
}

// === impl Values ===

impl Values {
    /// Opens a source's column.
    pub fn open(
        source: &Resolved,
        index: &str,
        mapping: &Mapping,
        segment: &SegmentReader,
    ) -> ApiResult<Self> {
        let columns = segment.fast_fields();
        let numbers = |name: &str| -> ApiResult<Layout> {
            Ok(match columns.u64_lenient_for_type(Some(NUMBERS), name)? {
                Some((column, kind)) => Layout::Numbers(column, kind),
                None => Layout::Absent,
            })
        };
        let layout = match mapping.resolve(&source.name) {
            None => match source.name.as_str() {
                "_index" => Layout::Constant(index.to_owned()),
                "_type" => Layout::Constant("_doc".to_owned()),
                "_seq_no" | "_version" => numbers(&source.name)?,
                _ => Layout::Absent,
            },
            Some(field) => match (field.column(), Type::of(&field)) {
                (Some(name), Some(Type::Boolean)) => match columns.str(&name)? {
                    Some(words) if source.kind.is_number() => booleans(&words)?,
                    Some(words) => Layout::Words(words),
                    None => Layout::Absent,
                },
                (Some(name), Some(kind)) if kind.is_number() => numbers(&name)?,
                (Some(name), Some(_)) => columns.str(&name)?.map_or(Layout::Absent, Layout::Words),
                _ => Layout::Absent,
            },
        };
        Ok(Self {
            kind: source.kind,
            layout,
            missing: source.missing.clone(),
        })
    }

    /// The type of the values.
    pub fn kind(&self) -> Type {
        self.kind
    }

    /// Whether no document has a value.
    pub fn is_empty(&self) -> bool {
        matches!(self.layout, Layout::Absent) && self.missing.is_none()
    }

    /// Whether documents without a value are given one.
    pub fn has_missing(&self) -> bool {
        self.missing.is_some()
    }

    /// Whether a document may have more than one value.
    pub fn is_multivalued(&self) -> bool {
        match &self.layout {
            Layout::Numbers(column, _) | Layout::Booleans(column, _) => {
                column.get_cardinality() == Cardinality::Multivalued
            }
            Layout::Words(words) => words.ords().get_cardinality() == Cardinality::Multivalued,
            Layout::Absent | Layout::Constant(_) => false,
        }
    }

    /// The smallest and largest number of the segment, the one for missing values included.
    pub fn span(&self) -> Option<(u64, u64)> {
        let mut span = match &self.layout {
            Layout::Numbers(column, kind) if column.values.num_vals() > 0 => Some((
                self.canonical(column.min_value(), *kind),
                self.canonical(column.max_value(), *kind),
            )),
            Layout::Booleans(..) => Some((i64_to_u64(0), i64_to_u64(1))),
            _ => None,
        };
        if let Some(Missing::Raw(raw)) = self.missing {
            span = Some(span.map_or((raw, raw), |(min, max)| (min.min(raw), max.max(raw))));
        }
        span
    }

    /// How many different strings the segment has.
    pub fn words(&self) -> u64 {
        match &self.layout {
            Layout::Words(words) => words.num_terms() as u64,
            Layout::Constant(_) => 1,
            _ => 0,
        }
    }

    /// Reads the values of a block of documents.
    pub fn read(&self, docs: &[DocId], block: &mut Block) {
        let Block { at, raw, rows } = block;
        at.clear();
        raw.clear();
        match &self.layout {
            Layout::Absent => {}
            Layout::Constant(_) => {
                at.extend(0..length(docs));
                raw.resize(docs.len(), 0);
            }
            Layout::Numbers(column, kind) => {
                fetch(column, docs, at, raw, rows);
                let same = match kind {
                    ColumnType::F64 => self.kind == Type::Float,
                    ColumnType::I64 => !matches!(self.kind, Type::Float | Type::Unsigned),
                    ColumnType::U64 => self.kind == Type::Unsigned,
                    _ => false,
                };
                if !same {
                    for value in raw.iter_mut() {
                        *value = self.canonical(*value, *kind);
                    }
                }
            }
            Layout::Words(words) => fetch(words.ords(), docs, at, raw, rows),
            Layout::Booleans(column, numbers) => {
                fetch(column, docs, at, raw, rows);
                for value in raw.iter_mut() {
                    let place = usize::try_from(*value).unwrap_or(usize::MAX);
                    *value = numbers.get(place).copied().unwrap_or_default();
                }
            }
        }
        if let Some(missing) = &self.missing
            && at.len() < docs.len().max(1)
        {
            self.fill(docs, block, missing);
        } else if let Some(missing) = &self.missing
            && self.is_multivalued()
        {
            self.fill(docs, block, missing);
        }
    }

    /// Puts a value in for each document that has none.
    fn fill(&self, docs: &[DocId], block: &mut Block, missing: &Missing) {
        let value = match missing {
            Missing::Raw(raw) => *raw,
            Missing::Word(_) => MISSING_ORD,
        };
        let (at, raw) = (std::mem::take(&mut block.at), std::mem::take(&mut block.raw));
        let mut found = at.into_iter().zip(raw).peekable();
        for place in 0..length(docs) {
            let mut has = false;
            while let Some((_, raw)) = found.next_if(|(at, _)| *at == place) {
                has = true;
                block.at.push(place);
                block.raw.push(raw);
            }
            if !has {
                block.at.push(place);
                block.raw.push(value);
            }
        }
    }

    /// A stored number in the order-preserving form of the source's type.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "indices that disagree on a field's type are made to agree"
    )]
    fn canonical(&self, raw: u64, stored: ColumnType) -> u64 {
        if self.kind == Type::Unsigned {
            match stored {
                ColumnType::U64 => raw,
                ColumnType::F64 => self.kind.raw(u64_to_f64(raw)),
                _ => u64::try_from(u64_to_i64(raw)).unwrap_or_default(),
            }
        } else if self.kind == Type::Float {
            match stored {
                ColumnType::F64 => raw,
                ColumnType::U64 => f64_to_u64(raw as f64),
                _ => f64_to_u64(u64_to_i64(raw) as f64),
            }
        } else {
            match stored {
                ColumnType::F64 => i64_to_u64(u64_to_f64(raw) as i64),
                ColumnType::U64 => i64_to_u64(i64::try_from(raw).unwrap_or(i64::MAX)),
                _ => raw,
            }
        }
    }

    /// Calls back with the string of each ordinal; they must be ascending.
    pub fn each_word(&self, ords: &[u64], mut each: impl FnMut(&str)) -> ApiResult<()> {
        self.each_term(ords, |term| each(&String::from_utf8_lossy(term)))
    }

    /// The same with the strings' bytes.
    pub fn each_term(&self, ords: &[u64], mut each: impl FnMut(&[u8])) -> ApiResult<()> {
        match &self.layout {
            Layout::Words(words) => {
                let real = ords.partition_point(|ord| *ord != MISSING_ORD);
                let (known, missing) = ords.split_at(real);
                let found = words.dictionary().sorted_ords_to_term_cb(known, &mut each)?;
                if !found {
                    return Err(ApiError::internal(
                        "an ordinal of a column is not in its dictionary",
                    ));
                }
                for _ in missing {
                    each(self.missing_word().as_bytes());
                }
            }
            Layout::Constant(word) => {
                for ord in ords {
                    let word = if *ord == MISSING_ORD {
                        self.missing_word()
                    } else {
                        word
                    };
                    each(word.as_bytes());
                }
            }
            _ => {
                for _ in ords {
                    each(self.missing_word().as_bytes());
                }
            }
        }
        Ok(())
    }

    /// Whether this is the string for missing values.
    pub fn missing_is(&self, word: &str) -> bool {
        matches!(&self.missing, Some(Missing::Word(missing)) if missing == word)
    }

    fn missing_word(&self) -> &str {
        match &self.missing {
            Some(Missing::Word(word)) => word,
            _ => "",
        }
    }

    /// Where a string is, or would be, in the segment's dictionary.
    pub fn locate(&self, word: &str) -> ApiResult<Place> {
        Ok(match &self.layout {
            Layout::Words(words) => {
                let after = words.dictionary().term_ord_or_next(word.as_bytes())?;
                match after {
                    TermOrdHit::Exact(ord) => Place::At(ord),
                    TermOrdHit::Next(ord) => Place::Before(ord),
                }
            }
            Layout::Constant(constant) => match word.cmp(constant) {
                std::cmp::Ordering::Equal => Place::At(0),
                std::cmp::Ordering::Less => Place::Before(0),
                std::cmp::Ordering::Greater => Place::Before(1),
            },
            _ => Place::Before(0),
        })
    }
}

/// A string's place in a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is there.
    At(u64),
    /// It would come right before this ordinal.
    Before(u64),
}

fn length(docs: &[DocId]) -> u32 {
    u32::try_from(docs.len()).unwrap_or(u32::MAX)
}

/// Reads a column for some documents.
fn fetch(column: &Column<u64>, docs: &[DocId], at: &mut Vec<u32>, raw: &mut Vec<u64>, rows: &mut Vec<u32>) {
    if column.get_cardinality() == Cardinality::Full {
        at.extend(0..length(docs));
        raw.resize(docs.len(), 0);
        column.values.get_vals(docs, raw);
        return;
    }
    rows.clear();
    for (place, doc) in (0..).zip(docs) {
        for row in column.index.value_row_ids(*doc) {
            rows.push(row);
            at.push(place);
        }
    }
    raw.resize(rows.len(), 0);
    column.values.get_vals(rows, raw);
}

/// The numbers that a column of booleans' strings stand for.
fn booleans(words: &StrColumn) -> ApiResult<Layout> {
    let ords: Vec<u64> = (0..words.num_terms() as u64).collect();
    let mut numbers = Vec::with_capacity(ords.len());
    words
        .dictionary()
        .sorted_ords_to_term_cb(&ords, |term| numbers.push(i64_to_u64(i64::from(term == b"true"))))?;
    Ok(Layout::Booleans(words.ords().clone(), numbers))
}
