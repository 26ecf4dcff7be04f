//! The control plane's API: its types and its client. The CLI, the console and drills all speak it.
//!
//! ```text
//! GET  /v1/status                 Fleet: every cluster and node with its verdict
//! GET  /v1/watch                  server-sent events: `fleet` (Fleet, about once a second), `operation`
//!                                 (Operation, at each change); a comment line at least every second
//! POST /v1/operations             NewOperation + Idempotency-Key header -> Operation (202; the same key answers
//!                                 the same operation; 409 when another one holds the chain)
//! GET  /v1/operations[/{id}]      Operation(s), newest first
//! POST /v1/operations/{id}/abort  Operation; likewise pause and resume
//! GET  /v1/locks                  Lock list: who holds which part of the stack
//! POST /v1/locks/{id}/release     Lock: takes it from an operation, which ends (admin)
//! GET  /v1/audit?limit=N          AuditEntry list, newest first
//! POST /v1/accounts               NewAccounts -> Account list (with tokens, shown once)
//! POST /v1/accounts/{id}/token    Account (another token)
//! GET  /v1/accounts?after=ID      Account list (without tokens)
//! POST /v1/lease                  nodes only: chat_admin::LeaseRequest -> LeaseGrant
//! GET  /v1/membership             chat_proto::Membership
//! GET  /livez /readyz /metrics    no token
//! ```
//!
//! All but the last line need `Authorization: Bearer TOKEN`: the operator token (`DATA/run/control.token`), or
//! the fabric token for `/v1/lease`. Errors are [`Problem`] JSON (RFC 9457) with a `hint`.

mod accounts;
mod client;
mod fleet;
mod operation;
mod options;
mod plan;
mod problem;
mod stack;

pub use accounts::{Account, NewAccount, NewAccounts};
pub use client::{ApiError, ControlClient, WatchEvent};
pub use fleet::{ClusterStatus, Fleet, Health, NodeStatus, ServiceKind};
pub use operation::{AuditEntry, Mode, NewOperation, NodeStep, Operation, OperationState, StepState};
pub use options::{Amount, EVERYTHING, Handoff, NoAmount, OnError, Order, RestartOptions, SloGuard};
pub use plan::{Admission, GuardView, Lock, Plan, Watched};
pub use problem::Problem;
pub use stack::{Endpoint, StackFile};
