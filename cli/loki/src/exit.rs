//! What the program's exit code says. Scripts depend on these numbers: they never change meaning.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Done; where a run was driven, everything it promised was verified.
    Success,
    /// A gate failed: something that was checked is not as it must be.
    GateFailed,
    /// Usage, configuration or the state of the machine kept the command from being carried out.
    Refused,
    /// Verified, but parts that were asked for are missing; each is named.
    Gaps,
    /// Stopped by a limit, a policy or a question for a person: running it again alone changes nothing.
    Stopped,
    /// Ended by SIGINT.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
    /// The exit code of a command that was run on somebody's behalf.
    OfCommand(u8),
}

impl Status {
    /// Every status of our own, in the order of its code.
    pub(crate) const ALL: [Status; 7] = [
        Status::Success,
        Status::GateFailed,
        Status::Refused,
        Status::Gaps,
        Status::Stopped,
        Status::Interrupted,
        Status::Terminated,
    ];

    /// The number the process exits with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Status::Success => 0,
            Status::GateFailed => 1,
            Status::Refused => 2,
            Status::Gaps => 10,
            Status::Stopped => 20,
            Status::Interrupted => 130,
            Status::Terminated => 143,
            Status::OfCommand(code) => code,
        }
    }

    /// One line for the help and the guide.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Status::Success => "done; a run: verified",
            Status::GateFailed => "a gate failed",
            Status::Refused => "usage, configuration, or the state of the machine",
            Status::Gaps => "verified with gaps, each named",
            Status::Stopped => "stopped, do not retry: a limit, a policy, or a person is needed",
            Status::Interrupted => "ended by SIGINT",
            Status::Terminated => "ended by SIGTERM",
            Status::OfCommand(_) => "the code of the command that was run",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        let codes: Vec<u8> = Status::ALL.iter().map(|status| status.code()).collect();
        assert_eq!(codes, [0, 1, 2, 10, 20, 130, 143]);
    }
}
