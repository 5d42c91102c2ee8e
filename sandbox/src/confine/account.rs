//! What the processes of a call use up, read from `/proc`.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// What all processes of a call use at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Processes and threads.
    pub(super) tasks: u64,
    /// Processes.
    pub(super) processes: u64,
    /// Bytes of memory: what is each process's own, and the largest share of what several have.
    pub(super) memory_bytes: u64,
    /// Processor time of those that live, and of their children that do not.
    pub(super) cpu: Duration,
    /// Bytes written to disks, likewise.
    pub(super) written_bytes: u64,
}

/// Processes whose usage counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    /// All that `/proc` shows but its first, which is the supervisor; what that one gathered of the
    /// dead counts too.
    Namespace,
    /// The descendants of this process.
    Descendants(u32),
}

/// One process, as `/proc` has it.
#[derive(Debug, Clone, Copy)]
struct Process {
    id: u32,
    parent: u32,
    threads: u64,
    ticks: u64,
}

/// Looks once. A process that ends meanwhile counts as far as it was read.
pub(super) fn sample(whose: Whose) -> Sample {
    let all = processes();
    let counted: Vec<Process> = match whose {
        Whose::Namespace => all.into_iter().filter(|process| process.id != 1).collect(),
        Whose::Descendants(root) => descendants(&all, root),
    };
    let mut sum = Sample::default();
    let mut shared = 0;
    let mut ticks = 0;
    for process in &counted {
        let (own, common) = memory(process.id);
        sum.processes += 1;
        sum.tasks += process.threads;
        sum.memory_bytes += own;
        shared = shared.max(common);
        ticks += process.ticks;
        sum.written_bytes += written(process.id);
    }
    sum.memory_bytes += shared;
    sum.cpu =
        Duration::from_secs_f64(u64_as_f64(ticks) / u64_as_f64(rustix::param::clock_ticks_per_second()));
    sum
}

/// Bytes that this process and its children that ended have written.
pub(super) fn written_by_self() -> u64 {
    written_in(Path::new("/proc/self/io"))
}

/// The ids of all descendants of `root`.
pub(super) fn descendant_ids(root: u32) -> Vec<u32> {
    descendants(&processes(), root).into_iter().map(|process| process.id).collect()
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a call are far below 2^52")]
fn u64_as_f64(number: u64) -> f64 {
    number as f64
}

fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| read(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

fn read(id: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    parse_stat(id, &text)
}

/// Reads `/proc/PID/stat` (proc_pid_stat(5)). The name may hold anything, so fields count from its last `)`.
fn parse_stat(id: u32, text: &str) -> Option<Process> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    if fields.first().is_some_and(|state| *state == "Z" || *state == "X") {
        return None;
    }
    Some(Process {
        id,
        parent: u32::try_from(number(4)?).ok()?,
        threads: number(20)?,
        ticks: number(14)? + number(15)? + number(16)? + number(17)?,
    })
}

fn descendants(all: &[Process], root: u32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent && process.id != root) {
            if !found.iter().any(|known| known.id == child.id) {
                parents.push(child.id);
                found.push(*child);
            }
        }
    }
    found
}

/// Bytes that are the process's own, and bytes that it shares.
fn memory(id: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{id}/statm")).unwrap_or_default();
    let mut pages = text.split_ascii_whitespace().skip(1).map(|field| field.parse::<u64>().unwrap_or(0));
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    (resident.saturating_sub(shared) * page, shared * page)
}

fn written(id: u32) -> u64 {
    written_in(Path::new(&format!("/proc/{id}/io")))
}

fn written_in(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_fields_is_still_a_name() {
        let text = "7 (a) S 9 (b)) R 4 7 7 0 -1 4194304 1 0 0 0 11 22 33 44 20 0 5 0 100";
        let process = parse_stat(7, text).unwrap();
        assert_eq!((process.parent, process.threads, process.ticks), (4, 5, 110));
        assert!(parse_stat(7, "7 (gone) Z 4 7 7 0 -1 4194304 1 0 0 0 11 22 33 44 20 0 1 0 100").is_none());
        assert!(parse_stat(7, "7 (short) S 4").is_none());
    }

    #[test]
    fn descendants_are_found_through_their_parents() {
        let process = |id, parent| Process { id, parent, threads: 1, ticks: 0 };
        let all = [process(1, 0), process(10, 1), process(11, 10), process(12, 11), process(20, 1)];
        let mut found: Vec<u32> = descendants(&all, 10).iter().map(|process| process.id).collect();
        found.sort_unstable();
        assert_eq!(found, [11, 12]);
    }
}
