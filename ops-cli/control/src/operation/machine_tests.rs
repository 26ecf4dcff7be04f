//! Properties of the restart's state machine, against a small world that it acts on.

use std::collections::BTreeMap;

use ops_api::{Mode, OperationState};
use proptest::prelude::*;

use super::machine::{Action, Machine, Outcome, Phase};

/// A node of the world.
#[derive(Debug, Clone)]
struct Node {
    life: u64,
    up: bool,
    drained: bool,
}

/// What the world does with the next action.
#[derive(Debug, Clone, Copy)]
enum Luck {
    /// It works.
    Works,
    /// It works, and the controller dies before it hears so: the action is carried out again.
    WorksUnheard,
    /// It fails before it does anything.
    Fails,
    /// The node dies by itself and comes back, then the action is carried out.
    NodeDies,
    /// Somebody aborts the operation first.
    Abort,
}

#[derive(Debug)]
struct World {
    nodes: Vec<Node>,
    kills: BTreeMap<(usize, u64), u32>,
}

impl World {
    fn new(count: usize) -> Self {
        let node = Node {
            life: 1,
            up: true,
            drained: false,
        };
        Self {
            nodes: vec![node; count],
            kills: BTreeMap::new(),
        }
    }

    fn carry_out(&mut self, machine: &Machine, action: &Action) -> Outcome {
        let index = action.step();
        let step = &machine.steps()[index];
        let node = &mut self.nodes[index];
        match action {
            Action::Look(_) => Outcome::Seen {
                process: node.life,
                life: node.life,
                drains: node.up,
            },
            Action::Drain(_) if node.life != step.life => Outcome::Replaced,
            Action::Drain(_) => {
                node.drained = true;
                Outcome::Done
            }
            Action::Undrain(_) => {
                if !node.up {
                    node.up = true;
                    node.life += 1;
                }
                node.drained = false;
                Outcome::Done
            }
            Action::Stop(_) => {
                // What the supervisor does: another life than the named one is left alone.
                if node.up && node.life == step.process {
                    node.up = false;
                    node.drained = false;
                    *self.kills.entry((index, node.life)).or_default() += 1;
                }
                Outcome::Done
            }
            Action::Start(_) => {
                if !node.up {
                    node.up = true;
                    node.life += 1;
                }
                Outcome::Done
            }
            Action::AwaitReady(_) if node.up && node.life != step.process => Outcome::Done,
            Action::AwaitReady(_) => Outcome::Failed("not ready in time".into()),
            Action::AwaitSettled(_) | Action::Bake(_) => Outcome::Done,
        }
    }

    fn dies(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if node.up {
            node.life += 1;
            node.drained = false;
        }
    }
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        10 => Just(Luck::Works),
        3 => Just(Luck::WorksUnheard),
        1 => Just(Luck::Fails),
        1 => Just(Luck::NodeDies),
        1 => Just(Luck::Abort),
    ]
}

/// Nodes that serve less by our hand.
fn disturbed(machine: &Machine) -> usize {
    let by_us =
        |phase| !matches!(phase, Phase::Pending | Phase::Settling | Phase::Baking) && !Phase::ended(phase);
    machine.steps().iter().filter(|step| by_us(step.phase)).count()
}

proptest! {
    #[test]
    fn every_run_ends_with_all_nodes_up_and_none_cordoned_and_no_life_is_stopped_twice(
        count in 1_usize..6,
        cold in any::<bool>(),
        lucks in prop::collection::vec(luck(), 0..60),
    ) {
        let mode = if cold { Mode::Cold } else { Mode::Rolling };
        let mut world = World::new(count);
        let mut machine = Machine::new(mode, (0..count).map(|n| format!("guilds-{n}")));
        let mut lucks = lucks.into_iter();
        let mut rounds = 0;
        loop {
            let actions = machine.next();
            prop_assert_eq!(actions.is_empty(), machine.state().ended());
            let Some(action) = actions.into_iter().next() else { break };
            rounds += 1;
            prop_assert!(rounds < 300, "it never ends");
            match lucks.next().unwrap_or(Luck::Works) {
                Luck::Works => {
                    let outcome = world.carry_out(&machine, &action);
                    machine.ended(&action, outcome);
                }
                Luck::WorksUnheard => {
                    let lost = world.carry_out(&machine, &action);
                    drop(lost);
                    // What the journal has is what a new controller begins with.
                    let journal = serde_json::to_string(&machine).unwrap();
                    machine = serde_json::from_str(&journal).unwrap();
                }
                // A node that is stopped and cannot be started is an honest failure, tested below.
                Luck::Fails if matches!(action, Action::Start(_) | Action::Undrain(_)) => {}
                Luck::Fails => machine.ended(&action, Outcome::Failed("no luck".into())),
                Luck::NodeDies => world.dies(action.step()),
                Luck::Abort => machine.abort(),
            }
            if mode == Mode::Rolling {
                prop_assert!(disturbed(&machine) <= 1, "{:?}", machine);
            }
        }
        for (index, node) in world.nodes.iter().enumerate() {
            prop_assert!(node.up, "{index} is down: {machine:?}");
            prop_assert!(!node.drained, "{index} is cordoned: {machine:?}");
        }
        prop_assert!(world.kills.values().all(|kills| *kills == 1), "{:?}", world.kills);
        prop_assert_eq!(machine.state() == OperationState::Failed, machine.error().is_some());
        if machine.state() == OperationState::Completed {
            prop_assert!(world.nodes.iter().all(|node| node.life > 1), "everything was restarted");
        }
    }
}

fn drive(machine: &mut Machine, world: &mut World, until: impl Fn(&Action) -> bool) -> Option<Action> {
    loop {
        let action = machine.next().into_iter().next()?;
        if until(&action) {
            return Some(action);
        }
        let outcome = world.carry_out(machine, &action);
        machine.ended(&action, outcome);
    }
}

fn three(mode: Mode) -> (Machine, World) {
    (
        Machine::new(mode, ["a-0", "a-1", "a-2"].map(str::to_owned)),
        World::new(3),
    )
}

#[test]
fn without_bad_luck_each_node_is_drained_stopped_once_and_replaced() {
    let (mut machine, mut world) = three(Mode::Rolling);
    assert_eq!(drive(&mut machine, &mut world, |_| false), None);
    assert_eq!(machine.state(), OperationState::Completed);
    assert_eq!(world.kills.len(), 3);
}

#[test]
fn a_drain_that_takes_too_long_is_taken_back_and_fails_the_operation() {
    let (mut machine, mut world) = three(Mode::Rolling);
    let drain = drive(&mut machine, &mut world, |action| *action == Action::Drain(1)).unwrap();
    machine.ended(&drain, Outcome::Failed("12 guilds left after 30 s".into()));
    assert_eq!(machine.next(), [Action::Undrain(1)]);
    assert_eq!(drive(&mut machine, &mut world, |_| false), None);
    assert_eq!(machine.state(), OperationState::Failed);
    assert_eq!(machine.error(), Some("a-1: 12 guilds left after 30 s"));
    assert_eq!(machine.steps()[2].phase, Phase::Skipped);
}

#[test]
fn an_abort_finishes_the_node_that_is_down_and_touches_no_other() {
    let (mut machine, mut world) = three(Mode::Rolling);
    drive(&mut machine, &mut world, |action| *action == Action::Start(0));
    machine.abort();
    assert_eq!(machine.next(), [Action::Start(0)]);
    assert_eq!(drive(&mut machine, &mut world, |_| false), None);
    assert_eq!(machine.state(), OperationState::Aborted);
    assert_eq!(
        world.nodes.iter().map(|node| node.life).collect::<Vec<_>>(),
        [2, 1, 1]
    );
}

#[test]
fn cold_stops_all_before_it_starts_any() {
    let (mut machine, mut world) = three(Mode::Cold);
    drive(&mut machine, &mut world, |action| {
        matches!(action, Action::Start(_))
    });
    assert!(world.nodes.iter().all(|node| !node.up));
    assert_eq!(
        machine.next(),
        [Action::Start(0), Action::Start(1), Action::Start(2)]
    );
    assert_eq!(drive(&mut machine, &mut world, |_| false), None);
    assert_eq!(machine.state(), OperationState::Completed);
}
