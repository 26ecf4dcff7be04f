//! A lowered query as a bucket: tantivy's `filter` aggregation with a query instead of a query string.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tantivy::TantivyError;
use tantivy::aggregation::agg_req::AggregationVariants;
use tantivy::aggregation::bucket::{FilterAggregation, QueryBuilder};
use tantivy::query::Query;
use tantivy::schema::Schema;
use tantivy::tokenizer::TokenizerManager;

/// The query of a bucket. tantivy wants it to be serialisable, for requests that travel; ours never does, and
/// one that came over a wire would be empty and refuse to build.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct LoweredFilter {
    #[serde(skip)]
    query: Option<Arc<dyn Query>>,
}

impl fmt::Debug for LoweredFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoweredFilter")
    }
}

#[typetag::serde(name = "logstore")]
impl QueryBuilder for LoweredFilter {
    fn build_query(
        &self,
        _schema: &Schema,
        _tokenizers: &TokenizerManager,
    ) -> tantivy::Result<Box<dyn Query>> {
        self.query
            .as_ref()
            .map(|query| query.box_clone())
            .ok_or_else(|| TantivyError::InvalidArgument("a filter without a query".to_owned()))
    }

    fn box_clone(&self) -> Box<dyn QueryBuilder> {
        Box::new(self.clone())
    }
}

/// One bucket of the documents that match a query.
pub fn bucket(query: Box<dyn Query>) -> AggregationVariants {
    let builder = LoweredFilter {
        query: Some(Arc::from(query)),
    };
    AggregationVariants::Filter(FilterAggregation::new_with_builder(Box::new(builder)))
}
