//! What a search sees of an index: a snapshot that later writes do not change.

use std::sync::Arc;

use tantivy::Searcher;

use crate::engine::index::Index;
use crate::mapping::Mapping;

/// One index, its mapping, and its documents at one moment.
pub type View = (Arc<Index>, Arc<Mapping>, Searcher);

/// The present views of some indices, in their order.
pub fn views(indices: &[Arc<Index>]) -> Vec<View> {
    indices
        .iter()
        .map(|index| (Arc::clone(index), index.mapping(), index.searcher()))
        .collect()
}
