//! What must hold before an operation begins. Each gate says `name: ok` or `name: why not`.

use chat_proto::{Cluster, MemberState, Membership};
use ops_api::{Mode, NewOperation};

/// The gates' answers: all of them for the plan, and the first that says no.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    pub(crate) lines: Vec<String>,
    pub(crate) closed: Option<String>,
}

/// What the gates look at.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) membership: &'a Membership,
    /// All nodes of the cluster.
    pub(crate) cluster_nodes: &'a [String],
    /// The nodes that are to be restarted.
    pub(crate) targets: &'a [String],
    /// Whether the supervisor answers.
    pub(crate) supervisor: Result<(), String>,
}

// === impl Gates ===

impl Gates {
    /// Asks all gates.
    pub(crate) fn ask(request: &NewOperation, scene: &Scene<'_>) -> Self {
        let mut gates = Self::default();
        gates.take("supervisor", scene.supervisor.clone());
        if let Ok(cluster) = request.cluster.parse::<Cluster>() {
            let others = match request.mode {
                Mode::Rolling => others_ready(scene),
                Mode::Cold => Ok(()),
            };
            gates.take("others-ready", others);
            let data = match cluster {
                // Those who hold guilds or sessions hand over by way of data; without it they only lose them.
                Cluster::Guilds | Cluster::Sessions | Cluster::Api if request.mode == Mode::Rolling => {
                    someone_ready(scene.membership, Cluster::Data)
                }
                _ => Ok(()),
            };
            gates.take("data-ready", data);
        }
        gates
    }

    fn take(&mut self, name: &str, answer: Result<(), String>) {
        match answer {
            Ok(()) => self.lines.push(format!("{name}: ok")),
            Err(reason) => {
                let line = format!("{name}: {reason}");
                self.closed.get_or_insert_with(|| line.clone());
                self.lines.push(line);
            }
        }
    }
}

/// Whoever is not restarted first must be ready when the first one goes.
fn others_ready(scene: &Scene<'_>) -> Result<(), String> {
    let first = scene.targets.first();
    for node in scene.cluster_nodes.iter().filter(|node| Some(*node) != first) {
        let member = scene
            .membership
            .members
            .iter()
            .find(|member| member.node.as_str() == node);
        match member.map(|member| member.state) {
            Some(MemberState::Ready) => {}
            Some(state) => return Err(format!("{node} is {}", format!("{state:?}").to_lowercase())),
            None => return Err(format!("{node} is not in the membership")),
        }
    }
    Ok(())
}

fn someone_ready(membership: &Membership, cluster: Cluster) -> Result<(), String> {
    match membership.ready(cluster).next() {
        Some(_) => Ok(()),
        None => Err(format!("no {cluster} node is ready")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_proto::{Generation, Incarnation, Member};

    fn membership(nodes: &[(&str, MemberState)]) -> Membership {
        let member = |(node, state): &(&str, MemberState)| Member {
            node: (*node).into(),
            cluster: node.split('-').next().unwrap().parse().unwrap(),
            incarnation: Incarnation(1),
            state: *state,
            address: "127.0.0.1:1".parse().unwrap(),
            admin: "127.0.0.1:2".parse().unwrap(),
        };
        Membership {
            generation: Generation(1),
            members: nodes.iter().map(member).collect(),
        }
    }

    fn ask(mode: Mode, nodes: &[(&str, MemberState)]) -> Option<String> {
        let all: Vec<String> = ["guilds-0", "guilds-1"].map(str::to_owned).to_vec();
        let request = NewOperation {
            cluster: "guilds".into(),
            node: None,
            mode,
            reason: String::new(),
            by: "ada".into(),
            drain_timeout_ms: None,
            dry_run: false,
            options: ops_api::RestartOptions::default(),
        };
        let membership = membership(nodes);
        let scene = Scene {
            membership: &membership,
            cluster_nodes: &all,
            targets: &all,
            supervisor: Ok(()),
        };
        Gates::ask(&request, &scene).closed
    }

    #[test]
    fn the_first_one_may_be_ill_and_no_other() {
        let data = ("data-0", MemberState::Ready);
        let ready = |node| (node, MemberState::Ready);
        assert_eq!(
            ask(Mode::Rolling, &[data, ready("guilds-0"), ready("guilds-1")]),
            None
        );
        assert_eq!(ask(Mode::Rolling, &[data, ready("guilds-1")]), None);
        let closed = ask(
            Mode::Rolling,
            &[data, ready("guilds-0"), ("guilds-1", MemberState::Starting)],
        );
        assert_eq!(closed.as_deref(), Some("others-ready: guilds-1 is starting"));
        assert_eq!(
            ask(Mode::Cold, &[]),
            None,
            "cold is for when nothing works any more"
        );
        let closed = ask(Mode::Rolling, &[ready("guilds-0"), ready("guilds-1")]);
        assert_eq!(closed.as_deref(), Some("data-ready: no data node is ready"));
    }
}
