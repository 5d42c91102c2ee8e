//! Whether the project's own tests pass, by a runner's real count of them.
//!
//! Green is decided by [`crate::runner::Reading::colour`] alone. An exit code of 0 without a count, or with
//! a count of no passing test, is inconclusive: it is no failure of the project that can be named, and it is
//! no pass. Every part that has tests must be green; one that has none is a concern.

use std::sync::Arc;

use async_trait::async_trait;
use loki_engine::tool::{Case, Gate, Judgement};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::account::{Account, Run, Said};
use crate::bench::{Bench, Session, if_unreachable, inconclusive};
use crate::project::{Part, Project, Tests};
use crate::runner::{Colour, Count, Reading, Reports, Runner, found_reports, read, remove_reports};
use crate::steps::own;

/// Its name.
pub(crate) const ID: &str = "tests";

/// Seconds that the tests of a part may take.
const SECONDS_MAX: u64 = 1_800;

const NONE: &str = "no tests were found: nothing is called done untested";

/// Passes where tests were run and all of them passed.
pub(crate) struct Suite(pub(crate) Arc<Mutex<Bench>>);

/// Tests to be run.
struct Target {
    /// The part whose dependencies are needed; none: those of every part.
    part: Option<usize>,
    name: String,
    folder: String,
    tests: Tests,
}

#[async_trait]
impl Gate for Suite {
    fn id(&self) -> &str {
        ID
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        let mut bench = self.0.lock().await;
        let own = own(&bench.commands, |commands| commands.test.as_deref());
        let own =
            own.map(|step| Tests { step, runners: Runner::ALL.to_vec(), reports: Reports::None, idle: None });
        let project = match bench.look().await {
            Ok(project) => project,
            Err(judgement) => return judgement,
        };
        if targets(&project, own.clone()).is_empty() {
            return inconclusive(NONE);
        }
        let session = match bench.enter(ID).await {
            Ok(session) => session,
            Err(judgement) => return judgement,
        };
        let targets = targets(&session.project, own);
        if targets.is_empty() {
            return inconclusive(NONE);
        }
        let mut account = Account::new(ID);
        account.concerns = concerns(&session.project, &targets);
        for target in &targets {
            run(session, target, &mut account).await;
        }
        let judgement = account.judgement(session.tree());
        bench.leave(judgement).await
    }
}

fn targets(project: &Project, own: Option<Tests>) -> Vec<Target> {
    if let Some(tests) = own {
        return vec![Target { part: None, name: "project".to_owned(), folder: String::new(), tests }];
    }
    let target = |(at, part): (usize, &Part)| {
        let tests = part.test.clone()?;
        Some(Target { part: Some(at), name: part.name(), folder: part.folder.clone(), tests })
    };
    project.parts.iter().enumerate().filter_map(target).collect()
}

fn concerns(project: &Project, targets: &[Target]) -> Vec<String> {
    if targets.iter().any(|target| target.part.is_none()) {
        return Vec::new(); // The user's own command is what is to be judged.
    }
    let untested = project.parts.iter().filter(|part| part.test.is_none());
    let mut concerns: Vec<String> = untested.map(|part| format!("{} has no tests", part.name())).collect();
    if !project.left_out.is_empty() {
        let (number, first) = (project.left_out.len(), project.left_out.join(", "));
        concerns.push(format!("{number} more parts are not judged: {first}").chars().take(300).collect());
    }
    concerns
}

async fn run(session: &mut Session, target: &Target, account: &mut Account) {
    let failed = match target.part {
        Some(part) => session.install(part).await,
        None => session.install_all().await,
    };
    if let Some(failed) = failed {
        return account.not_installed(&failed);
    }
    let (path, reports) = (session.path().join(&target.folder), target.tests.reports);
    let before = path.clone();
    // A report that comes with the sources says nothing about this run.
    let removed = spawn_blocking(move || remove_reports(&before, reports)).await;
    let run = session.run(&target.name, &target.folder, &target.tests.step, SECONDS_MAX).await;
    if !matches!(removed, Ok(Ok(()))) {
        return account
            .unclear(&run, format!("{}: reports of earlier runs could not be removed", run.title()));
    }
    let reports = spawn_blocking(move || found_reports(&path, reports)).await.unwrap_or_default();
    let reading = read(&run.stdout, &run.stderr, &target.tests.runners).with_reports(reports);
    let run = if reading == Reading::default() { if_unreachable(run) } else { run };
    tell(account, &run, &reading, target.tests.idle);
}

fn tell(account: &mut Account, run: &Run, reading: &Reading, idle: Option<&'static str>) {
    let code = match &run.said {
        Said::Ended(code) => *code,
        Said::WentOn => return account.unclear(run, format!("{} did not end", run.title())),
        Said::Unable(why) => return account.unclear(run, format!("{}: {why}", run.title())),
    };
    let total = reading.total();
    account.count(&total);
    let title = run.title();
    match (reading.colour(code), idle) {
        (Colour::Red, _) => {
            account.failed(run, format!("{title} {}", failure(code, &total)), total.failing.clone())
        }
        (Colour::Green, None) => account.passed(run, format!("{title}: {} passed", total.passed)),
        (Colour::Green, Some(why)) | (Colour::Unclear(why), _) => {
            account.unclear(run, format!("{title} ended with 0, but {why}"));
        }
    }
}

fn failure(code: i32, total: &Count) -> String {
    match total.failed {
        0 => format!("failed with exit code {code}"),
        failed => format!("failed: {failed} failed, {} passed", total.passed),
    }
}
