//! The view without a control plane: what the nodes' run files, their admin ports and the supervisor say.
//!
//! For when the control plane is what is broken. It sees no rates (those need two looks) and no leases.

use std::time::Duration;

use chat_admin::{AdminClient, RunFile};
use chat_proto::Cluster;
use jiff::Timestamp;
use ops_api::{Fleet, Health, ServiceKind};

use crate::folder::Folder;
use crate::health::{Facts, Figures, cluster, node, report};
use crate::supervisor::wire::SupervisorClient;
use crate::topology::Topology;

/// Looks at everything once.
pub async fn fleet(folder: &Folder) -> Fleet {
    let topology = Topology::read(&folder.topology()).unwrap_or_default();
    let listing = SupervisorClient::new(&folder.supervisor_socket())
        .list()
        .await
        .ok();
    let http = reqwest::Client::new();
    let mut clusters = Vec::new();
    let mut generation = 0;
    for of in Cluster::ALL {
        let (mut nodes, mut figures) = (Vec::new(), Vec::new());
        for name in topology.nodes(of) {
            let file = read(folder, &name);
            let seen = match &file {
                Ok(file) => {
                    let admin = AdminClient::new(http.clone(), file.admin, &file.token);
                    admin
                        .health()
                        .await
                        .map(report)
                        .map_err(|error| error.to_string())
                }
                Err(reason) => Err(reason.clone()),
            };
            if let Ok(seen) = &seen {
                generation = generation.max(seen.generation.0);
            }
            let address = file
                .as_ref()
                .map(|file| file.address.to_string())
                .unwrap_or_default();
            let admin = file
                .as_ref()
                .map(|file| file.admin.to_string())
                .unwrap_or_default();
            nodes.push(node(&Facts {
                node: &name,
                cluster: of.name(),
                process: listing.as_ref().and_then(|listing| listing.process(&name)),
                member: None,
                report: seen.as_ref().ok().map(|report| (report, Duration::ZERO)),
                failure: seen.as_ref().err().map(String::as_str),
                figures: Figures::default(),
                address: &address,
                admin: &admin,
            }));
            figures.push(Figures::default());
        }
        clusters.push(cluster(
            of.name(),
            ServiceKind::Chat,
            nodes,
            &figures,
            topology.count(of),
        ));
    }
    Fleet {
        api_version: "ops/v1".to_owned(),
        kind: "Fleet".to_owned(),
        view: "direct".to_owned(),
        at: Timestamp::now(),
        environment: topology.environment,
        generation,
        health: clusters
            .iter()
            .map(|cluster| cluster.health)
            .max()
            .unwrap_or(Health::Unknown),
        clusters,
        operation: None,
    }
}

fn read(folder: &Folder, node: &str) -> Result<RunFile, String> {
    let path = folder.nodes().join(format!("{node}.json"));
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("no run file {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("cannot understand {}: {error}", path.display()))
}
