//! A control group for one call, where we own a place for it: the kernel counts and limits its memory,
//! processes and processor time, all its processes together.
//!
//! Only what is confined is in it. The supervisor stays outside, so that it lives to tell what happened.
//!
//! A group is made below our own and nowhere else: one beside it would get around the limits that somebody
//! set for ours. The kernel lets a group pass `memory` on to its children only while no process is in
//! it itself, the root group apart. So there are two ways:
//!
//! - The kernel allows it as things are: our group is the root group, or we were put into the leaf of
//!   the second way before.
//! - Every process in our group is this program: all of them move into a leaf [`LEAF`] below it. They stay
//!   there, since moving back would take the limits away from other calls. Where anybody else is in it,
//!   nobody is moved and there is no group.
//!
//! Having none is no error: [`super::account`] samples, and the supervisor enforces.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{
    AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, flock, fstatfs, mkdirat, openat, unlinkat,
};
use rustix::io::Errno;

use crate::outcome::{Account, End, Limit, Usage};
use crate::policy::Limits;
use crate::sys::{self, Fork};

/// The group that this program itself moves into.
const LEAF: &str = "loki-own";

/// What a call's group is named with, before its helper's process id and that one's start.
const PREFIX: &str = "loki-";

/// The controllers that limit.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// Groups of earlier calls that one call looks at.
const LEFT_BEHIND_MAX: usize = 1_000;

/// Waits for a group to be empty, each a tenth of a second at most: its processes are dead by then.
const WAITS_MAX: u32 = 50;

/// `CGROUP2_SUPER_MAGIC` of the kernel's `magic.h`.
const CGROUP2: u64 = 0x6367_7270;

/// A call's group. Its descriptors work wherever the process goes afterwards.
pub(super) struct Cgroup {
    parent: OwnedFd,
    name: String,
    folder: OwnedFd,
}

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCgroup {
    #[error("no cgroup v2 hierarchy with our group is mounted")]
    NoHierarchy,
    #[error("our group has no controller {}", .0.join(", "))]
    NoControllers(Vec<&'static str>),
    #[error("others share our group `{}`", .0.display())]
    Shared(PathBuf),
    #[error("failed to {attempt}: {cause}")]
    System { attempt: &'static str, cause: Errno },
}

impl Cgroup {
    /// Makes a group and starts a process in it, to see whether that can be done.
    pub(super) fn probe() -> Result<(), NoCgroup> {
        let made = Cgroup::create()?;
        let started = match sys::fork_into(made.folder.as_fd()) {
            Ok(Fork::Child) => sys::exit_now(0),
            Ok(Fork::Parent(process)) => sys::wait_for(process),
            Err(error) => Err(error),
        };
        made.remove();
        started.map_err(|error| {
            doing("start a process in a group")(Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })
    }

    /// Makes a group, after taking away those that earlier calls left behind.
    pub(super) fn create() -> Result<Cgroup, NoCgroup> {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let place = own_group(&mounts, &own).ok_or(NoCgroup::NoHierarchy)?;
        let place = parent_of_calls(&place);
        let parent = openat(CWD, place, FOLDER, Mode::empty()).map_err(doing("open our group"))?;
        if fstatfs(&parent).is_ok_and(|found| u64::try_from(found.f_type).ok() != Some(CGROUP2)) {
            return Err(NoCgroup::NoHierarchy); // Something else is mounted over it.
        }
        let controllers = read_at(&parent, "cgroup.controllers").map_err(doing("read our controllers"))?;
        match missing(&controllers) {
            none if none.is_empty() => {}
            some => return Err(NoCgroup::NoControllers(some)),
        }
        pass_controllers_on(&parent, place)?;
        remove_left_behind(&parent);
        Cgroup::below(parent).map_err(doing("make a group"))
    }

    fn below(parent: OwnedFd) -> Result<Cgroup, Errno> {
        let id = std::process::id();
        let name = format!("{PREFIX}{id}-{}", started(id).unwrap_or(0));
        mkdirat(&parent, &name, Mode::from_raw_mode(0o755))?;
        let open = || {
            let folder = openat(&parent, &name, FOLDER, Mode::empty())?;
            flock(&folder, FlockOperation::LockExclusive)?; // As long as this process or a copy of it lives.
            Ok(folder)
        };
        match open() {
            Ok(folder) => Ok(Cgroup { parent, name, folder }),
            Err(error) => unlinkat(&parent, &name, AtFlags::REMOVEDIR).and(Err(error)),
        }
    }

    /// Forks into the group, under these limits.
    pub(super) fn fork(&self, limits: &Limits) -> io::Result<Fork> {
        self.limit(limits)?;
        sys::fork_into(self.folder.as_fd())
    }

    fn limit(&self, limits: &Limits) -> Result<(), Errno> {
        write_at(&self.folder, "memory.max", &limits.memory_bytes_max.to_string())?;
        write_at(&self.folder, "pids.max", &limits.processes_max.to_string())?;
        // Kernels without swap have no such file, and then nothing to limit.
        let _no_swap = write_at(&self.folder, "memory.swap.max", "0");
        // Without it the kernel ends one process after the other, which comes to the same more slowly.
        let _one_by_one = write_at(&self.folder, "memory.oom.group", "1");
        Ok(())
    }

    /// Processor time of all its processes, the dead included, whoever waited for them.
    pub(super) fn cpu(&self) -> Option<Duration> {
        Some(Duration::from_micros(field(&self.read("cpu.stat")?, "usage_usec")?))
    }

    /// Ends all its processes at once: none can fork away.
    pub(super) fn kill(&self) {
        // Kernels before 5.14 do not know it; the supervisor ends them one by one anyhow.
        let _older_kernel = write_at(&self.folder, "cgroup.kill", "1");
    }

    /// Puts what the kernel counted in place of what was sampled. Files of newer kernels may be missing.
    pub(super) fn account(&self, usage: &mut Usage) {
        let number = |file: &str| self.read(file)?.trim().parse::<u64>().ok();
        usage.account = Account::Cgroup;
        if let Some(cpu) = self.cpu() {
            usage.cpu_ms = u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX);
        }
        if let Some(peak) = number("memory.peak") {
            usage.memory_bytes_peak = peak;
        }
        if let Some(peak) = number("pids.peak") {
            usage.processes_peak = peak;
        }
        // What reached a disk by now: less than was written, unless some of it was hidden from the samples.
        let reached_disks = self.read("io.stat").map_or(0, |text| written(&text));
        usage.written_bytes = usage.written_bytes.max(reached_disks);
    }

    /// What the kernel did to keep the limits.
    pub(super) fn refusals(&self) -> Refusals {
        let count = |file: &str, key: &str| self.read(file).and_then(|text| field(&text, key)).unwrap_or(0);
        Refusals { oom_kills: count("memory.events", "oom_kill"), forks: count("pids.events", "max") }
    }

    /// Takes the group away, once the last of its processes has gone.
    pub(super) fn remove(self) {
        let Ok(events) = openat(&self.folder, "cgroup.events", READ, Mode::empty()) else { return };
        for _ in 0..WAITS_MAX {
            match unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR) {
                Err(Errno::BUSY) => {}
                _ => return, // Gone, or a later call takes it away.
            }
            // A change after this reading ends the wait below.
            let populated = read_whole(&events).ok().and_then(|text| field(&text, "populated"));
            if populated == Some(1) {
                let tenth = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
                let _interrupted = poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&tenth));
            }
        }
    }

    fn read(&self, file: &str) -> Option<String> {
        read_at(&self.folder, file).ok()
    }
}

/// How often the kernel stood in the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refusals {
    /// Processes ended for want of memory.
    pub(super) oom_kills: u64,
    /// Processes and threads that were not made.
    pub(super) forks: u64,
}

impl Refusals {
    /// How the call ended, in the light of this. What a command got along without did not end it.
    pub(super) fn explain(self, end: End) -> End {
        match end {
            End::Exited { .. } | End::Signaled { .. } if self.oom_kills > 0 => {
                End::Limit { limit: Limit::Memory }
            }
            End::Exited { code: 0 } => end,
            End::Exited { .. } | End::Signaled { .. } if self.forks > 0 => {
                End::Limit { limit: Limit::Processes }
            }
            End::Exited { .. }
            | End::Signaled { .. }
            | End::Limit { .. }
            | End::Stopped
            | End::NotStarted { .. } => end,
        }
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// The folder of our own group: from `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn own_group(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = Path::new(own.lines().find_map(|line| line.strip_prefix("0::"))?);
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        if file_system.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (unescape(fields.next()?), unescape(fields.next()?));
        // A mount may show a part of the hierarchy only, and that need not be ours.
        Some(Path::new(&point).join(path.strip_prefix(root).ok()?))
    })
}

/// Undoes the octal escapes of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
fn unescape(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// Where groups of calls are made, when we are in `own`.
fn parent_of_calls(own: &Path) -> &Path {
    match own.parent() {
        Some(parent) if own.ends_with(LEAF) => parent,
        _ => own,
    }
}

/// The controllers that a list lacks.
fn missing(controllers: &str) -> Vec<&'static str> {
    let has = |name: &str| controllers.split_ascii_whitespace().any(|known| known == name);
    CONTROLLERS.into_iter().filter(|name| !has(name)).collect()
}

/// Makes children of `parent` have the controllers.
fn pass_controllers_on(parent: &OwnedFd, place: &Path) -> Result<(), NoCgroup> {
    let passed_on = read_at(parent, "cgroup.subtree_control").map_err(doing("read our controllers"))?;
    if missing(&passed_on).is_empty() {
        return Ok(());
    }
    let pass_on = || write_at(parent, "cgroup.subtree_control", "+memory +pids");
    match pass_on() {
        Err(Errno::BUSY) => move_to_leaf(parent, place)?,
        other => return other.map_err(doing("pass our controllers on")),
    }
    pass_on().map_err(doing("pass our controllers on"))
}

/// Empties the group, if only this program is in it.
fn move_to_leaf(parent: &OwnedFd, place: &Path) -> Result<(), NoCgroup> {
    let processes = read_at(parent, "cgroup.procs").map_err(doing("read who is in our group"))?;
    let ours = fs::metadata("/proc/self/exe").ok();
    let is_ours = |id: &str| {
        let program = fs::metadata(format!("/proc/{id}/exe")).ok();
        let file = |program: fs::Metadata| (program.dev(), program.ino());
        program.map(file).zip(ours.clone().map(file)).is_some_and(|(one, other)| one == other)
    };
    if !processes.lines().all(is_ours) {
        return Err(NoCgroup::Shared(place.to_owned()));
    }
    match mkdirat(parent, LEAF, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(doing("make a group for ourselves")(error)),
    }
    let leaf = openat(parent, LEAF, FOLDER, Mode::empty()).map_err(doing("open our new group"))?;
    for id in processes.lines() {
        match write_at(&leaf, "cgroup.procs", id) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(doing("move into our new group")(error)),
        }
    }
    Ok(())
}

/// Takes groups away whose helper has gone, after ending what is left in them. A helper of another process
/// namespace is not seen by its number, but by its lock.
fn remove_left_behind(parent: &OwnedFd) {
    let Ok(entries) = Dir::read_from(parent) else { return };
    for entry in entries.flatten().take(LEFT_BEHIND_MAX) {
        let name = entry.file_name();
        if !name.to_str().is_ok_and(|name| is_left_behind(name, started)) {
            continue;
        }
        let Ok(folder) = openat(parent, name, FOLDER, Mode::empty()) else { continue };
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _older_kernel = write_at(&folder, "cgroup.kill", "1");
            // Where something of it is dying still, the next call finds it empty.
            let _not_empty = unlinkat(parent, name, AtFlags::REMOVEDIR);
        }
    }
}

/// Whether a group is a call's whose helper has gone, or whose number another process has by now.
fn is_left_behind(name: &str, started: impl Fn(u32) -> Option<u64>) -> bool {
    let parts = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let numbers = parts.and_then(|(id, start)| Some((id.parse().ok()?, start.parse::<u64>().ok()?)));
    numbers.is_some_and(|(id, start)| started(id) != Some(start))
}

/// When a process started, in ticks since the machine did.
fn started(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may hold anything, so fields count from its last `)`: this is the 22nd.
    text.rsplit_once(") ")?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The value of a key in lines of `key value`.
fn field(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    value?.trim().parse().ok()
}

/// Bytes written, of all devices in an `io.stat`.
fn written(text: &str) -> u64 {
    let values = text.split_ascii_whitespace().filter_map(|pair| pair.strip_prefix("wbytes="));
    values.filter_map(|value| value.parse::<u64>().ok()).sum()
}

fn read_at(folder: &OwnedFd, file: &str) -> Result<String, Errno> {
    read_whole(&openat(folder, file, READ, Mode::empty())?)
}

/// The text of one of the kernel's small files, from its beginning.
fn read_whole(file: &OwnedFd) -> Result<String, Errno> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match rustix::io::pread(file, &mut chunk, text.len() as u64)? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            count => text.extend_from_slice(&chunk[..count]),
        }
    }
}

fn write_at(folder: &OwnedFd, file: &str, text: &str) -> Result<(), Errno> {
    let file = openat(folder, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

fn doing(attempt: &'static str) -> impl FnOnce(Errno) -> NoCgroup {
    move |cause| NoCgroup::System { attempt, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn our_group_is_found_wherever_its_hierarchy_is_mounted() {
        let whole = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let part = "30 23 0:26 /docker/a /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        let spaced = "30 23 0:26 / /mnt/my\\040groups rw - cgroup2 none rw\n";
        for (mounts, own, expected) in [
            (whole, "0::/user.slice/a.scope\n", Some("/sys/fs/cgroup/user.slice/a.scope")),
            (whole, "0::/\n", Some("/sys/fs/cgroup")),
            (HYBRID, "4:memory:/x\n0::/y\n", Some("/sys/fs/cgroup/unified/y")),
            (HYBRID, "4:memory:/x\n", None),
            (part, "0::/docker/a/b\n", Some("/sys/fs/cgroup/b")),
            (part, "0::/docker/ab\n", None),
            (spaced, "0::/y\n", Some("/mnt/my groups/y")),
            ("", "0::/\n", None),
            ("35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", "0::/\n", None),
        ] {
            assert_eq!(own_group(mounts, own).as_deref(), expected.map(Path::new), "{own} in {mounts}");
        }
    }

    #[test]
    fn calls_of_a_program_in_its_leaf_are_beside_it() {
        assert_eq!(parent_of_calls(Path::new("/c/a.scope/loki-own")), Path::new("/c/a.scope"));
        assert_eq!(parent_of_calls(Path::new("/c/a.scope")), Path::new("/c/a.scope"));
        assert_eq!(parent_of_calls(Path::new("/c/not-loki-own")), Path::new("/c/not-loki-own"));
    }

    #[test]
    fn both_controllers_are_needed() {
        assert!(missing("cpuset cpu io memory hugetlb pids rdma\n").is_empty());
        assert_eq!(missing("hugetlb\n"), ["memory", "pids"]);
        assert_eq!(missing("memory_other pids"), ["memory"]);
    }

    #[test]
    fn a_group_is_left_behind_when_its_process_is_another_one_now() {
        let started = |id| (id == 7).then_some(100);
        for (name, expected) in [
            ("loki-7-100", false),
            ("loki-7-99", true),
            ("loki-8-100", true),
            (LEAF, false),
            ("loki-x-1", false),
            ("other-8-100", false),
            ("cgroup.procs", false),
        ] {
            assert_eq!(is_left_behind(name, started), expected, "{name}");
        }
        assert!(started(std::process::id()).is_none());
        assert!(super::started(std::process::id()).is_some());
    }

    #[test]
    fn numbers_are_found_by_their_whole_key() {
        let events = "low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\noom_group_kill 1\n";
        assert_eq!(field(events, "oom_kill"), Some(3));
        assert_eq!(field(events, "oom"), Some(2));
        assert_eq!(field(events, "oom_group"), None);
        assert_eq!(field("usage_usec 1500\nuser_usec 1000\n", "usage_usec"), Some(1500));
        let devices = "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n259:0 rbytes=0 wbytes=1\n";
        assert_eq!(written(devices), 8193);
        assert_eq!(written(""), 0);
    }

    #[test]
    fn what_the_kernel_refused_explains_an_end_that_was_not_a_good_one() {
        let (memory, processes) =
            (End::Limit { limit: Limit::Memory }, End::Limit { limit: Limit::Processes });
        let killed = End::Signaled { signal: 9 };
        for (oom_kills, forks, end, expected) in [
            (0, 0, killed.clone(), killed.clone()),
            (1, 0, killed.clone(), memory.clone()),
            (1, 5, killed.clone(), memory.clone()),
            (1, 0, End::Exited { code: 0 }, memory.clone()),
            (1, 0, End::Exited { code: 137 }, memory),
            (0, 5, End::Exited { code: 0 }, End::Exited { code: 0 }),
            (0, 5, End::Exited { code: 254 }, processes.clone()),
            (0, 5, killed, processes),
            (1, 5, End::Stopped, End::Stopped),
            (1, 5, End::Limit { limit: Limit::Wall }, End::Limit { limit: Limit::Wall }),
            (1, 5, End::NotStarted { errno: 2 }, End::NotStarted { errno: 2 }),
        ] {
            assert_eq!(
                Refusals { oom_kills, forks }.explain(end.clone()),
                expected,
                "{oom_kills} {forks} {end:?}"
            );
        }
    }
}
