//! The PRI part of a message: facility and severity in one number.

/// A priority, 0 to 191: facility times eight plus severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority(u8);

/// How bad it is, from RFC 5424 section 6.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// System is unusable.
    Emergency,
    /// Action must be taken at once.
    Alert,
    /// Critical conditions.
    Critical,
    /// Error conditions.
    Error,
    /// Warning conditions.
    Warning,
    /// Normal but significant.
    Notice,
    /// Informational.
    Informational,
    /// Debug-level messages.
    Debug,
}

// === impl Priority ===

impl Priority {
    /// The highest valid value: facility 23, severity 7.
    pub const MAX: u8 = 191;

    /// The priority of this value, if it is one.
    pub fn new(value: u8) -> Option<Self> {
        (value <= Self::MAX).then_some(Self(value))
    }

    /// The number as it stands between the angle brackets.
    pub fn value(self) -> u8 {
        self.0
    }

    /// The facility code, 0 to 23.
    pub fn facility(self) -> u8 {
        self.0 / 8
    }

    /// The severity.
    pub fn severity(self) -> Severity {
        match self.0 % 8 {
            0 => Severity::Emergency,
            1 => Severity::Alert,
            2 => Severity::Critical,
            3 => Severity::Error,
            4 => Severity::Warning,
            5 => Severity::Notice,
            6 => Severity::Informational,
            _ => Severity::Debug,
        }
    }
}

// === impl Severity ===

impl Severity {
    /// The severity code, 0 to 7.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The usual short word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Informational => "informational",
            Self::Debug => "debug",
        }
    }
}
