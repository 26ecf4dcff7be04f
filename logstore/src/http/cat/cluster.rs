//! Tables of the cluster, which is one node: `health`, `nodes`, `master`, `allocation`, `plugins`, `tasks` and
//! the like. What cannot exist here is a table without rows.

use super::super::call::Call;
use super::table::{Cell, Column, Table, column, extra};
use crate::date;
use crate::date::Millis;
use crate::engine::snapshot::Repository;
use crate::error::ApiResult;
use crate::http::nodes::NODE_ID;
use crate::mapping::pattern;
use crate::present::Presented;
use crate::present::root::CLUSTER_NAME;

/// A column that only OpenSearch has.
const CLUSTER_MANAGER: &str = "discovered_cluster_manager";

const HEALTH: &[Column] = &[
    column("epoch", "t,time", "seconds since 1970-01-01 00:00:00"),
    column("timestamp", "ts,hms,hhmmss", "time in HH:MM:SS"),
    column("cluster", "cl", "cluster name"),
    column("status", "st", "health status"),
    column("node.total", "nt,nodeTotal", "total number of nodes"),
    column("node.data", "nd,nodeData", "number of nodes that can store data"),
    column(
        CLUSTER_MANAGER,
        "dcm,dm,discoveredClusterManager",
        "whether the cluster manager is known",
    ),
    column(
        "shards",
        "t,sh,shards.total,shardsTotal",
        "total number of shards",
    ),
    column(
        "pri",
        "p,shards.primary,shardsPrimary",
        "number of primary shards",
    ),
    column(
        "relo",
        "r,shards.relocating,shardsRelocating",
        "number of relocating nodes",
    ),
    column(
        "init",
        "i,shards.initializing,shardsInitializing",
        "number of initializing nodes",
    ),
    column(
        "unassign",
        "u,shards.unassigned,shardsUnassigned",
        "number of unassigned shards",
    ),
    column("pending_tasks", "pt,pendingTasks", "number of pending tasks"),
    column(
        "max_task_wait_time",
        "mtwt,maxTaskWaitTime",
        "wait time of longest task pending",
    ),
    column(
        "active_shards_percent",
        "asp,activeShardsPercent",
        "active number of shards in percent",
    ),
];

const NODES: &[Column] = &[
    extra("id", "nodeId", "unique node id"),
    extra("pid", "p", "process id"),
    column("ip", "i", "ip address"),
    extra("port", "po", "bound transport port"),
    extra("http_address", "http", "bound http address"),
    extra("version", "v", "version"),
    extra("disk.total", "dt,diskTotal", "total disk space"),
    extra("disk.used", "du,diskUsed", "used disk space"),
    extra("disk.avail", "d,da,disk,diskAvail", "available disk space"),
    extra(
        "disk.used_percent",
        "dup,diskUsedPercent",
        "used disk space percentage",
    ),
    extra(
        "heap.current",
        "hc,heapCurrent",
        "used heap (here: resident memory)",
    ),
    column(
        "heap.percent",
        "hp,heapPercent",
        "used heap ratio (here: of the machine's memory)",
    ),
    extra(
        "heap.max",
        "hm,heapMax",
        "max configured heap (here: the machine's memory)",
    ),
    extra("ram.current", "rc,ramCurrent", "used machine memory"),
    column("ram.percent", "rp,ramPercent", "used machine memory ratio"),
    extra("ram.max", "rm,ramMax", "total machine memory"),
    extra(
        "file_desc.current",
        "fdc,fileDescriptorCurrent",
        "used file descriptors",
    ),
    extra(
        "file_desc.percent",
        "fdp,fileDescriptorPercent",
        "used file descriptor ratio",
    ),
    extra("file_desc.max", "fdm,fileDescriptorMax", "max file descriptors"),
    column("cpu", "", "recent cpu usage"),
    column("load_1m", "l", "1m load avg"),
    column("load_5m", "l", "5m load avg"),
    column("load_15m", "l", "15m load avg"),
    extra("uptime", "u", "node uptime"),
    column(
        "node.role",
        "r,role,nodeRole",
        "m:master eligible node, d:data node, i:ingest node",
    ),
    column("node.roles", "rs,all roles", "the roles in full"),
    column("master", "m", "*:current master"),
    column("cluster_manager", "cm,m", "*:current cluster manager"),
    column("name", "n", "node name"),
];

const MASTER: &[Column] = &[
    column("id", "", "node id"),
    column("host", "h", "host name"),
    column("ip", "", "ip address"),
    column("node", "n", "node name"),
];

const ALLOCATION: &[Column] = &[
    column("shards", "s", "number of shards on node"),
    column("disk.indices", "di,diskIndices", "disk used by indices"),
    column(
        "disk.used",
        "du,diskUsed",
        "disk used (total, not just of the store)",
    ),
    column("disk.avail", "da,diskAvail", "disk available"),
    column("disk.total", "dt,diskTotal", "total capacity of all volumes"),
    column("disk.percent", "dp,diskPercent", "percent disk used"),
    column("host", "h", "host of node"),
    column("ip", "", "ip of node"),
    column("node", "n", "name of node"),
];

const PLUGINS: &[Column] = &[
    extra("id", "", "unique node id"),
    column("name", "n", "node name"),
    column("component", "c", "component"),
    column("version", "v", "component version"),
    extra("description", "d", "plugin details"),
];

const TASKS: &[Column] = &[
    column("action", "ac", "task action"),
    column("task_id", "ti", "unique task id"),
    column("parent_task_id", "pti", "parent task id"),
    column("type", "ty", "task type"),
    column("start_time", "start", "start time in ms"),
    column("timestamp", "ts,hms,hhmmss", "start time in HH:MM:SS"),
    column("running_time", "time", "running time"),
    column("ip", "i", "ip address"),
    column("node", "n", "node name"),
];

const PENDING: &[Column] = &[
    column("insertOrder", "o", "task insertion order"),
    column("timeInQueue", "t", "how long task has been in queue"),
    column("priority", "p", "task priority"),
    column("source", "s", "task source"),
];

const THREAD_POOL: &[Column] = &[
    column("node_name", "nn", "node name"),
    column("name", "n", "thread pool name"),
    column("active", "a", "number of active threads"),
    column("queue", "q", "number of tasks currently in queue"),
    column("rejected", "r", "number of rejected tasks"),
    extra("size", "sz", "number of threads"),
    extra("queue_size", "qs", "maximum number of tasks permitted in queue"),
    extra("completed", "c", "number of completed tasks"),
];

const ATTRIBUTES: &[Column] = &[
    column("node", "", "node name"),
    column("host", "h", "host name"),
    column("ip", "i", "ip address"),
    column("attr", "attr.name", "attribute description"),
    column("value", "attr.value", "attribute value"),
];

const REPOSITORIES: &[Column] = &[
    column("id", "id,repoId", "unique repository id"),
    column("type", "t,type", "repository type"),
];

const SNAPSHOTS: &[Column] = &[
    column("id", "id,snapshot", "unique snapshot"),
    column("status", "s,status", "snapshot status"),
    column(
        "start_epoch",
        "ste,startEpoch",
        "start time in seconds since 1970-01-01 00:00:00",
    ),
    column("start_time", "sti,startTime", "start time in HH:MM:SS"),
    column(
        "end_epoch",
        "ete,endEpoch",
        "end time in seconds since 1970-01-01 00:00:00",
    ),
    column("end_time", "eti,endTime", "end time in HH:MM:SS"),
    column("duration", "dur,duration", "duration"),
    column("indices", "i,indices", "number of indices"),
    column("successful_shards", "ss", "number of successful shards"),
    column("failed_shards", "fs", "number of failed shards"),
    column("total_shards", "ts", "number of total shards"),
    extra("reason", "r,reason", "reason for failures"),
];

const FIELDDATA: &[Column] = &[
    column("id", "", "node id"),
    column("host", "h", "host name"),
    column("ip", "", "ip address"),
    column("node", "n", "node name"),
    column("field", "f", "field name"),
    column("size", "s", "field data usage"),
];

/// Characters of a node's id that tables show unless the whole is asked for.
const SHORT_ID: usize = 4;

/// `_cat/health`.
pub fn health(call: &Call) -> ApiResult<Table> {
    let now = date::now();
    let shards = call.store().list_all().len() as u64;
    let mut table = Table::new(HEALTH);
    table.push(vec![
        u64::try_from(now / 1000).unwrap_or_default().into(),
        date::format::format(now, Some("HH:mm:ss"), &date::zone::Zone::UTC).into(),
        CLUSTER_NAME.into(),
        call.store().status().word().into(),
        1.into(),
        1.into(),
        "true".into(),
        shards.into(),
        shards.into(),
        0.into(),
        0.into(),
        0.into(),
        0.into(),
        "-".into(),
        "100.0%".into(),
    ]);
    if call.app.presented != Presented::OpenSearch3 {
        table.drop_column(CLUSTER_MANAGER);
    }
    if call.params.get("ts").is_some_and(|ts| ts == "false") {
        table.drop_column("epoch");
        table.drop_column("timestamp");
    }
    Ok(table)
}

/// `_cat/nodes`.
pub fn nodes(call: &Call) -> ApiResult<Table> {
    let figures = call.app.figures();
    let port = call.app.address.rsplit_once(':').map_or("", |(_, port)| port);
    let mut table = Table::new(NODES);
    let short = NODE_ID.get(..SHORT_ID).unwrap_or(NODE_ID);
    let full = call.flag("full_id");
    table.push(vec![
        if full { NODE_ID } else { short }.into(),
        u64::from(std::process::id()).into(),
        call.app.ip().into(),
        port.into(),
        call.app.address.as_str().into(),
        call.app.presented.number().into(),
        Cell::Bytes(figures.disk_total),
        Cell::Bytes(figures.disk_total - figures.disk_free.min(figures.disk_total)),
        Cell::Bytes(figures.disk_free),
        format!("{:.2}", figures.disk_share()).into(),
        Cell::Bytes(figures.resident),
        figures.resident_percent().into(),
        Cell::Bytes(figures.memory_total),
        Cell::Bytes(figures.memory_total - figures.memory_free.min(figures.memory_total)),
        figures.memory_percent().into(),
        Cell::Bytes(figures.memory_total),
        figures.open_files.into(),
        (figures.open_files * 100 / figures.most_files.max(1)).into(),
        figures.most_files.into(),
        call.app.processor_percent().into(),
        format!("{:.2}", figures.load[0]).into(),
        format!("{:.2}", figures.load[1]).into(),
        format!("{:.2}", figures.load[2]).into(),
        Cell::Millis(figures.uptime_millis),
        "dim".into(),
        "cluster_manager,data,ingest".into(),
        "*".into(),
        "*".into(),
        call.app.node.as_str().into(),
    ]);
    if call.app.presented == Presented::OpenSearch3 {
        table.drop_column("master");
    } else {
        table.drop_column("node.roles");
        table.drop_column("cluster_manager");
    }
    Ok(table)
}

/// `_cat/master`.
pub fn master(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(MASTER);
    table.push(vec![
        NODE_ID.into(),
        call.app.ip().into(),
        call.app.ip().into(),
        call.app.node.as_str().into(),
    ]);
    Ok(table)
}

/// `_cat/allocation`.
pub fn allocation(call: &Call) -> ApiResult<Table> {
    let figures = call.app.figures();
    let all = call.store().list_all();
    let mut table = Table::new(ALLOCATION);
    table.push(vec![
        (all.len() as u64).into(),
        Cell::Bytes(all.iter().map(crate::engine::entry::Entry::size_bytes).sum()),
        Cell::Bytes(figures.disk_total - figures.disk_free.min(figures.disk_total)),
        Cell::Bytes(figures.disk_free),
        Cell::Bytes(figures.disk_total),
        figures.disk_percent().into(),
        call.app.ip().into(),
        call.app.ip().into(),
        call.app.node.as_str().into(),
    ]);
    Ok(table)
}

/// `_cat/thread_pool`.
pub fn thread_pool(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(THREAD_POOL);
    let wanted = call.name("index");
    for (name, active, size) in call.app.pools() {
        if !wanted.is_empty()
            && !wanted
                .split(',')
                .any(|one| crate::mapping::pattern::matches(one, name))
        {
            continue;
        }
        table.push(vec![
            call.app.node.as_str().into(),
            name.into(),
            active.into(),
            0.into(),
            0.into(),
            size.into(),
            size.into(),
            0.into(),
        ]);
    }
    Ok(table)
}

/// `_cat/tasks`: the one that asks.
pub fn tasks(call: &Call) -> ApiResult<Table> {
    let now = date::now();
    let mut table = Table::new(TASKS);
    table.push(vec![
        "cluster:monitor/tasks/lists".into(),
        format!("{NODE_ID}:1").into(),
        "-".into(),
        "transport".into(),
        u64::try_from(now).unwrap_or_default().into(),
        date::format::format(now, Some("HH:mm:ss"), &date::zone::Zone::UTC).into(),
        Cell::Millis(0),
        call.app.ip().into(),
        call.app.node.as_str().into(),
    ]);
    Ok(table)
}

/// `_cat/plugins`.
pub fn plugins(_call: &Call) -> ApiResult<Table> {
    Ok(Table::new(PLUGINS))
}

/// `_cat/pending_tasks`.
pub fn pending_tasks(_call: &Call) -> ApiResult<Table> {
    Ok(Table::new(PENDING))
}

/// `_cat/nodeattrs`.
pub fn attributes(_call: &Call) -> ApiResult<Table> {
    Ok(Table::new(ATTRIBUTES))
}

/// `_cat/repositories`.
pub fn repositories(call: &Call) -> ApiResult<Table> {
    let mut table = Table::new(REPOSITORIES);
    for (name, body) in &call.store().state().repositories {
        let kind = body.get("type").map_or("fs".to_owned(), crate::query::dsl::text);
        table.push(vec![name.as_str().into(), kind.into()]);
    }
    Ok(table)
}

/// `_cat/snapshots`, with names or wildcards of repositories at the end.
pub fn snapshots(call: &Call) -> ApiResult<Table> {
    let wanted = call.name("index");
    let clock = |at: Millis| date::format::format(at, Some("HH:mm:ss"), &date::zone::Zone::UTC);
    let seconds = |at: Millis| u64::try_from(at / 1000).unwrap_or_default();
    let mut table = Table::new(SNAPSHOTS);
    let state = call.store().state();
    let named = |name: &str| {
        wanted.is_empty()
            || wanted
                .split(',')
                .any(|one| one == "_all" || pattern::matches(one, name))
    };
    for (name, body) in state.repositories.iter().filter(|(name, _)| named(name)) {
        let repository = Repository::open(name, body, &call.store().repository_roots())?;
        for snapshot in repository.list()? {
            let (failed, whole) = (snapshot.failures.len() as u64, snapshot.indices.len() as u64);
            let status = match (failed, whole) {
                (0, _) => "SUCCESS",
                (_, 0) => "FAILED",
                _ => "PARTIAL",
            };
            table.push(vec![
                snapshot.name.as_str().into(),
                status.into(),
                seconds(snapshot.started).into(),
                clock(snapshot.started).into(),
                seconds(snapshot.ended).into(),
                clock(snapshot.ended).into(),
                Cell::Millis(u64::try_from(snapshot.ended - snapshot.started).unwrap_or_default()),
                (whole + failed).into(),
                whole.into(),
                failed.into(),
                (whole + failed).into(),
                snapshot
                    .failures
                    .values()
                    .next()
                    .map_or(Cell::Empty, |reason| reason.as_str().into()),
            ]);
        }
    }
    Ok(table)
}

/// `_cat/fielddata`.
pub fn fielddata(_call: &Call) -> ApiResult<Table> {
    Ok(Table::new(FIELDDATA))
}
