//! The targets: what is run on an input, and the pieces that its inputs are made of. A target fails by a panic.

mod framing;
mod rfc3164;
mod rfc5424;
mod timestamp;

/// What can be fuzzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// Cutting a stream into frames: any chunking gives the same.
    Framing,
    /// BSD syslog: what is written is parsed to the same message.
    Rfc3164,
    /// IETF syslog: what is written is parsed to the same message.
    Rfc5424,
    /// The timestamps of both.
    Timestamp,
}

// === impl Target ===

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Framing => "framing",
            Self::Rfc3164 => "rfc3164",
            Self::Rfc5424 => "rfc5424",
            Self::Timestamp => "timestamp",
        }
    }

    /// The pieces that its inputs are made of.
    pub(crate) fn corpus(self) -> &'static [&'static [u8]] {
        match self {
            Self::Framing => framing::CORPUS,
            Self::Rfc3164 => rfc3164::CORPUS,
            Self::Rfc5424 => rfc5424::CORPUS,
            Self::Timestamp => timestamp::CORPUS,
        }
    }

    /// Panics when the input shows a fault.
    pub(crate) fn run(self, input: &[u8]) {
        match self {
            Self::Framing => framing::run(input),
            Self::Rfc3164 => rfc3164::run(input),
            Self::Rfc5424 => rfc5424::run(input),
            Self::Timestamp => timestamp::run(input),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::mutate::Mutator;

    #[test]
    fn no_target_fails_in_a_bounded_run() {
        for target in Target::value_variants() {
            let (mut mutator, mut input) = (Mutator::new(7, 512, target.corpus()), Vec::new());
            for _ in 0..200_000 {
                mutator.next_input(&mut input);
                target.run(&input);
            }
        }
    }
}
