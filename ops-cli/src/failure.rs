//! How a verb fails: an exit code that scripts may rely on, one line, and what to do.

use std::fmt;
use std::process::ExitCode;

use ops_api::{ApiError, Problem};

/// The exit codes. They are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// The operation failed.
    Failed = 1,
    /// Wrong usage, or no terminal where one is needed.
    Usage = 2,
    /// Not healthy (`status --exit-code`), or the load found a broken promise.
    Unhealthy = 3,
    /// No such cluster, node, operation or account.
    Unknown = 4,
    /// Another operation holds the chain.
    Conflict = 5,
    /// Refused by a gate.
    Gate = 6,
    /// Gave up waiting; what was waited for goes on.
    GaveUp = 7,
    /// Confirmation is missing.
    Confirm = 9,
    /// The control plane or the store cannot be reached.
    Unreachable = 69,
    /// Not permitted.
    NotPermitted = 77,
    /// Ctrl-C while waiting; what was waited for goes on.
    Interrupted = 130,
}

/// A failed verb.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: String,
}

/// What a verb gives back.
pub(crate) type Outcome = Result<(), Failure>;

// === impl Failure ===

impl Failure {
    /// With what to do about it.
    pub(crate) fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Something that no hint helps with.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message, "")
    }

    /// Its exit code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Its exit code, for the system.
    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }

    /// As problem details, for `-o json`.
    pub(crate) fn problem(&self) -> Problem {
        Problem {
            kind: format!("{:?}", self.code).to_lowercase(),
            title: self.message.clone(),
            status: 0,
            hint: self.hint.clone(),
            operation: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  {}", self.hint)?;
        }
        Ok(())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(problem) => {
                let code = match problem.kind.as_str() {
                    "conflict" => Code::Conflict,
                    "gate" => Code::Gate,
                    "unauthorized" => Code::NotPermitted,
                    "invalid" | "no-key" | "key-reused" => Code::Usage,
                    kind if kind.starts_with("unknown-") => Code::Unknown,
                    _ => Code::Failed,
                };
                Self::new(code, problem.title, problem.hint)
            }
            ApiError::Unreachable { ref base, .. } => Self::new(
                Code::Unreachable,
                format!("cannot reach the control plane at {base}"),
                "is it running? `ops up` starts a stack; `ops --direct status` asks the nodes themselves",
            ),
            ApiError::Unexpected { .. } => Self::new(
                Code::Failed,
                error.to_string(),
                "are this `ops` and the running stack of the same version?",
            ),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::plain(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::plain(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: &str) -> Code {
        let problem = Problem {
            kind: kind.to_owned(),
            title: String::new(),
            status: 400,
            hint: String::new(),
            operation: None,
        };
        Failure::from(ApiError::Refused(problem)).code()
    }

    #[test]
    fn refusals_have_the_exit_codes_of_the_manual() {
        assert_eq!(refused("conflict") as u8, 5);
        assert_eq!(refused("gate") as u8, 6);
        assert_eq!(refused("unknown-cluster") as u8, 4);
        assert_eq!(refused("unknown-operation") as u8, 4);
        assert_eq!(refused("unauthorized") as u8, 77);
        assert_eq!(refused("unwritable") as u8, 1);
        assert_eq!(
            (Code::Confirm as u8, Code::GaveUp as u8, Code::Unreachable as u8),
            (9, 7, 69)
        );
    }
}
