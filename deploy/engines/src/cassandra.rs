//! Cassandra, from the jars of Maven Central.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::{Settings, java};

pub(crate) const ARTIFACT: &str = "org.apache.cassandra:cassandra-all:5.0.2";

/// What Cassandra's own `jvm17-server.options` opens.
const EXPORTS: [&str; 4] = [
    "java.base/jdk.internal.misc",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
];
const OPENS: [&str; 17] = [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "java.base/java.lang",
    "java.base/java.lang.ref",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
];

/// Writes the configuration and gives the command.
pub(crate) fn command(installed: &Path, settings: &Settings, port: u16) -> anyhow::Result<Vec<String>> {
    let data = settings.data.display();
    let storage = port.checked_add(1).context("the port is too high")?;
    let yaml = format!(
        "cluster_name: guildwatch-{port}\n\
         partitioner: org.apache.cassandra.dht.Murmur3Partitioner\n\
         commitlog_sync: periodic\n\
         commitlog_sync_period: 1000ms\n\
         data_file_directories: [{data}/data]\n\
         commitlog_directory: {data}/commitlog\n\
         hints_directory: {data}/hints\n\
         saved_caches_directory: {data}/saved_caches\n\
         cdc_raw_directory: {data}/cdc_raw\n\
         listen_address: 127.0.0.1\n\
         rpc_address: 127.0.0.1\n\
         native_transport_port: {port}\n\
         storage_port: {storage}\n\
         endpoint_snitch: SimpleSnitch\n\
         seed_provider:\n\
         - class_name: org.apache.cassandra.locator.SimpleSeedProvider\n  \
           parameters:\n  \
           - seeds: 127.0.0.1:{storage}\n"
    );
    let config = settings.data.join("cassandra.yaml");
    fs::write(&config, yaml).with_context(|| format!("writing {}", config.display()))?;
    let mut command = vec![
        java::find(17, 17)?.display().to_string(),
        format!("-Xms{}m", settings.heap_mib),
        format!("-Xmx{}m", settings.heap_mib),
    ];
    for (flag, packages) in [("--add-exports", &EXPORTS[..]), ("--add-opens", &OPENS[..])] {
        for package in packages {
            command.push(flag.to_owned());
            command.push(format!("{package}=ALL-UNNAMED"));
        }
    }
    for package in ["java.sql/java.sql", "jdk.management/com.sun.management.internal"] {
        let flag = if package.starts_with("java.sql") {
            "--add-exports"
        } else {
            "--add-opens"
        };
        command.push(flag.to_owned());
        command.push(format!("{package}=ALL-UNNAMED"));
    }
    command.extend([
        format!("-Dcassandra.config=file://{}", config.display()),
        format!("-Dcassandra.storagedir={data}"),
        "-Dcassandra-foreground=yes".to_owned(),
        "-Dcassandra.skip_wait_for_gossip_to_settle=0".to_owned(),
        "-cp".to_owned(),
        format!("{}/lib/*", installed.display()),
        "org.apache.cassandra.service.CassandraDaemon".to_owned(),
    ]);
    Ok(command)
}

/// It listens only once it serves.
pub(crate) async fn serves(port: u16, log: &Path) -> anyhow::Result<()> {
    if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        bail!("nothing listens on {port} yet; see {}", log.display());
    }
    Ok(())
}
