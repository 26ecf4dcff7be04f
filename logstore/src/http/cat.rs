//! `_cat`: tables for people, or the same as JSON.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde_json::{Map, Value};

use super::app::App;
use super::params::{Params, flag, index_options};
use super::reply::Reply;
use crate::date;
use crate::error::ApiResult;
use crate::present::root::CLUSTER_NAME;

/// A table: names of columns, their aliases, rows.
struct Table {
    columns: Vec<(&'static str, &'static [&'static str])>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// As text or JSON, with the columns asked for by `h`.
    fn reply(&self, params: &Params) -> Reply {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let chosen: Vec<usize> = match params.get("h") {
            None => all,
            Some(names) => names
                .split(',')
                .flat_map(|name| {
                    self.columns
                        .iter()
                        .enumerate()
                        .filter(move |(_, (column, aliases))| {
                            crate::mapping::pattern::matches(name, column) || aliases.contains(&name)
                        })
                        .map(|(place, _)| place)
                })
                .collect(),
        };
        if params.get("format").is_some_and(|format| format == "json") {
            let rows = self
                .rows
                .iter()
                .map(|row| {
                    chosen
                        .iter()
                        .map(|place| {
                            (
                                self.columns[*place].0.to_owned(),
                                Value::from(row[*place].as_str()),
                            )
                        })
                        .collect::<Map<_, _>>()
                        .into()
                })
                .collect::<Vec<Value>>();
            return Reply::json(&rows.into());
        }
        let mut lines: Vec<Vec<&str>> = Vec::new();
        if flag(params, "v") {
            lines.push(chosen.iter().map(|place| self.columns[*place].0).collect());
        }
        lines.extend(self.rows.iter().map(|row| {
            chosen
                .iter()
                .map(|place| row[*place].as_str())
                .collect::<Vec<_>>()
        }));
        let widths: Vec<usize> = (0..chosen.len())
            .map(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for line in lines {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            text.push_str(cells.join(" ").trim_end());
            text.push('\n');
        }
        Reply::text(text)
    }
}

/// `_cat/indices`, with or without an index.
pub async fn indices(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    app.blocking(move |store| {
        let expression = path.as_ref().map_or("", |Path(index)| index.trim_matches('/'));
        let in_bytes = params.get("bytes").is_some_and(|unit| unit == "b");
        let rows = store
            .resolve(expression, index_options(&params))?
            .iter()
            .map(|index| {
                let searcher = index.searcher();
                let deleted: u32 = searcher
                    .segment_readers()
                    .iter()
                    .map(|segment| segment.num_deleted_docs())
                    .sum();
                let size = index.size_bytes();
                let size = if in_bytes { size.to_string() } else { bytes(size) };
                vec![
                    index.status().word().to_owned(),
                    "open".to_owned(),
                    index.name.clone(),
                    index.uuid.clone(),
                    "1".to_owned(),
                    "0".to_owned(),
                    searcher.num_docs().to_string(),
                    deleted.to_string(),
                    size.clone(),
                    size,
                ]
            })
            .collect();
        let columns: Vec<(&str, &[&str])> = vec![
            ("health", &["h"]),
            ("status", &["s"]),
            ("index", &["i", "idx"]),
            ("uuid", &["id"]),
            ("pri", &["p", "shards.primary"]),
            ("rep", &["r", "shards.replica"]),
            ("docs.count", &["dc", "docsCount"]),
            ("docs.deleted", &["dd", "docsDeleted"]),
            ("store.size", &["ss", "storeSize"]),
            ("pri.store.size", &[]),
        ];
        Ok(Table { columns, rows }.reply(&params))
    })
    .await
}

/// `_cat/health`.
pub async fn health(State(app): State<Arc<App>>, Query(params): Query<Params>) -> ApiResult<Reply> {
    let now = date::now();
    let shards = app.store.list().len().to_string();
    let columns: Vec<(&str, &[&str])> = vec![
        ("epoch", &["t"]),
        ("timestamp", &["ts"]),
        ("cluster", &["cl"]),
        ("status", &["st"]),
        ("node.total", &["nt"]),
        ("node.data", &["nd"]),
        ("shards", &["sh"]),
        ("pri", &["p"]),
        ("relo", &["r"]),
        ("init", &["i"]),
        ("unassign", &["u"]),
        ("active_shards_percent", &["asp"]),
    ];
    let row = vec![
        (now / 1000).to_string(),
        date::format::format(now, Some("HH:mm:ss"), &date::zone::Zone::UTC),
        CLUSTER_NAME.to_owned(),
        app.store.status().word().to_owned(),
        "1".to_owned(),
        "1".to_owned(),
        shards.clone(),
        shards,
        "0".to_owned(),
        "0".to_owned(),
        "0".to_owned(),
        "100.0%".to_owned(),
    ];
    Ok(Table {
        columns,
        rows: vec![row],
    }
    .reply(&params))
}

/// `_cat/count`.
pub async fn count(
    State(app): State<Arc<App>>,
    path: Option<Path<String>>,
    Query(params): Query<Params>,
) -> ApiResult<Reply> {
    app.blocking(move |store| {
        let expression = path.as_ref().map_or("", |Path(index)| index.as_str());
        let count: u64 = store
            .resolve(expression, index_options(&params))?
            .iter()
            .map(|index| index.doc_count())
            .sum();
        let now = date::now();
        let row = vec![
            (now / 1000).to_string(),
            date::format::format(now, Some("HH:mm:ss"), &date::zone::Zone::UTC),
            count.to_string(),
        ];
        let columns: Vec<(&str, &[&str])> =
            vec![("epoch", &["t"]), ("timestamp", &["ts"]), ("count", &["dc"])];
        Ok(Table {
            columns,
            rows: vec![row],
        }
        .reply(&params))
    })
    .await
}

/// A size as `_cat` writes it: `4.2kb`.
fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["b", "kb", "mb", "gb", "tb"];
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut value = size as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{size}b")
    } else {
        format!("{value:.1}{}", UNITS[unit])
    }
}
