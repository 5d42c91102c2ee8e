//! What a call came to, for people and for scripts.

use loki_sandbox::policy::{Access, Advice, Denied, Places, Policy};
use loki_sandbox::{Account, Denial, DenialKind, End, Ended, Limit};
use serde_json::json;

use super::run::Captured;
use crate::error::CommandError;
use crate::ui::{Ui, printable};

/// Says what there is to say. A command that was denied nothing and ended by itself needs no word.
pub(super) fn report(
    ui: &mut Ui,
    program: &str,
    policy: &Policy,
    places: &Places,
    ended: &Ended,
    captured: Option<Captured>,
) -> Result<(), CommandError> {
    let outcome = &ended.outcome;
    let refusals = refusals(policy, places, ended);
    if let Some(captured) = captured {
        let refusals: Vec<_> = refusals
            .iter()
            .map(|(what, advice)| json!({"what": what, "words": advice.words, "rule": advice.rule}))
            .collect();
        return Ok(ui.result_json(&json!({
            "end": outcome.end,
            "level": outcome.level,
            "usage": outcome.usage,
            "denials": outcome.denials,
            "advice": refusals,
            "requests": ended.egress.as_ref().map(|report| &report.requests),
            "policy": policy.digest(),
            "stdout": String::from_utf8_lossy(&captured.stdout),
            "stderr": String::from_utf8_lossy(&captured.stderr),
        }))?);
    }
    // A command that got along without it asked for what it did not need.
    let succeeded = outcome.end == End::Exited { code: 0 };
    for (what, advice) in &refusals {
        let lines = advice.rule.iter().flat_map(|rule| rule.lines());
        if succeeded {
            ui.detail(format_args!("{}", printable(what)))?;
            continue;
        }
        ui.warning(format_args!("{}", printable(what)))?;
        ui.status(format_args!("  {}", printable(&advice.words)))?;
        for line in lines {
            ui.status(format_args!("    {}", printable(line)))?;
        }
    }
    match &outcome.end {
        End::Stopped => ui.warning(format_args!("stopped; nothing of the command is left"))?,
        End::NotStarted { errno } => {
            let cause = std::io::Error::from_raw_os_error(*errno);
            let program = printable(program);
            ui.warning(format_args!("`{program}` could not be started: {cause}"))?;
            ui.status(format_args!("  `loki sandbox explain {program}` says whether the policy shows it."))?;
        }
        End::Exited { .. } | End::Signaled { .. } | End::Limit { .. } => {}
    }
    if outcome.usage.left_over > 0 {
        let count = outcome.usage.left_over;
        ui.status(format_args!("{count} of its processes outlived the command and were ended."))?;
    }
    let usage = &outcome.usage;
    ui.detail(format_args!(
        "level {}, {} ms, {} ms of processor time, {} KiB of memory, {} bytes written, {} tasks at most; {}",
        outcome.level.map_or("none", |level| level.name()),
        usage.wall_ms,
        usage.cpu_ms,
        usage.memory_bytes_peak / 1024,
        usage.written_bytes,
        usage.processes_peak,
        match usage.account {
            Account::Cgroup => "counted by the kernel",
            Account::Sampled => "sampled",
        },
    ))?;
    Ok(())
}

/// What was refused, in a few words, with what can be done about it.
fn refusals(policy: &Policy, places: &Places, ended: &Ended) -> Vec<(String, Advice)> {
    let advise = |what: String, denied: &Denied| (what, policy.advice(places, denied));
    let mut refusals: Vec<_> =
        ended.outcome.denials.iter().map(|denial| advise(words(denial), &denied(denial))).collect();
    if let End::Limit { limit } = ended.outcome.end {
        let name = limit.key();
        let value = stood_at(policy, limit);
        let what = format!("ended by its limit: {name} = {value}");
        refusals.push(advise(what, &Denied::Limit { name: name.to_owned(), value }));
    }
    refusals
}

fn words(denial: &Denial) -> String {
    let subject = &denial.subject;
    let times = if denial.count > 1 { format!(" ({} times)", denial.count) } else { String::new() };
    match denial.kind {
        DenialKind::Syscall => format!("denied: the system call {subject}{times}"),
        DenialKind::Socket => format!("denied: to connect to {subject}{times}"),
        DenialKind::Metadata => {
            format!("denied: to change the mode, owner, times or attributes of {subject}{times}")
        }
        DenialKind::Protected => format!("undone: {subject} appeared, where nothing may"),
        DenialKind::Host => format!("denied: to reach {subject}{times}"),
    }
}

fn denied(denial: &Denial) -> Denied {
    let subject = &denial.subject;
    match denial.kind {
        DenialKind::Syscall => Denied::Syscall { name: subject.clone() },
        DenialKind::Socket => Denied::UnixSocket { path: subject.into() },
        DenialKind::Metadata | DenialKind::Protected => {
            Denied::File { path: subject.into(), wanted: Access::Write }
        }
        DenialKind::Host => {
            let (host, port) = subject.rsplit_once(':').unwrap_or((subject, ""));
            Denied::Host { host: host.to_owned(), port: port.parse().unwrap_or(0) }
        }
    }
}

fn stood_at(policy: &Policy, limit: Limit) -> u64 {
    let limits = &policy.limits;
    match limit {
        Limit::Wall => limits.wall_seconds_max,
        Limit::Cpu => limits.cpu_seconds_max,
        Limit::Memory => limits.memory_bytes_max,
        Limit::Processes => limits.processes_max,
        Limit::Written => limits.written_bytes_max,
        Limit::Output => limits.output_bytes_max,
        Limit::Transfer => limits.transfer_bytes_max,
    }
}
