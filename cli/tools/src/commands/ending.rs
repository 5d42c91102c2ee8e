//! How a command ended, in words for a model: what was denied, by which rule, and which limit was reached.
//! Pure.

use loki_sandbox::policy::{Access, Bound, Denied, Places, Policy};
use loki_sandbox::{Denial, DenialKind, End, Limit, Outcome};

/// Denials that are told.
const DENIALS_SHOWN_MAX: usize = 8;

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// A stable code; none where it succeeded.
    pub(super) failure: Option<&'static str>,
    /// One line.
    pub(super) line: String,
    /// What else there is to know.
    pub(super) notes: Vec<String>,
}

/// Puts an outcome into words. `seconds_max` is what the call itself allowed.
pub(super) fn ending(policy: &Policy, places: &Places, outcome: &Outcome, seconds_max: u64) -> Ending {
    let after = format!("after {}", seconds(outcome.usage.wall_ms));
    let (failure, line) = match &outcome.end {
        End::Exited { code: 0 } => (None, format!("exit code 0 {after}")),
        End::Exited { code } => (Some("exit_code"), format!("exit code {code} {after}")),
        End::Signaled { signal } => (Some("signal"), format!("ended by signal {} {after}", named(*signal))),
        End::Limit { limit } => (Some("limit"), format!("ended by its limit `{}` {after}", limit.key())),
        End::Stopped => (Some("stopped"), format!("ended {after}, because that was asked for")),
        End::NotStarted { errno } => {
            let cause = std::io::Error::from_raw_os_error(*errno);
            (Some("not_started"), format!("the shell could not be started: {cause}"))
        }
    };
    let mut notes = Vec::new();
    // A command that got along without it asked for what it did not need.
    if failure.is_some() {
        notes.extend(
            outcome.denials.iter().take(DENIALS_SHOWN_MAX).map(|denial| told(policy, places, denial)),
        );
        let more = outcome.denials.len().saturating_sub(DENIALS_SHOWN_MAX);
        if more > 0 {
            notes.push(format!("{more} more things were denied"));
        }
    }
    if let End::Limit { limit } = outcome.end {
        notes.push(reached(policy, places, limit, seconds_max));
    }
    if outcome.usage.left_over > 0 {
        notes.push(format!(
            "{} processes outlived the command and were ended; what is to go on is begun with `start_process`",
            outcome.usage.left_over
        ));
    }
    Ending { failure, line, notes }
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

fn told(policy: &Policy, places: &Places, denial: &Denial) -> String {
    let subject = crate::files::shown(denial.subject.as_bytes());
    let times = if denial.count > 1 { format!(" ({} times)", denial.count) } else { String::new() };
    let what = match denial.kind {
        DenialKind::Syscall => format!("the system call {subject}"),
        DenialKind::Socket => format!("to connect to {subject}"),
        DenialKind::Metadata => format!("to change mode, owner, times or attributes of {subject}"),
        DenialKind::Protected => format!("{subject}, which was made and taken away again"),
        DenialKind::Host => format!("to reach {subject}"),
    };
    let denied = match denial.kind {
        DenialKind::Syscall => Denied::Syscall { name: denial.subject.clone() },
        DenialKind::Socket => Denied::UnixSocket { path: denial.subject.clone().into() },
        DenialKind::Metadata | DenialKind::Protected => {
            Denied::File { path: denial.subject.clone().into(), wanted: Access::Write }
        }
        DenialKind::Host => {
            let (host, port) = denial.subject.rsplit_once(':').unwrap_or((&denial.subject, ""));
            let (host, port) = (host.to_owned(), port.parse().unwrap_or(0));
            match policy.host(&host, port) {
                // The name is allowed; where it led is not.
                Some(rule) if !rule.private => Denied::PrivateAddress { host, port },
                _ => Denied::Host { host, port },
            }
        }
    };
    format!("denied: {what}{times}. {}", advised(policy, places, &denied))
}

/// Advice, with who can follow it.
fn advised(policy: &Policy, places: &Places, denied: &Denied) -> String {
    let advice = policy.advice(places, denied);
    match advice.rule {
        Some(rule) => format!(
            "{}\nOnly the user can change the policy, never you; the rule would be:\n{}",
            advice.words,
            rule.trim_end()
        ),
        None => advice.words,
    }
}

fn reached(policy: &Policy, places: &Places, limit: Limit, seconds_max: u64) -> String {
    let key = limit.key();
    let value = Bound::named(key).map_or(0, |bound| bound.of(&policy.limits));
    if limit == Limit::Wall && seconds_max < value {
        return format!(
            "it had {seconds_max} seconds; `seconds_max` may be up to {value}, and `start_process` is for what goes on"
        );
    }
    advised(policy, places, &Denied::Limit { name: key.to_owned(), value })
}

/// A signal by number and, where it is a usual one, by name.
fn named(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return signal.to_string(),
    };
    format!("{signal} ({name})")
}
