//! `_search`, `_count` and `_refresh`.

use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Elastic, Error};

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// How many documents match.
    pub total: u64,
    /// Whether `total` is only a lower bound (`"relation": "gte"`).
    pub total_is_lower_bound: bool,
    /// The page that was asked for.
    pub hits: Vec<Hit>,
    /// The aggregations that were asked for, by name.
    pub aggregations: Map<String, Value>,
    /// How long the engine took, in milliseconds.
    pub took_ms: u64,
    /// Whether the engine gave up before it had looked at everything.
    pub timed_out: bool,
}

/// One document of a page.
#[derive(Debug, Clone, Deserialize)]
pub struct Hit {
    /// Its index.
    #[serde(rename = "_index")]
    pub index: String,
    /// Its `_id`.
    #[serde(rename = "_id")]
    pub id: String,
    /// The document.
    #[serde(rename = "_source", default)]
    pub source: Map<String, Value>,
    /// The sort values, for `search_after`.
    #[serde(default)]
    pub sort: Vec<Value>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    took: u64,
    #[serde(default)]
    timed_out: bool,
    hits: Page,
    #[serde(default)]
    aggregations: Map<String, Value>,
}

#[derive(Deserialize)]
struct Page {
    /// Absent with `track_total_hits: false`.
    total: Option<Total>,
    #[serde(default)]
    hits: Vec<Hit>,
}

/// A number up to version 6, an object from 7 on.
#[derive(Deserialize)]
#[serde(untagged)]
enum Total {
    Number(u64),
    Object { value: u64, relation: String },
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

// === impl Elastic ===

impl Elastic {
    /// Searches `index` (a name, a pattern, or several with commas) with a request body in the query language.
    /// An index that does not exist is empty, not an error.
    pub async fn search(&self, index: &str, body: &Value) -> Result<Hits, Error> {
        let path = format!("{index}/_search?ignore_unavailable=true&allow_no_indices=true");
        let answer: Answer = self.json(Method::POST, &path, Some(body)).await?;
        Ok(answer.into_hits())
    }

    /// Counts the documents of `index` that match `query`, such as `{"term": {"log.level": "error"}}`.
    pub async fn count(&self, index: &str, query: &Value) -> Result<u64, Error> {
        let path = format!("{index}/_count?ignore_unavailable=true&allow_no_indices=true");
        let body = serde_json::json!({ "query": query });
        let answer: Count = self.json(Method::POST, &path, Some(&body)).await?;
        Ok(answer.count)
    }

    /// Makes what was written to `index` visible to searches.
    pub async fn refresh(&self, index: &str) -> Result<(), Error> {
        let path = format!("{index}/_refresh?ignore_unavailable=true");
        self.json::<Value>(Method::POST, &path, None).await.map(drop)
    }
}

// === impl Answer ===

impl Answer {
    fn into_hits(self) -> Hits {
        let (total, total_is_lower_bound) = match self.hits.total {
            Some(Total::Number(value)) => (value, false),
            Some(Total::Object { value, relation }) => (value, relation == "gte"),
            None => (self.hits.hits.len() as u64, true),
        };
        Hits {
            total,
            total_is_lower_bound,
            hits: self.hits.hits,
            aggregations: self.aggregations,
            took_ms: self.took,
            timed_out: self.timed_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(answer: &str) -> Hits {
        serde_json::from_str::<Answer>(answer).unwrap().into_hits()
    }

    #[test]
    fn the_total_is_read_in_the_form_of_every_version() {
        let old = hits(r#"{"took":3,"timed_out":false,"hits":{"total":7,"max_score":null,"hits":[]}}"#);
        assert_eq!((old.total, old.total_is_lower_bound), (7, false));
        let new = hits(r#"{"hits":{"total":{"value":10000,"relation":"gte"},"hits":[]}}"#);
        assert_eq!((new.total, new.total_is_lower_bound), (10_000, true));
        let one = r#"{"_index":"i","_id":"a","_score":null,"_source":{"message":"x"},"sort":[17]}"#;
        let untracked = hits(&format!(
            r#"{{"hits":{{"hits":[{one}]}},"aggregations":{{"a":{{}}}}}}"#
        ));
        assert_eq!((untracked.total, untracked.total_is_lower_bound), (1, true));
        assert_eq!(untracked.hits[0].source["message"], "x");
        assert!(untracked.aggregations.contains_key("a"));
    }
}
