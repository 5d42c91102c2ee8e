//! Processes that go on between calls: a few, each by its name, and none longer than the tools.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loki_engine::tool::ToolError;
use loki_sandbox::{CallError, Outcome, Process};

use super::output;

/// Processes that may go on at once.
pub(super) const RUNNING_MAX: usize = 8;
/// Processes that are remembered, with those that have ended.
const KNOWN_MAX: usize = 32;
/// Characters of a name.
const NAME_CHARACTERS_MAX: usize = 32;

/// The processes that a run's tools have started. A clone is the same set; dropping the last one ends them.
#[derive(Clone, Default)]
pub struct Processes {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    begun: u64,
    /// Names of processes that are about to begin.
    reserved: Vec<String>,
    known: BTreeMap<String, Arc<Running>>,
}

/// A process that was started.
pub(super) struct Running {
    pub(super) process: Process,
    /// Seconds after which it is ended.
    pub(super) seconds_max: u64,
    /// The how manieth it is.
    number: u64,
    /// Bytes of its output that have been told.
    told: AtomicU64,
    /// How it ended, once that is known.
    outcome: Mutex<Option<Outcome>>,
}

/// A name that nobody else can take while its process begins.
pub(super) struct Reserved {
    shared: Arc<Mutex<Shared>>,
    pub(super) name: String,
    number: u64,
}

impl Processes {
    /// Ends every process and waits until nothing of them is left; returns how many went on until then.
    ///
    /// For the end of a phase in which a model acts: what judges its work must not meet them.
    pub async fn end_all(&self) -> usize {
        let known = std::mem::take(&mut lock(&self.shared).known);
        let going_on: Vec<_> = known.into_values().filter(|running| running.goes_on()).collect();
        let count = going_on.len();
        for running in going_on {
            // An error is an end as well: nothing holds it any more.
            let _ended = running.process.kill().await;
        }
        count
    }

    /// Takes a place and a name: the one that is asked for, or the next.
    pub(super) fn reserve(&self, name: Option<&str>) -> Result<Reserved, ToolError> {
        let mut shared = lock(&self.shared);
        let running = shared.known.values().filter(|running| running.goes_on()).count();
        if running + shared.reserved.len() >= RUNNING_MAX {
            let message = format!("{RUNNING_MAX} processes go on already");
            return Err(ToolError::new("too_many", message, Some("end one with `kill_process`")));
        }
        shared.begun += 1;
        let number = shared.begun;
        let name = match name {
            Some(name) => checked(name)?.to_owned(),
            None => {
                (number..).map(|n| format!("p{n}")).find(|name| !shared.is_taken(name)).unwrap_or_default()
            }
        };
        if shared.is_taken(&name) {
            let message = format!("a process `{name}` goes on already");
            return Err(ToolError::new(
                "taken",
                message,
                Some("end it with `kill_process`, or take another name"),
            ));
        }
        shared.reserved.push(name.clone());
        Ok(Reserved { shared: Arc::clone(&self.shared), name, number })
    }

    /// The process of a name.
    pub(super) fn get(&self, name: &str) -> Result<Arc<Running>, ToolError> {
        let shared = lock(&self.shared);
        shared.known.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = shared.known.keys().map(String::as_str).collect();
            let known = match names.is_empty() {
                true => "none is there; processes end with the phase and when loki is restarted".to_owned(),
                false => format!("there are {}", names.join(", ")),
            };
            let name = super::command_shown(name);
            ToolError::new(
                "no_process",
                format!("there is no process `{name}`: {known}"),
                Some("start it again"),
            )
        })
    }
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(lock(&self.shared).known.keys()).finish()
    }
}

impl Reserved {
    /// Puts the process in the place that was taken for it.
    pub(super) fn fill(self, process: Process, seconds_max: u64) -> Arc<Running> {
        let running = Arc::new(Running {
            process,
            seconds_max,
            number: self.number,
            told: AtomicU64::new(0),
            outcome: Mutex::new(None),
        });
        let mut shared = lock(&self.shared);
        shared.known.insert(self.name.clone(), Arc::clone(&running));
        while shared.known.len() > KNOWN_MAX {
            let ended = shared.known.iter().filter(|(_, running)| !running.goes_on());
            let Some(oldest) = ended.min_by_key(|(_, running)| running.number) else { break };
            let oldest = oldest.0.clone();
            shared.known.remove(&oldest);
        }
        drop(shared);
        running
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let name = &self.name;
        lock(&self.shared).reserved.retain(|reserved| reserved != name);
    }
}

impl Shared {
    /// Whether a name belongs to a process that goes on or begins; that of one that has ended is free again.
    fn is_taken(&self, name: &str) -> bool {
        self.reserved.iter().any(|reserved| reserved == name)
            || self.known.get(name).is_some_and(|running| running.goes_on())
    }
}

impl Running {
    /// False once its end is known here.
    fn goes_on(&self) -> bool {
        self.outcome().is_none()
    }

    fn outcome(&self) -> MutexGuard<'_, Option<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its end, for so long; none where it goes on.
    pub(super) async fn ended(&self, within: std::time::Duration) -> Result<Option<Outcome>, CallError> {
        let outcome = self.process.wait(within).await?;
        if let Some(outcome) = &outcome {
            *self.outcome() = Some(outcome.clone());
        }
        Ok(outcome)
    }

    /// Ends it.
    pub(super) async fn kill(&self) -> Result<Outcome, CallError> {
        let outcome = self.process.kill().await?;
        *self.outcome() = Some(outcome.clone());
        Ok(outcome)
    }

    /// What it has printed since that was last asked.
    pub(super) fn news(&self) -> String {
        let printed = self.process.printed().both;
        let from = self.told.swap(printed.bytes(), Ordering::Relaxed);
        output::shown_since(&printed, from)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn checked(name: &str) -> Result<&str, ToolError> {
    let fits = !name.is_empty()
        && name.len() <= NAME_CHARACTERS_MAX
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    let message = format!("`name` must be 1 to {NAME_CHARACTERS_MAX} letters, digits, `-` or `_`");
    if fits { Ok(name) } else { Err(ToolError::new("bad_input", message, Some("such as `web`"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_few() {
        let processes = Processes::default();
        let code = |name| processes.reserve(name).map_or_else(|error| error.code, |_| "ok".to_owned());
        let long = "n".repeat(33);
        for name in ["", "a b", "../x", "x\n", &long] {
            assert_eq!(code(Some(name)), "bad_input", "{name}");
        }
        let web = processes.reserve(Some("web")).unwrap();
        assert_eq!(code(Some("web")), "taken");
        let mut held: Vec<_> = (1..RUNNING_MAX).map(|_| processes.reserve(None).unwrap()).collect();
        assert_eq!(code(None), "too_many");
        held.clear();
        assert_eq!(code(Some("web")), "taken");
        drop(web);
        assert_eq!(code(Some("web")), "ok");
        assert_eq!(processes.get("web").err().unwrap().code, "no_process");
    }
}
