//! Runs one command confined: starts the helper, passes its output on, serves its way out, and tells what
//! came of it.

mod confined;
mod flow;
mod line;
mod ready;
mod unconfined;
mod way_out;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::AsyncRead;

use crate::audit::AuditError;
use crate::level::{Level, Mode, Support, TooWeak};
use crate::outcome::Outcome;
use crate::plan::Failure;
use crate::policy::{Places, Policy};
use crate::proxy::{self, ProxyError, Secrets, UpstreamProxy};
use crate::workshop::JobError;

pub(crate) use line::{Ask, Began, Extras, Family, Line};
pub use ready::Ready;

/// A command to be run.
pub struct Call {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// The folder it starts in, within the project.
    pub folder: PathBuf,
    /// What it may do.
    pub policy: Policy,
    /// Where the places that the policy names are.
    pub places: Places,
    /// Variables that loki was started with; the policy says which are passed on.
    pub variables: BTreeMap<String, String>,
    /// What it reads; nothing where there is none.
    pub stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Where the proxy's secrets come from.
    pub secrets: Arc<dyn Secrets>,
    /// The proxy that loki itself has to go through.
    pub upstream_proxy: Option<UpstreamProxy>,
    /// Certificate authorities to trust in place of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// What to do where the machine cannot confine as strongly as it should.
    pub mode: Mode,
    /// How strongly it should.
    pub least: Level,
    /// What the machine offers, as far as it is known without trying.
    pub support: Support,
    /// A helper that was started ahead; none where one is to be started for this call.
    pub ready: Option<Ready>,
}

/// Takes what a command prints, as it comes.
pub trait Output {
    /// Some bytes of one stream. An error ends the call.
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()>;
}

/// Where a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its results.
    Stdout,
    /// Everything else.
    Stderr,
}

/// Why a command did not run, or why its end is not known.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The machine cannot confine it.
    #[error("the command was not run, since it cannot be confined here")]
    TooWeak(#[from] TooWeak),
    /// Confining it failed.
    #[error("the command was not run, since confining it failed")]
    Confine(#[from] Failure),
    /// Something of ours failed.
    #[error("failed to {attempt}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The way out could not be made.
    #[error("failed to make the command's way out")]
    Proxy(#[from] ProxyError),
    /// The job asks for what no job gets.
    #[error("the command was not run, since it asks for what it cannot have")]
    Job(#[from] JobError),
    /// It could not be recorded.
    #[error("failed to record the command")]
    Record(#[from] AuditError),
    /// It was begun, and how it ended is not known.
    #[error("the command's end is not known")]
    Lost(#[source] Arc<CallError>),
}

/// What came of a call, and what went out of it.
#[derive(Debug)]
pub struct Ended {
    /// What came of it.
    pub outcome: Outcome,
    /// What went through the proxy; none where there was none.
    pub egress: Option<proxy::Report>,
}

fn doing(attempt: &'static str) -> impl FnOnce(io::Error) -> CallError {
    move |source| CallError::Io { attempt, source }
}

/// Runs a command under the strongest level there is, and returns once nothing of it is left.
///
/// `stop` ends it early. Dropping the future ends it as well: the helper sees its socket close.
pub async fn run(
    call: Call,
    output: &mut (impl Output + ?Sized),
    stop: impl Future<Output = ()>,
) -> Result<Ended, CallError> {
    carry_out(call, Extras::default(), output, stop).await
}

/// As [`run`], for a call that has more than every call has.
pub(crate) async fn carry_out(
    mut call: Call,
    mut extras: Extras,
    output: &mut (impl Output + ?Sized),
    stop: impl Future<Output = ()>,
) -> Result<Ended, CallError> {
    let mut stop = pin!(stop);
    let input = flow::feed(call.stdin.take()).map_err(doing("pass stdin on"))?;
    loop {
        let Some(level) = call.support.choose(call.mode, call.least)? else {
            return unconfined::run(call, extras, &input, output, stop.as_mut()).await;
        };
        match confined::run(&mut call, &mut extras, &input, level, output, stop.as_mut()).await {
            // Nothing of it ran: there may be another way.
            Err(CallError::Confine(failure)) if failure.unavailable && call.support.namespaces.is_none() => {
                call.support.namespaces = Some(failure.to_string());
            }
            ended => return ended,
        }
    }
}
