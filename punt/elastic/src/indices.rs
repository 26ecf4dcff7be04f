//! Indices as a whole: their templates, their sizes, their deletion, and the policies that delete them.

use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Elastic, Error};

/// An index and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSize {
    /// Its name.
    pub name: String,
    /// Bytes on disk, with its replicas; 0 while the engine does not know.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Row {
    index: String,
    #[serde(rename = "store.size", default)]
    size: Option<String>,
}

// === impl Elastic ===

impl Elastic {
    /// Installs or replaces the composable index template `name` (Elasticsearch from 7.8, OpenSearch).
    pub async fn put_index_template(&self, name: &str, template: &Value) -> Result<(), Error> {
        self.put(&format!("_index_template/{name}"), template).await
    }

    /// Installs or replaces the legacy index template `name`.
    pub async fn put_legacy_template(&self, name: &str, template: &Value) -> Result<(), Error> {
        self.put(&format!("_template/{name}"), template).await
    }

    /// The indices whose names match `pattern`.
    pub async fn indices(&self, pattern: &str) -> Result<Vec<IndexSize>, Error> {
        let path = format!("_cat/indices/{pattern}?format=json&bytes=b&h=index,store.size");
        let rows: Vec<Row> = match self.json(Method::GET, &path, None).await {
            Err(error) if error.status() == Some(404) => return Ok(Vec::new()),
            other => other?,
        };
        let size = |row: Row| IndexSize {
            name: row.index,
            bytes: row.size.and_then(|size| size.parse().ok()).unwrap_or_default(),
        };
        Ok(rows.into_iter().map(size).collect())
    }

    /// Deletes one index by its name. One that is not there is deleted already.
    pub async fn delete_index(&self, name: &str) -> Result<(), Error> {
        match self.json::<Value>(Method::DELETE, name, None).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Installs or replaces a policy of index lifecycle management (Elasticsearch).
    pub async fn put_ilm_policy(&self, name: &str, policy: &Value) -> Result<(), Error> {
        self.put(&format!("_ilm/policy/{name}"), policy).await
    }

    /// Installs or replaces a policy of index state management (OpenSearch), which wants to know the version
    /// that it replaces.
    pub async fn put_ism_policy(&self, name: &str, policy: &Value) -> Result<(), Error> {
        let path = format!("_plugins/_ism/policies/{name}");
        let found: Value = match self.json(Method::GET, &path, None).await {
            Ok(found) => found,
            Err(error) if error.status() == Some(404) => return self.put(&path, policy).await,
            Err(error) => return Err(error),
        };
        let (number, term) = (&found["_seq_no"], &found["_primary_term"]);
        self.put(
            &format!("{path}?if_seq_no={number}&if_primary_term={term}"),
            policy,
        )
        .await
    }

    /// Puts existing indices under the policy `name` of OpenSearch; new ones are by its `ism_template`.
    pub async fn add_ism_policy(&self, pattern: &str, name: &str) -> Result<(), Error> {
        let path = format!("_plugins/_ism/add/{pattern}");
        let body = json!({ "policy_id": name });
        self.json::<Value>(Method::POST, &path, Some(&body))
            .await
            .map(drop)
    }

    async fn put(&self, path: &str, body: &Value) -> Result<(), Error> {
        self.json::<Value>(Method::PUT, path, Some(body)).await.map(drop)
    }
}
