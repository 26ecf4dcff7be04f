//! Who asks, carried from the front of a request to the places where names become indices.
//!
//! A request's body may name indices (bulks, multi-searches), and a wildcard names whatever there is. So the
//! question is asked where a name is resolved, and not by each endpoint. The scope is the task's on its way to
//! the blocking pool, and the thread's while the work is done there. Without a scope there is no security, or
//! the store works for itself.

use std::cell::RefCell;
use std::sync::Arc;

use super::privilege::{Grants, Privilege};
use crate::error::{ApiError, ApiResult};

/// Who asks, and what for.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The name in errors and answers.
    pub user: Arc<str>,
    /// What they may do.
    pub grants: Arc<Grants>,
    /// What the request needs.
    pub need: Privilege,
}

tokio::task_local! {
    static OF_TASK: Scope;
}

thread_local! {
    static OF_THREAD: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

// === impl Scope ===

impl Scope {
    /// Runs a request within a scope.
    pub async fn around<F: Future>(self, work: F) -> F::Output {
        OF_TASK.scope(self, work).await
    }

    /// The scope of the request that this task answers.
    pub fn of_task() -> Option<Self> {
        OF_TASK.try_with(Clone::clone).ok()
    }

    /// Runs blocking work within a scope, or without one.
    pub fn during<T>(scope: Option<Self>, work: impl FnOnce() -> T) -> T {
        /// Takes the scope away again, also when the work panics: the thread serves others next.
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                OF_THREAD.with(|slot| *slot.borrow_mut() = None);
            }
        }
        let _reset = Reset;
        OF_THREAD.with(|slot| *slot.borrow_mut() = scope);
        work()
    }

    /// The scope of the work that this thread does.
    pub fn of_thread() -> Option<Self> {
        OF_THREAD.with(|slot| slot.borrow().clone())
    }

    /// The error for what may not be done.
    pub fn refusal(&self, need: Privilege, what: &str) -> ApiError {
        ApiError::new(
            403,
            "security_exception",
            format!(
                "action [{}] is unauthorized for user [{}]{what}, this action is granted by the privileges [{},all]",
                need.word(),
                self.user,
                need.word()
            ),
        )
    }
}

/// Whether the present work may see an index of a name.
pub fn sees(name: &str) -> bool {
    OF_THREAD.with(|slot| match &*slot.borrow() {
        Some(scope) if scope.need.is_of_indices() => scope.grants.index(name, scope.need),
        _ => true,
    })
}

/// Refuses what the present work may not do with an index of a name.
pub fn check(name: &str, need: Privilege) -> ApiResult<()> {
    match Scope::of_thread() {
        Some(scope) if !scope.grants.index(name, need) => {
            Err(scope.refusal(need, &format!(" on indices [{name}]")))
        }
        _ => Ok(()),
    }
}
