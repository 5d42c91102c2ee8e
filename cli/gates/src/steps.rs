//! Commands of which only the exit code counts: what `build` and `lint` have in common.

use std::sync::Arc;

use loki_engine::tool::Judgement;
use tokio::sync::Mutex;

use crate::account::{Account, Run, Said};
use crate::bench::{Bench, Commands, Session, if_unreachable, not_applicable};
use crate::project::{Part, Project, Step};

/// What a gate runs.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// The gate.
    pub(crate) gate: &'static str,
    /// What is said where there is nothing to run.
    pub(crate) nothing: &'static str,
    /// Seconds that one command may take.
    pub(crate) seconds_max: u64,
    /// The user's own command.
    pub(crate) own: fn(&Commands) -> Option<&str>,
    /// The commands of a part.
    pub(crate) of: fn(&Part) -> &[Step],
}

/// Judges by the exit codes of commands.
pub(crate) async fn judge(bench: &Arc<Mutex<Bench>>, steps: Steps) -> Judgement {
    let mut bench = bench.lock().await;
    let own = own(&bench.commands, steps.own);
    let project = match bench.look().await {
        Ok(project) => project,
        Err(judgement) => return judgement,
    };
    if own.is_none() && !anything(&project, steps) {
        return not_applicable(steps.nothing);
    }
    let session = match bench.enter(steps.gate).await {
        Ok(session) => session,
        Err(judgement) => return judgement,
    };
    if own.is_none() && !anything(&session.project, steps) {
        return not_applicable(steps.nothing);
    }
    let mut account = Account::new(steps.gate);
    match own {
        Some(step) => run_own(session, steps, &step, &mut account).await,
        None => run_parts(session, steps, &mut account).await,
    }
    let judgement = account.judgement(session.tree());
    bench.leave(judgement).await
}

/// The user's own command as a step, where there is one.
pub(crate) fn own(commands: &Commands, which: fn(&Commands) -> Option<&str>) -> Option<Step> {
    which(commands).map(str::trim).filter(|line| !line.is_empty()).map(Step::shell)
}

fn anything(project: &Project, steps: Steps) -> bool {
    project.parts.iter().any(|part| !(steps.of)(part).is_empty())
}

async fn run_own(session: &mut Session, steps: Steps, step: &Step, account: &mut Account) {
    if let Some(failed) = session.install_all().await {
        return account.not_installed(&failed);
    }
    let run = session.run("project", "", step, steps.seconds_max).await;
    tell(account, &if_unreachable(run));
}

async fn run_parts(session: &mut Session, steps: Steps, account: &mut Account) {
    for (at, part) in session.project.parts.clone().iter().enumerate() {
        if (steps.of)(part).is_empty() {
            continue;
        }
        if let Some(failed) = session.install(at).await {
            account.not_installed(&failed);
            continue;
        }
        for step in (steps.of)(part) {
            let run = session.run(&part.name(), &part.folder, step, steps.seconds_max).await;
            tell(account, &if_unreachable(run));
        }
    }
}

fn tell(account: &mut Account, run: &Run) {
    match &run.said {
        Said::Ended(0) => account.passed(run, format!("{} succeeded", run.title())),
        Said::Ended(code) => {
            account.failed(run, format!("{} failed with exit code {code}", run.title()), Vec::new());
        }
        Said::WentOn => account.unclear(run, format!("{} did not end", run.title())),
        Said::Unable(why) => account.unclear(run, format!("{}: {why}", run.title())),
    }
}
