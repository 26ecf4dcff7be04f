//! Reading all documents of an index in batches, for copies, deletions and updates by query.

use std::sync::Arc;

use bytes::Bytes;
use tantivy::collector::DocSetCollector;

use super::existing;
use super::index::Index;
use super::wal::Position;
use super::write::Request;
use crate::date;
use crate::error::ApiResult;
use crate::query::{Lowering, Query};

/// Documents written at once.
pub const BATCH: usize = 1_000;

/// A document as a batch has it.
#[derive(Debug, Clone)]
pub struct Row {
    /// `_id`.
    pub id: String,
    /// `_source`.
    pub source: Bytes,
    /// Number of the operation that wrote it.
    pub seq_no: u64,
    /// `_version`.
    pub version: u64,
}

/// Gives each batch of the documents that match to `take`, as they were when it began. Memory is bounded by the
/// addresses of all matches and the documents of one batch.
pub fn each_batch(
    index: &Arc<Index>,
    query: &Query,
    most: usize,
    mut take: impl FnMut(Vec<Row>) -> ApiResult<bool>,
) -> ApiResult<()> {
    let searcher = index.searcher();
    let mapping = index.mapping();
    let lowered = Lowering::new(&index.name, &mapping, date::now()).lower(query)?;
    let mut addresses: Vec<_> = searcher
        .search(&*lowered, &DocSetCollector)?
        .into_iter()
        .collect();
    addresses.sort_unstable();
    addresses.truncate(most);
    for batch in addresses.chunks(BATCH) {
        let mut rows = Vec::with_capacity(batch.len());
        for address in batch {
            let (id, source) = existing::stored(&searcher, *address)?;
            let (seq_no, version) = existing::numbers(&searcher, *address)?;
            rows.push(Row {
                id,
                source,
                seq_no,
                version,
            });
        }
        if !take(rows)? {
            break;
        }
    }
    Ok(())
}

/// Copies every document into another index.
pub(super) fn all(from: &Index, into: &Index) -> ApiResult<()> {
    let searcher = from.searcher();
    let mut position = Position::default();
    let mut batch = Vec::new();
    let mut flush = |batch: &mut Vec<Request>| -> ApiResult<()> {
        let requests = std::mem::take(batch);
        let (outcomes, at) = into.apply(into.prepare(&requests))?;
        position = position.max(at);
        outcomes.into_iter().try_for_each(|outcome| outcome.map(|_| ()))
    };
    for (ord, segment) in searcher.segment_readers().iter().enumerate() {
        for doc in segment.doc_ids_alive() {
            let address = tantivy::DocAddress::new(u32::try_from(ord).unwrap_or(u32::MAX), doc);
            let (id, source) = existing::stored(&searcher, address)?;
            batch.push(Request {
                id: Some(id),
                source: Some(source),
                ..Request::default()
            });
            if batch.len() >= BATCH {
                flush(&mut batch)?;
            }
        }
    }
    if !batch.is_empty() {
        flush(&mut batch)?;
    }
    if position != Position::default() {
        into.sync(position)?;
    }
    into.refresh()
}
