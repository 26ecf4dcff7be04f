//! Finding one document by its id, committed or not.

use std::sync::PoisonError;

use bytes::Bytes;
use tantivy::schema::{IndexRecordOption, Value as _};
use tantivy::{DocAddress, DocSet as _, Searcher, TERMINATED, TantivyDocument, Term};

use super::index::Index;
use super::schema;
use crate::error::{ApiError, ApiResult};

/// A document as `GET _doc` shows it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Number of the operation that wrote it.
    pub seq_no: u64,
    /// `_version`.
    pub version: u64,
    /// The bytes as sent.
    pub source: Bytes,
}

impl Index {
    /// The newest state of a document, visible to searches or not.
    pub fn get(&self, id: &str) -> ApiResult<Option<Found>> {
        {
            let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = versions.get(id) {
                return Ok(entry.source.clone().map(|source| Found {
                    seq_no: entry.seq_no,
                    version: entry.version,
                    source,
                }));
            }
        }
        // The map is emptied after the searcher is renewed, so what was in it before is in here.
        self.get_visible(id)
    }

    /// The state of a document that searches see.
    pub fn get_visible(&self, id: &str) -> ApiResult<Option<Found>> {
        let searcher = self.reader.searcher();
        let Some(address) = find(&searcher, id)? else {
            return Ok(None);
        };
        let (seq_no, version) = numbers(&searcher, address)?;
        let (_, source) = stored(&searcher, address)?;
        Ok(Some(Found {
            seq_no,
            version,
            source,
        }))
    }

    /// The number, version and existence of the newest state of an id. The write lock is held.
    pub(super) fn newest(&self, searcher: &Searcher, id: &str) -> ApiResult<Option<(u64, u64, bool)>> {
        {
            let versions = self.versions.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = versions.get(id) {
                return Ok(Some((entry.seq_no, entry.version, entry.source.is_some())));
            }
        }
        match find(searcher, id)? {
            None => Ok(None),
            Some(address) => {
                let (seq_no, version) = numbers(searcher, address)?;
                Ok(Some((seq_no, version, true)))
            }
        }
    }
}

/// Where the living document of an id is.
pub fn find(searcher: &Searcher, id: &str) -> ApiResult<Option<DocAddress>> {
    let field = schema::fields().id;
    let term = Term::from_field_text(field, id);
    for (ord, segment) in searcher.segment_readers().iter().enumerate() {
        let Some(mut postings) = segment
            .inverted_index(field)?
            .read_postings(&term, IndexRecordOption::Basic)
            .map_err(ApiError::from)?
        else {
            continue;
        };
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if !segment.is_deleted(doc) {
                return Ok(Some(DocAddress::new(u32::try_from(ord).unwrap_or(u32::MAX), doc)));
            }
            doc = postings.advance();
        }
    }
    Ok(None)
}

/// `_seq_no` and `_version` of a document.
pub fn numbers(searcher: &Searcher, address: DocAddress) -> ApiResult<(u64, u64)> {
    let columns = searcher.segment_reader(address.segment_ord).fast_fields();
    let read = |name| -> ApiResult<u64> { Ok(columns.u64(name)?.first(address.doc_id).unwrap_or_default()) };
    Ok((read("_seq_no")?, read("_version")?))
}

/// `_id` and `_source` of a document.
pub fn stored(searcher: &Searcher, address: DocAddress) -> ApiResult<(String, Bytes)> {
    let fields = schema::fields();
    let document: TantivyDocument = searcher.doc(address)?;
    let id = document
        .get_first(fields.id)
        .and_then(|v| v.as_str())
        .unwrap_or_default()
        .to_owned();
    let source = document
        .get_first(fields.source)
        .and_then(|v| v.as_bytes())
        .unwrap_or_default();
    Ok((id, Bytes::copy_from_slice(source)))
}
