//! From `config.json` to our configuration.

use std::path::Path;

use serde_json::Value;
use toml::Table;

use super::keys::Keys;
use super::{Report, layout};

/// The type that takes what no other type names.
const FALLBACK: &str = "*";

/// One of `types`, as each cluster's sinks and routes need it.
struct Type {
    tag: String,
    /// Its part in the names of sinks, routes and transforms.
    name: String,
    prefix: String,
    index: String,
    transforms: Vec<String>,
}

struct Converter {
    report: Report,
    sources: Table,
    transforms: Table,
    routes: Table,
    sinks: Table,
}

/// Reads the text of a `config.json` that lies in `folder`. Gives the text of our configuration, unless the
/// report has faults.
pub(crate) fn read(text: &str, folder: &Path) -> (Option<String>, Report) {
    let mut converter = Converter {
        report: Report::default(),
        sources: Table::new(),
        transforms: Table::new(),
        routes: Table::new(),
        sinks: Table::new(),
    };
    let whole = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(error) => {
            converter.report.faults.push(format!("not JSON: {error}"));
            return (None, converter.report);
        }
    };
    let table = converter.whole(whole, folder);
    let report = converter.report;
    if !report.faults.is_empty() {
        return (None, report);
    }
    let mut text = String::from("# Converted from the original Punt's config.json.\n");
    for line in report.to_string().lines() {
        text.push_str(&format!("# {line}\n"));
    }
    let body = toml::to_string(&table).unwrap_or_default();
    (Some(format!("{text}\n{body}")), report)
}

/// Characters that our names have; a tag can have others.
fn name(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    match text {
        FALLBACK => "other".to_owned(),
        text => text.chars().map(plain).collect(),
    }
}

/// Go's `:514` is every address.
fn address(bind: &str) -> String {
    match bind.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => bind.replace("localhost:", "127.0.0.1:"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

// === impl Converter ===

impl Converter {
    fn whole(&mut self, whole: Value, folder: &Path) -> Table {
        let report = &mut self.report;
        let mut top = Keys::new("", whole, report);
        let mut table = Table::new();
        let data = folder.join("punt-data").display().to_string();
        report.different(
            "data",
            format!(
                "events go through a durable buffer in {data}; the original kept them in memory and lost them"
            ),
        );
        table.insert("data".to_owned(), data.into());
        let mut control = top.object("control_socket", report);
        let bind = control.text("bind", report);
        if control.flag("enabled", report) {
            match bind {
                Some(bind) => {
                    let mut tail = Table::new();
                    tail.insert("address".to_owned(), address(&bind).into());
                    let tags = top.names("types");
                    tail.insert("types".to_owned(), tags.into());
                    table.insert("tail".to_owned(), tail.into());
                }
                None => report.fault("control_socket.bind", "is missing"),
            }
        }
        control.end(report);
        let types = top.object("types", report);
        let clusters = top.object("clusters", report);
        let mut gc = top.object("gc", report);
        let alerts = top.object("alerts", report);
        let actions = top.object("actions", report);
        let types = self.types(types);
        let clusters = clusters.members();
        if types.is_empty() {
            self.report
                .fault("types", "there is none, and every event would be dropped");
        }
        if clusters.is_empty() {
            self.report
                .fault("clusters", "there is none, and nothing would be received");
        }
        let several = clusters.len() > 1;
        for (path, cluster, value) in clusters {
            let value = Keys::new(&path, value, &mut self.report);
            self.cluster(&cluster, value, &types, several);
        }
        self.retention(&mut gc, &types);
        gc.end(&mut self.report);
        for (path, _, _) in alerts.members().into_iter().chain(actions.members()) {
            self.report.different(
                &path,
                "is not taken over; write it as an [alerts.NAME] or [actions.NAME] table, as the README has them",
            );
        }
        top.end(&mut self.report);
        for (section, part) in [
            ("sources", &mut self.sources),
            ("transforms", &mut self.transforms),
            ("routes", &mut self.routes),
            ("sinks", &mut self.sinks),
        ] {
            if !part.is_empty() {
                table.insert(section.to_owned(), std::mem::take(part).into());
            }
        }
        table
    }

    fn types(&mut self, types: Keys) -> Vec<Type> {
        let mut found = Vec::new();
        for (path, tag, value) in types.members() {
            let report = &mut self.report;
            let mut keys = Keys::new(&path, value, report);
            let prefix = keys.text("prefix", report).unwrap_or_default();
            let format = keys.text("date_format", report).unwrap_or_default();
            let index = match layout::pattern(&format) {
                Ok(pattern) => format!("{prefix}{pattern}"),
                Err(reason) => {
                    report.fault(&keys.path("date_format"), reason);
                    prefix.clone()
                }
            };
            if keys.text("mapping_type", report).is_some() {
                report.different(
                    &keys.path("mapping_type"),
                    "engines since 7 have no types; it is left out",
                );
            }
            if keys.take("template").is_some() {
                report.different(
                    &keys.path("template"),
                    "punt installs its own index template, of the kind that the engine has",
                );
            }
            let name = name(&tag);
            let mut transforms = Vec::new();
            let mut transformer = keys.object("transformer", report);
            let kind = transformer.text("name", report);
            if transformer
                .take("config")
                .is_some_and(|config| config.as_object().is_none_or(|c| !c.is_empty()))
            {
                report.unused.push(transformer.path("config"));
            }
            match kind.as_deref() {
                None | Some("direct") => {}
                Some("unpack-merge") => transforms.push((format!("{name}-unpack"), unpack("unpack_merge"))),
                Some("unpack-take") => transforms.push((format!("{name}-unpack"), unpack("unpack_take"))),
                Some(other) => report.fault(
                    &transformer.path("name"),
                    format!("there is no transformer {other:?}; it is direct, unpack-merge or unpack-take"),
                ),
            }
            transformer.end(report);
            let path = keys.path("mutators");
            for (number, value) in keys.list("mutators", report).into_iter().enumerate() {
                let keys = Keys::new(&format!("{path}[{number}]"), value, report);
                if let Some(transform) = mutator(keys, report) {
                    transforms.push((format!("{name}-mutator-{}", number + 1), transform));
                }
            }
            keys.end(report);
            let mut names = Vec::new();
            for (name, transform) in transforms {
                names.push(name.clone());
                self.transforms.insert(name, transform.into());
            }
            found.push(Type {
                tag,
                name,
                prefix,
                index,
                transforms: names,
            });
        }
        found
    }

    fn cluster(&mut self, cluster: &str, mut keys: Keys, types: &[Type], several: bool) {
        let report = &mut self.report;
        let Some(url) = keys.text("url", report) else {
            report.fault(&keys.path("url"), "is missing");
            return;
        };
        let mut sink = Table::new();
        sink.insert("type".to_owned(), "elasticsearch".into());
        sink.insert("url".to_owned(), url.into());
        // The original overwrote and had no ids, so that a retry was stored twice.
        for (old, new, factor) in [
            ("num_workers", "concurrency", 1),
            ("bulk_size", "batch_events", 1),
            ("commit_interval", "batch_timeout_ms", 1000),
        ] {
            if let Some(value @ 1..) = keys.number(old, report) {
                sink.insert(new.to_owned(), value.saturating_mul(factor).into());
            }
        }
        if keys.take("buffer_size").is_some() {
            report.different(
                &keys.path("buffer_size"),
                "the buffer is on disk, bounded by `buffer.max_bytes`",
            );
        }
        if keys.flag("debug", report) {
            report.different(&keys.path("debug"), "use RUST_LOG=debug, or `punt tail`");
        }
        if keys.take("reliability").is_some() {
            report.different(
                &keys.path("reliability"),
                "what may succeed later is retried with back-off for as long as it takes, and waits on disk; what the engine refuses goes to the dead-letter file",
            );
        }
        let path = keys.path("servers");
        let mut sources = Vec::new();
        for (number, value) in keys.list("servers", report).into_iter().enumerate() {
            let server = Keys::new(&format!("{path}[{number}]"), value, report);
            if let Some(source) = source(server, report) {
                sources.push((format!("{}-{}", name(cluster), number + 1), source));
            }
        }
        if sources.is_empty() {
            report.fault(&path, "there is none, and nothing would be received");
        }
        keys.end(report);
        let mark = format!("{}-cluster", name(cluster));
        if several {
            // Each cluster has its own listeners, and events of one do not go to the other.
            let mut fields = Table::new();
            fields.insert("labels.cluster".to_owned(), cluster.into());
            let mut set = Table::new();
            set.insert("type".to_owned(), "set".into());
            set.insert("fields".to_owned(), fields.into());
            self.transforms.insert(mark.clone(), set.into());
        }
        for (name, mut source) in sources {
            if several {
                source.insert("transforms".to_owned(), vec![mark.clone()].into());
            }
            self.sources.insert(name, source.into());
        }
        for kind in types {
            let sink_name = format!("{}-{}", name(cluster), kind.name);
            let mut sink = sink.clone();
            sink.insert("index".to_owned(), kind.index.clone().into());
            let mut route = Table::new();
            let mut conditions = Vec::new();
            if several {
                conditions.push(format!("labels.cluster:{}", quoted(cluster)));
            }
            conditions.extend(condition(kind, types));
            if !conditions.is_empty() {
                route.insert("when".to_owned(), conditions.join(" AND ").into());
            }
            if !kind.transforms.is_empty() {
                route.insert("transforms".to_owned(), kind.transforms.clone().into());
            }
            route.insert("sinks".to_owned(), vec![sink_name.clone()].into());
            self.routes.insert(sink_name.clone(), route.into());
            self.sinks.insert(sink_name, sink.into());
        }
    }

    /// `gc.PREFIX.keep`: how many indices of a prefix stay.
    fn retention(&mut self, gc: &mut Keys, types: &[Type]) {
        for kind in types {
            let mut keys = gc.object(&kind.prefix, &mut self.report);
            if keys.number("keep", &mut self.report).is_some() {
                self.report.different(
                    &keys.path("keep"),
                    "is not taken over; give the sinks a retention by age or size, as the README has it: counting names deletes indices of longer prefixes as well",
                );
            }
            keys.end(&mut self.report);
        }
    }
}

fn unpack(kind: &str) -> Table {
    let mut table = Table::new();
    table.insert("type".to_owned(), kind.into());
    table
}

/// The condition for the events of a type; none: every event.
fn condition(kind: &Type, types: &[Type]) -> Option<String> {
    if kind.tag != FALLBACK {
        return Some(format!("log.syslog.appname:{}", quoted(&kind.tag)));
    }
    let others: Vec<String> = types
        .iter()
        .filter(|other| other.tag != FALLBACK)
        .map(|other| quoted(&other.tag))
        .collect();
    match others.is_empty() {
        true => None,
        false => Some(format!("NOT log.syslog.appname:({})", others.join(" OR "))),
    }
}

fn source(mut server: Keys, report: &mut Report) -> Option<Table> {
    let kind = server.text("type", report);
    let bind = server.text("bind", report).map(|bind| address(&bind));
    let mut table = Table::new();
    table.insert("type".to_owned(), "syslog".into());
    let Some(bind) = bind else {
        report.fault(&server.path("bind"), "is missing");
        return None;
    };
    match kind.as_deref() {
        Some(kind @ ("tcp" | "udp")) => drop(table.insert(kind.to_owned(), bind.into())),
        _ => {
            report.fault(&server.path("type"), "must be \"tcp\" or \"udp\"");
            return None;
        }
    }
    if server.take("octet_counted").is_some() {
        report.different(
            &server.path("octet_counted"),
            "both framings are understood, also mixed on one connection",
        );
    }
    let certificate = server
        .text("tls_cert_file", report)
        .filter(|file| !file.is_empty());
    let key = server
        .text("tls_key_file", report)
        .filter(|file| !file.is_empty());
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let mut tls = Table::new();
            tls.insert("certificate".to_owned(), certificate.into());
            tls.insert("key".to_owned(), key.into());
            table.insert("tls".to_owned(), tls.into());
        }
        (None, None) => {}
        _ => report.fault(
            &server.path("tls_cert_file"),
            "and tls_key_file are needed both, or none of them",
        ),
    }
    server.end(report);
    Some(table)
}

fn mutator(mut keys: Keys, report: &mut Report) -> Option<Table> {
    let kind = keys.text("name", report);
    let mut config = keys.object("config", report);
    let mut table = Table::new();
    match kind.as_deref() {
        Some("geoip") => {
            table.insert("type".to_owned(), "geoip".into());
            let Some(path) = config.text("path", report) else {
                report.fault(&config.path("path"), "is missing: the MaxMind database");
                return None;
            };
            table.insert("database".to_owned(), path.into());
            if let Some(field) = config.text("input_field", report) {
                table.insert("field".to_owned(), field.into());
            }
            table.insert("style".to_owned(), "punt".into());
            if config.take("output_fields").is_some() {
                report.different(&config.path("output_fields"), "all three fields are written");
            }
        }
        Some("unixtime") => {
            table.insert("type".to_owned(), "unixtime".into());
            let fields: Vec<String> = match config.take("fields") {
                Some(Value::Array(fields)) => fields
                    .iter()
                    .filter_map(Value::as_str)
                    .map(ToOwned::to_owned)
                    .collect(),
                Some(Value::Object(fields)) => fields.keys().cloned().collect(),
                _ => Vec::new(),
            };
            table.insert("fields".to_owned(), fields.into());
            if config.take("format").is_some() {
                report.different(&config.path("format"), "times are written in RFC 3339");
            }
            report.different(
                &config.path("fields"),
                "the original's unixtime never loaded; here it works",
            );
        }
        Some(other) => {
            report.fault(
                &keys.path("name"),
                format!("there is no mutator {other:?}; it is geoip or unixtime"),
            );
            return None;
        }
        None => {
            report.fault(&keys.path("name"), "is missing");
            return None;
        }
    }
    config.end(report);
    keys.end(report);
    Some(table)
}
