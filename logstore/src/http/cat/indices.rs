//! Tables of indices: `indices`, `shards`, `segments`, `aliases`, `templates`, `count`, `recovery`.

use super::super::call::Call;
use super::super::params::options_over;
use super::table::{Cell, Column, Table, column, extra};
use crate::date;
use crate::engine::entry::Entry;
use crate::engine::resolve::Options;
use crate::engine::template::TemplateKind;
use crate::error::{ApiError, ApiResult};
use crate::http::nodes::NODE_ID;
use crate::mapping::pattern;

const INDICES: &[Column] = &[
    column("health", "h", "current health status"),
    column("status", "s", "open/close status"),
    column("index", "i,idx", "index name"),
    column("uuid", "id,uuid", "index uuid"),
    column(
        "pri",
        "p,shards.primary,shardsPrimary",
        "number of primary shards",
    ),
    column(
        "rep",
        "r,shards.replica,shardsReplica",
        "number of replica shards",
    ),
    column("docs.count", "dc,docsCount", "available docs"),
    column("docs.deleted", "dd,docsDeleted", "deleted docs"),
    extra("creation.date", "cd", "index creation date (millisecond value)"),
    extra("creation.date.string", "cds", "index creation date (as string)"),
    column("store.size", "ss,storeSize", "store size of primaries & replicas"),
    column("pri.store.size", "", "store size of primaries"),
    extra("segments.count", "sc,segmentsCount", "number of segments"),
];

const SHARDS: &[Column] = &[
    column("index", "i,idx", "index name"),
    column("shard", "s,sh", "shard name"),
    column("prirep", "p,pr,primaryOrReplica", "primary or replica"),
    column("state", "st", "shard state"),
    column("docs", "d,dc", "number of docs in shard"),
    column("store", "sto", "store size of shard"),
    column("ip", "", "ip of node where it lives"),
    extra("id", "", "unique id of node where it lives"),
    column("node", "n", "name of node where it lives"),
    extra("segments.count", "sc,segmentsCount", "number of segments"),
    extra("unassigned.reason", "ur", "reason shard is unassigned"),
];

const SEGMENTS: &[Column] = &[
    column("index", "i,idx", "index name"),
    column("shard", "s,sh", "shard name"),
    column("prirep", "p,pr,primaryOrReplica", "primary or replica"),
    column("ip", "", "ip of node where it lives"),
    extra("id", "", "unique id of node where it lives"),
    column("segment", "seg", "segment name"),
    column("generation", "g,gen", "segment generation"),
    column("docs.count", "dc,docsCount", "number of docs in segment"),
    column(
        "docs.deleted",
        "dd,docsDeleted",
        "number of deleted docs in segment",
    ),
    column("size", "si", "segment size in bytes"),
    column("size.memory", "sm,sizeMemory", "segment memory in bytes"),
    column("committed", "ic,isCommitted", "is segment committed"),
    column("searchable", "is,isSearchable", "is segment searched"),
    column("version", "v,ver", "version"),
    column("compound", "ico,isCompound", "is segment compound"),
];

const ALIASES: &[Column] = &[
    column("alias", "a", "alias name"),
    column("index", "i,idx", "index alias points to"),
    column("filter", "f,fi", "filter"),
    column("routing.index", "ri,routingIndex", "index routing"),
    column("routing.search", "rs,routingSearch", "search routing"),
    column("is_write_index", "w,isWriteIndex", "write index"),
];

const TEMPLATES: &[Column] = &[
    column("name", "n", "template name"),
    column("index_patterns", "t", "template index patterns"),
    column("order", "o,p", "template application order/priority number"),
    column("version", "v", "version"),
    column(
        "composed_of",
        "c",
        "component templates comprising index template",
    ),
];

const COUNT: &[Column] = &[
    column("epoch", "t,time", "seconds since 1970-01-01 00:00:00"),
    column("timestamp", "ts,hms,hhmmss", "time in HH:MM:SS"),
    column("count", "dc,docs.count,docsCount", "the document count"),
];

const RECOVERY: &[Column] = &[
    column("index", "i,idx", "index name"),
    column("shard", "s,sh", "shard name"),
    column("time", "t,ti", "recovery time"),
    column("type", "ty", "recovery type"),
    column("stage", "st", "recovery stage"),
];

fn entries(call: &Call) -> ApiResult<Vec<Entry>> {
    call.store().resolve_all(
        call.name("index").trim_matches('/'),
        options_over(
            Options {
                closed: true,
                hidden: true,
                ..Options::default()
            },
            &call.params,
        ),
    )
}

/// The same without those that a setting hides, unless the request names them or asks for hidden ones.
fn shown(call: &Call) -> ApiResult<Vec<Entry>> {
    let mut all = entries(call)?;
    if call.params.contains_key("expand_wildcards") {
        return Ok(all);
    }
    let state = call.store().state();
    let expression = call.name("index").trim_matches('/');
    let parts: Vec<&str> = expression.split(',').filter(|part| !part.is_empty()).collect();
    let names = |known: &str, hidden: bool| {
        parts.iter().any(|part| {
            *part == known
                || pattern::matches(part, known)
                    && (!hidden || part.starts_with('.') && known.starts_with('.'))
        })
    };
    all.retain(|entry| {
        entry.setting("index.hidden").as_deref() != Some("true")
            || names(entry.name(), true)
            || state
                .aliases
                .of_index(entry.name())
                .any(|(alias, spec)| names(alias, spec.is_hidden == Some(true)))
    });
    Ok(all)
}

fn segments_of(entry: &Entry) -> u64 {
    match entry {
        Entry::Log(index) => index.searcher().segment_readers().len() as u64,
        Entry::Hidden(_) => 1,
    }
}

/// `_cat/indices`.
pub fn indices(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(INDICES);
    let wanted = call.params.get("health").map(String::as_str);
    if let Some(health) = wanted
        && !matches!(health, "green" | "yellow" | "red")
    {
        return Err(ApiError::argument(format!(
            "unknown cluster health status [{health}]"
        )));
    }
    for entry in shown(call)?
        .iter()
        .filter(|entry| wanted.is_none_or(|health| health == entry.status().word()))
    {
        let size = entry.size_bytes();
        let closed = entry.is_closed();
        let open = |cell: Cell| if closed { Cell::Empty } else { cell };
        table.push(vec![
            entry.status().word().into(),
            if closed { "close" } else { "open" }.into(),
            entry.name().into(),
            entry.uuid().into(),
            entry.declared("index.number_of_shards", 1).into(),
            entry.declared("index.number_of_replicas", 0).into(),
            open(entry.doc_count().into()),
            open(entry.deleted_count().into()),
            u64::try_from(entry.created()).unwrap_or_default().into(),
            date::format::iso(entry.created()).into(),
            open(Cell::Bytes(size)),
            open(Cell::Bytes(size)),
            segments_of(entry).into(),
        ]);
    }
    Ok(table)
}

/// `_cat/shards`.
pub fn shards(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(SHARDS);
    for entry in entries(call)?.iter().filter(|entry| !entry.is_closed()) {
        table.push(vec![
            entry.name().into(),
            0.into(),
            "p".into(),
            "STARTED".into(),
            entry.doc_count().into(),
            Cell::Bytes(entry.size_bytes()),
            call.app.ip().into(),
            NODE_ID.into(),
            call.app.node.as_str().into(),
            segments_of(entry).into(),
            Cell::Empty,
        ]);
    }
    Ok(table)
}

/// `_cat/segments`.
pub fn segments(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(SEGMENTS);
    for entry in entries(call)? {
        let Entry::Log(index) = &entry else { continue };
        let searcher = index.searcher();
        for (number, segment) in searcher.segment_readers().iter().enumerate() {
            let bytes = segment.space_usage().map_or(0, |usage| usage.total().get_bytes());
            table.push(vec![
                index.name.as_str().into(),
                0.into(),
                "p".into(),
                call.app.ip().into(),
                NODE_ID.into(),
                segment.segment_id().short_uuid_string().into(),
                (number as u64).into(),
                u64::from(segment.num_docs()).into(),
                u64::from(segment.num_deleted_docs()).into(),
                Cell::Bytes(bytes),
                0.into(),
                "true".into(),
                "true".into(),
                "0".into(),
                "false".into(),
            ]);
        }
    }
    Ok(table)
}

/// `_cat/aliases`, with names or wildcards of aliases at the end.
pub fn aliases(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(ALIASES);
    let wanted = call.name("index");
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    for (alias, indices) in call.store().state().aliases.iter() {
        let hides = call
            .params
            .get("expand_wildcards")
            .is_some_and(|words| !words.split(',').any(|word| matches!(word, "all" | "hidden")));
        let fits = wanted.is_empty() || wanted.split(',').any(|name| pattern::matches(name, alias));
        if !fits || !crate::security::scope::sees(alias) {
            continue;
        }
        let named = wanted
            .split(',')
            .any(|name| name == alias || name.starts_with('.') && pattern::matches(name, alias));
        for (index, spec) in indices {
            if hides && !named && (spec.is_hidden == Some(true) || alias.starts_with('.')) {
                continue;
            }
            table.push(vec![
                alias.as_str().into(),
                index.as_str().into(),
                if spec.filter.is_some() { "*" } else { "-" }.into(),
                text(&spec.index_routing).into(),
                text(&spec.search_routing).into(),
                spec.is_write_index
                    .map_or("-".to_owned(), |flag| flag.to_string())
                    .into(),
            ]);
        }
    }
    Ok(table)
}

/// `_cat/templates`, with names or wildcards of templates at the end.
pub fn templates(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(TEMPLATES);
    let wanted = call.name("index");
    let templates = call.store().templates();
    for (kind, order) in [(TemplateKind::Legacy, "order"), (TemplateKind::Index, "priority")] {
        for (name, body) in templates.of(kind) {
            if !wanted.is_empty() && !wanted.split(',').any(|wanted| pattern::matches(wanted, name)) {
                continue;
            }
            let list = |key: &str| {
                let names: Vec<String> = crate::query::dsl::list(body.get(key))
                    .iter()
                    .map(crate::query::dsl::text)
                    .collect();
                format!("[{}]", names.join(", "))
            };
            table.push(vec![
                name.as_str().into(),
                list("index_patterns").into(),
                body.get(order)
                    .map_or_else(|| "0".to_owned(), crate::query::dsl::text)
                    .into(),
                body.get("version")
                    .map_or(Cell::Empty, |version| crate::query::dsl::text(version).into()),
                if kind == TemplateKind::Index {
                    list("composed_of").into()
                } else {
                    "".into()
                },
            ]);
        }
    }
    Ok(table)
}

/// `_cat/count`.
pub fn count(call: &Call) -> ApiResult<Table> {
    let count: u64 = call.entries()?.iter().map(Entry::doc_count).sum();
    let now = date::now();
    let mut table = Table::new(COUNT);
    table.push(vec![
        u64::try_from(now / 1000).unwrap_or_default().into(),
        date::format::format(now, Some("HH:mm:ss"), &date::zone::Zone::UTC).into(),
        count.into(),
    ]);
    Ok(table)
}

/// `_cat/recovery`: what there was to replay is replayed before the store answers.
pub fn recovery(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(RECOVERY);
    for entry in entries(call)? {
        table.push(vec![
            entry.name().into(),
            0.into(),
            Cell::Millis(0),
            "existing_store".into(),
            "done".into(),
        ]);
    }
    Ok(table)
}
