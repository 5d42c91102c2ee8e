//! Watches over a command until nothing of it is left: limits, referred system calls, the account.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::account::{self, Sample, Whose};
use super::cgroup::Cgroup;
use super::command::Word;
use super::connect::{Connected, Door, Pending};
use super::filters::{Referral, referral};
use super::{calls, listen, metadata};
use crate::channel::{self, Frames};
use crate::outcome::{Denial, DenialKind, End, Limit, Usage};
use crate::plan::{Failure, Message, Plan, Report, doing};
use crate::sys::{self, Answer, Question, Wait};

/// How often usage is looked at.
const TICK: Duration = Duration::from_millis(25);

/// Rounds of ending processes where others can appear meanwhile.
const ROUNDS_MAX: u32 = 100_000;

/// Different things that are recorded as denied at most.
const DENIALS_MAX: usize = 200;

/// Everything that is known of the call while it runs.
pub(super) struct Supervisor<'a> {
    plan: &'a Plan,
    whose: Whose,
    /// What counts and limits in the kernel, where there is one.
    cgroup: Option<&'a Cgroup>,
    command: Pid,
    began: Duration,
    usage: Usage,
    denials: BTreeMap<(DenialKind, String), u64>,
    written_before: u64,
    pending: Pending,
    /// Whether anybody is left who could refer a call.
    is_referring: bool,
}

/// What to wait for next.
enum Event {
    /// The caller asks to stop, or has gone.
    Stop,
    /// A system call is referred.
    Question,
    /// The command has ended.
    Ended,
    /// Time has passed.
    Tick,
    /// Nothing that changes anything.
    Nothing,
}

/// Watches over `command`, which was just forked, until it and all it started have ended.
pub(super) fn supervise(
    plan: &Plan,
    command: Pid,
    gate: &UnixStream,
    leash: BorrowedFd<'_>,
    cgroup: Option<&Cgroup>,
) -> Result<Report, Failure> {
    let whose = if plan.level.has_namespaces() {
        Whose::Namespace
    } else {
        Whose::Descendants(rustix::process::getpid().as_raw_nonzero().get().cast_unsigned())
    };
    let door = plan.door_seen().map(Door::open).transpose().map_err(doing("open the door to loki"))?;
    let mut supervisor = Supervisor {
        plan,
        whose,
        cgroup,
        command,
        began: sys::monotonic(),
        usage: Usage::default(),
        denials: BTreeMap::new(),
        written_before: account::written_by_self(),
        pending: Pending::new(door),
        is_referring: true,
    };
    let listener = match meet(gate)? {
        Ok(listener) => listener,
        Err(errno) => return Ok(supervisor.report(End::NotStarted { errno })),
    };
    if plan.announces {
        channel::send(leash, &Message::Began, None).map_err(doing("tell that it has begun"))?;
    }
    let mut gate_frames = Frames::default();
    let end = supervisor
        .watch(&listener, gate, &mut gate_frames, leash)
        .map_err(doing("watch over the command"))?;
    Ok(supervisor.report(end))
}

/// Takes the supervisor's end of the filters. The inner error: the program could not be started.
fn meet(gate: &UnixStream) -> Result<Result<OwnedFd, i32>, Failure> {
    let mut frames = Frames::default();
    match frames.wait::<Word>(gate).map_err(doing("hear from the command"))? {
        Some(Word::Filtered) => match frames.descriptor() {
            Some(listener) => Ok(Ok(listener)),
            None => Err(Failure::new("hear from the command", &"its descriptor is missing")),
        },
        Some(Word::Failed(failure)) => Err(failure),
        Some(Word::NotStarted { errno }) => Ok(Err(errno)),
        None => Err(Failure::new("confine the command", &"its process ended before it began")),
    }
}

impl Supervisor<'_> {
    fn watch(
        &mut self,
        listener: &OwnedFd,
        gate: &UnixStream,
        frames: &mut Frames,
        leash: BorrowedFd<'_>,
    ) -> io::Result<End> {
        let command = pidfd_open(self.command, PidfdFlags::empty())?;
        let mut next_tick = self.began + TICK;
        let mut end = None;
        while end.is_none() {
            let event = self.wait(listener, &command, gate, frames, leash, next_tick)?;
            end = match event {
                Event::Stop => Some(End::Stopped),
                Event::Ended | Event::Nothing => None,
                Event::Question => {
                    self.judge(listener.as_fd())?;
                    None
                }
                Event::Tick => {
                    let reached = self.over_limit();
                    // From here: a look that takes longer than a tick must leave time for questions.
                    next_tick = sys::monotonic() + TICK;
                    reached.map(|limit| End::Limit { limit })
                }
            };
            if matches!(event, Event::Ended | Event::Tick) {
                end = self.reap()?.or(end);
            }
        }
        told(gate, frames, end.unwrap_or(End::Stopped))
    }

    /// Takes note of all processes that ended. The command's own end is the call's.
    fn reap(&mut self) -> io::Result<Option<End>> {
        let mut end = None;
        while let Some(reaped) = sys::reap(Wait::Poll)? {
            self.usage.memory_bytes_peak = self.usage.memory_bytes_peak.max(reaped.memory_bytes_peak);
            if reaped.pid == self.command {
                end = Some(end_of(reaped.status));
            }
        }
        Ok(end)
    }

    /// Looks at what is used up, and says which limit is reached, if one is.
    fn over_limit(&mut self) -> Option<Limit> {
        let limits = &self.plan.limits;
        let sample = account::sample(self.whose);
        self.note(sample);
        let counted = self.cgroup.and_then(Cgroup::cpu);
        let cpu = counted.unwrap_or_else(|| sample.cpu + sys::children_cpu());
        let wall = sys::monotonic() - self.began;
        let reached = [
            (wall >= Duration::from_secs(limits.wall_seconds_max), Limit::Wall),
            (cpu >= Duration::from_secs(limits.cpu_seconds_max), Limit::Cpu),
            // A sample counts pages twice that a fork left with both: the kernel, where it counts, does not.
            (self.cgroup.is_none() && sample.memory_bytes > limits.memory_bytes_max, Limit::Memory),
            (sample.tasks >= limits.processes_max, Limit::Processes),
            (self.usage.written_bytes > limits.written_bytes_max, Limit::Written),
        ];
        reached.into_iter().find(|(reached, _)| *reached).map(|(_, limit)| limit)
    }

    fn note(&mut self, sample: Sample) {
        let usage = &mut self.usage;
        usage.memory_bytes_peak = usage.memory_bytes_peak.max(sample.memory_bytes);
        usage.processes_peak = usage.processes_peak.max(sample.tasks);
        let by_the_dead = account::written_by_self().saturating_sub(self.written_before);
        usage.written_bytes = usage.written_bytes.max(sample.written_bytes + by_the_dead);
    }

    /// Waits for what comes next. Time comes before anything a command can do often.
    fn wait(
        &mut self,
        listener: &OwnedFd,
        command: &OwnedFd,
        gate: &UnixStream,
        frames: &mut Frames,
        leash: BorrowedFd<'_>,
        until: Duration,
    ) -> io::Result<Event> {
        let left = until.saturating_sub(sys::monotonic());
        let timeout =
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        let mut watched = vec![
            PollFd::from_borrowed_fd(leash, PollFlags::IN),
            // The listener reports a hangup from a dying process long before that has ended.
            PollFd::new(if self.is_referring { listener } else { command }, PollFlags::IN),
            PollFd::new(command, PollFlags::IN),
        ];
        watched.extend((!frames.closed).then(|| PollFd::new(gate, PollFlags::IN)));
        let first_pending = watched.len();
        watched.extend(self.pending.watched());
        match poll(&mut watched, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(Event::Tick),
            other => other?,
        };
        let ready: Vec<PollFlags> = watched.iter().map(PollFd::revents).collect();
        if !frames.closed && !ready[3].is_empty() {
            frames.receive(gate)?;
        }
        let hung_up = ready[1].contains(PollFlags::HUP) && !ready[1].contains(PollFlags::IN);
        self.is_referring &= !hung_up;
        self.pending.finish(listener.as_fd(), &ready[first_pending..])?;
        Ok(if !ready[0].is_empty() {
            Event::Stop
        } else if sys::monotonic() >= until {
            Event::Tick
        } else if self.is_referring && ready[1].contains(PollFlags::IN) {
            Event::Question
        } else if !ready[2].is_empty() {
            Event::Ended
        } else {
            Event::Nothing
        })
    }

    /// Answers one referred system call.
    fn judge(&mut self, listener: BorrowedFd<'_>) -> io::Result<()> {
        let Some(question) = sys::next_question(listener)? else { return Ok(()) };
        let given = match referral(question.number, self.plan.level.has_namespaces()) {
            Referral::Refuse(errno) => {
                self.deny(DenialKind::Syscall, calls::name(question.number).to_owned());
                Answer::Fails(errno)
            }
            Referral::Connect => match self.pending.connect(listener, &question, self.whose, self.plan) {
                Connected::Now(answer) => answer,
                Connected::Later => return Ok(()),
                Connected::Denied(place) => {
                    self.deny(DenialKind::Socket, place);
                    Answer::Fails(libc::EACCES)
                }
            },
            Referral::Metadata => match metadata::change(listener, &question, self.plan) {
                Ok(answer) => answer,
                Err(path) => {
                    self.deny(DenialKind::Metadata, path);
                    Answer::Fails(libc::EPERM)
                }
            },
            Referral::Fork => self.fork(&question),
            Referral::Bind => listen::bind(listener, &question, self.plan.listens),
            Referral::Listen => listen::listen(listener, &question, self.plan.listens),
        };
        sys::answer(listener, question.id, given)
    }

    /// A new process or thread, at the level where the kernel may count none for us.
    fn fork(&mut self, question: &Question) -> Answer {
        const NAMESPACES: u64 = 0x7e02_0000;
        if question.number == libc::SYS_clone && question.arguments[0] & NAMESPACES != 0 {
            self.deny(DenialKind::Syscall, "clone".to_owned());
            return Answer::Fails(libc::EPERM);
        }
        if self.cgroup.is_some() {
            return Answer::Continue;
        }
        let tasks = account::sample(self.whose).tasks;
        self.usage.processes_peak = self.usage.processes_peak.max(tasks);
        if tasks >= self.plan.limits.processes_max { Answer::Fails(libc::EAGAIN) } else { Answer::Continue }
    }

    fn deny(&mut self, kind: DenialKind, subject: String) {
        if self.denials.len() < DENIALS_MAX || self.denials.contains_key(&(kind, subject.clone())) {
            *self.denials.entry((kind, subject)).or_default() += 1;
        }
    }

    /// Ends whatever is left and draws up the account.
    fn report(mut self, end: End) -> Report {
        if sys::has_children() {
            let left = account::sample(self.whose);
            self.note(left);
            self.usage.left_over = if matches!(end, End::Exited { .. }) { left.processes } else { 0 };
        }
        self.end_all();
        let by_all = account::written_by_self().saturating_sub(self.written_before);
        self.usage.written_bytes = self.usage.written_bytes.max(by_all);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.usage.wall_ms = millis(sys::monotonic() - self.began);
        self.usage.cpu_ms = millis(sys::children_cpu());
        let end = match end {
            End::Signaled { signal } if signal == libc::SIGXCPU => End::Limit { limit: Limit::Cpu },
            End::Signaled { signal } if signal == libc::SIGXFSZ => End::Limit { limit: Limit::Written },
            // The same, said by a shell around it.
            End::Exited { code } if code == 128 + libc::SIGXFSZ && self.wrote_a_whole_file() => {
                End::Limit { limit: Limit::Written }
            }
            other => other,
        };
        let end = self.cgroup.map_or(end.clone(), |cgroup| {
            cgroup.account(&mut self.usage);
            cgroup.refusals().explain(end)
        });
        let denial = |((kind, subject), count)| Denial { kind, subject, count };
        Report { end, usage: self.usage, denials: self.denials.into_iter().map(denial).collect() }
    }

    fn wrote_a_whole_file(&self) -> bool {
        self.usage.written_bytes >= self.plan.limits.file_bytes_max
    }

    /// Ends everything that the command started and waits until it is gone.
    fn end_all(&mut self) {
        let namespaced = self.plan.level.has_namespaces();
        for _ in 0..ROUNDS_MAX {
            if let Some(cgroup) = self.cgroup {
                cgroup.kill();
            }
            if namespaced {
                sys::kill_all();
            } else if let Whose::Descendants(root) = self.whose {
                for id in account::descendant_ids(root) {
                    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
                    // It may be gone by now, which is what is wanted.
                    let _gone = pid.map(|pid| kill_process(pid, Signal::KILL));
                }
            }
            let mut wait = Wait::Block;
            loop {
                match sys::reap(wait) {
                    Ok(Some(reaped)) => {
                        let peak = &mut self.usage.memory_bytes_peak;
                        *peak = (*peak).max(reaped.memory_bytes_peak);
                        wait = Wait::Poll;
                    }
                    // No child is left, and as the reaper of orphans it has no other descendants.
                    Ok(None) if wait == Wait::Block => return,
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
        }
    }
}

/// How a command ended, with what it said of itself before it was the command: nothing, where it came to be.
fn told(gate: &UnixStream, frames: &mut Frames, end: End) -> io::Result<End> {
    let word = match end {
        // Its end may be seen before its word is. Both are there: nobody else has the gate's other end.
        End::Exited { .. } | End::Signaled { .. } => frames.wait::<Word>(gate)?,
        End::Limit { .. } | End::Stopped | End::NotStarted { .. } => frames.next::<Word>()?,
    };
    Ok(match word {
        Some(Word::NotStarted { errno }) => End::NotStarted { errno },
        Some(Word::Filtered | Word::Failed(_)) | None => end,
    })
}

fn end_of(status: i32) -> End {
    if libc::WIFSIGNALED(status) {
        End::Signaled { signal: libc::WTERMSIG(status) }
    } else {
        End::Exited { code: libc::WEXITSTATUS(status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_could_not_be_started_is_told_from_one_that_failed() {
        let failed = End::Exited { code: 1 };
        for (word, expected) in
            [(Some(Word::NotStarted { errno: 2 }), End::NotStarted { errno: 2 }), (None, failed.clone())]
        {
            let (gate, theirs) = UnixStream::pair().unwrap();
            word.iter().for_each(|word| channel::send(&theirs, word, None).unwrap());
            drop(theirs);
            // Its word is still in the socket when its end is known.
            assert_eq!(told(&gate, &mut Frames::default(), failed.clone()).unwrap(), expected);
        }
    }

    #[test]
    fn one_that_was_stopped_before_it_began_is_not_waited_for() {
        let (gate, _theirs) = UnixStream::pair().unwrap();
        assert_eq!(told(&gate, &mut Frames::default(), End::Stopped).unwrap(), End::Stopped);
    }
}
