//! What can go wrong in a request, in Elasticsearch's words: a status, a type, a reason.
//!
//! Every layer of the store speaks this one error, because every error ends as an answer (or as an item of a
//! bulk answer) whose `type` programs compare. How it is written as JSON is the business of [`crate::present`].

use serde_json::{Map, Value};

/// An error as Elasticsearch would name it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{kind}: {reason}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// Elasticsearch's exception name, such as `parsing_exception`.
    pub kind: &'static str,
    /// What was wrong, where.
    pub reason: String,
    /// More keys of the error object (`index`, `index_uuid`, `caused_by`).
    pub extra: Box<Map<String, Value>>,
    /// The index whose search failed, for errors that Elasticsearch wraps in `search_phase_execution_exception`.
    pub shard: Option<String>,
}

/// The result of anything that answers a request.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error of any kind.
    pub fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            reason: reason.into(),
            extra: Box::default(),
            shard: None,
        }
    }

    /// The same error with another reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Says that it happened while an index was searched. What has been said once stays.
    #[must_use]
    pub fn on_shard(mut self, index: &str) -> Self {
        self.shard.get_or_insert_with(|| index.to_owned());
        self
    }

    /// 400: a query that does not fit the fields of an index.
    pub fn query_shard(reason: impl Into<String>) -> Self {
        Self::new(400, "query_shard_exception", reason)
    }

    /// 400: a feature that this store leaves to Elasticsearch.
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::parsing(format!("[{what}] is not supported by this store"))
    }

    /// Adds a key to the error object.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// 400: a query or body that cannot be understood.
    pub fn parsing(reason: impl Into<String>) -> Self {
        Self::new(400, "parsing_exception", reason)
    }

    /// 400: an argument that cannot be accepted.
    pub fn argument(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    /// 400: a document that does not fit its index's mapping.
    pub fn mapper(reason: impl Into<String>) -> Self {
        Self::new(400, "mapper_parsing_exception", reason)
    }

    /// 400: a request that lacks something.
    pub fn validation(reason: impl std::fmt::Display) -> Self {
        Self::new(
            400,
            "action_request_validation_exception",
            format!("Validation Failed: 1: {reason};"),
        )
    }

    /// 404: no such index.
    pub fn index_not_found(index: &str) -> Self {
        Self::new(
            404,
            "index_not_found_exception",
            format!("no such index [{index}]"),
        )
        .with("resource.type", "index_or_alias")
        .with("resource.id", index)
        .with("index_uuid", "_na_")
        .with("index", index)
    }

    /// 409: another version of the document exists.
    pub fn conflict(index: &str, reason: impl Into<String>) -> Self {
        Self::new(409, "version_conflict_engine_exception", reason).with("index", index)
    }

    /// 429: too much at once; the client should wait and send it again.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::new(429, "es_rejected_execution_exception", reason)
    }

    /// 413: the body is larger than this server takes.
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            413,
            "content_too_long_exception",
            format!("entity content is too long for the limit of [{limit}] bytes (--max-content-length)"),
        )
    }

    /// 503: the store cannot write now (disk full, write error); the request may be sent again.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::new(503, "unavailable_shards_exception", reason)
    }

    /// 500: a fault of ours.
    pub fn internal(reason: impl Into<String>) -> Self {
        Self::new(500, "internal_server_error", reason)
    }
}

/// The known word that one with a typing error most likely stands for.
pub fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, taken out or exchanged to make one word of another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

impl From<tantivy::TantivyError> for ApiError {
    fn from(error: tantivy::TantivyError) -> Self {
        use tantivy::TantivyError as T;
        match &error {
            T::InvalidArgument(reason) => Self::argument(reason.clone()),
            T::AggregationError(reason) => {
                let text = reason.to_string();
                if text.contains("bucket limit") {
                    Self::new(
                        400,
                        "too_many_buckets_exception",
                        format!("Trying to create too many buckets: {text} (--max-buckets)"),
                    )
                } else {
                    Self::argument(text)
                }
            }
            T::IoError(_) | T::OpenWriteError(_) | T::OpenReadError(_) => {
                Self::unavailable(error.to_string())
            }
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::unavailable(format!("cannot write or read the data folder: {error}"))
    }
}
