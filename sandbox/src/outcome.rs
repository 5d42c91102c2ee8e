//! What came of a call.

use serde::{Deserialize, Serialize};

use crate::level::Level;

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What it used up.
    pub usage: Usage,
    /// What it was denied, as far as the kernel tells.
    pub denials: Vec<Denial>,
    /// What held it; none where nothing did.
    pub level: Option<Level>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum End {
    /// By itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// By a signal that none of our limits sent.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// By a limit of the policy.
    Limit {
        /// Which one.
        limit: Limit,
    },
    /// Because its caller asked.
    Stopped,
    /// The program could not be started.
    NotStarted {
        /// The system's error number.
        errno: i32,
    },
}

/// A limit of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// `wall_seconds_max`
    Wall,
    /// `cpu_seconds_max`
    Cpu,
    /// `memory_bytes_max`
    Memory,
    /// `processes_max`
    Processes,
    /// `written_bytes_max` or `file_bytes_max`
    Written,
    /// `output_bytes_max`
    Output,
    /// `connections_max` or `transfer_bytes_max`
    Transfer,
}

impl Limit {
    /// The key of the policy that says it.
    pub fn key(self) -> &'static str {
        match self {
            Limit::Wall => "wall_seconds_max",
            Limit::Cpu => "cpu_seconds_max",
            Limit::Memory => "memory_bytes_max",
            Limit::Processes => "processes_max",
            Limit::Written => "written_bytes_max",
            Limit::Output => "output_bytes_max",
            Limit::Transfer => "transfer_bytes_max",
        }
    }
}

/// Who counted what a call used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Account {
    /// A supervisor, by looking again and again.
    #[default]
    Sampled,
    /// The kernel, in a control group of the call's own.
    Cgroup,
}

/// What a call used up, all its processes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Who counted. Records of earlier versions do not say.
    #[serde(default)]
    pub account: Account,
    /// Milliseconds from start to end.
    pub wall_ms: u64,
    /// Milliseconds of processor time.
    pub cpu_ms: u64,
    /// Bytes of memory at the most. The kernel counts what it keeps of the call's files too.
    pub memory_bytes_peak: u64,
    /// Bytes written to disks.
    pub written_bytes: u64,
    /// Processes and threads at the most.
    pub processes_peak: u64,
    /// Processes that were still there when the command ended, and were ended then.
    pub left_over: u64,
    /// Bytes of stdout and stderr.
    pub output_bytes: u64,
}

/// Something that was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// What sort of thing.
    pub kind: DenialKind,
    /// The system call, path, or host and port.
    pub subject: String,
    /// How often.
    pub count: u64,
}

/// What sort of thing was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialKind {
    /// A system call that no confined command needs.
    Syscall,
    /// A connection to something that is not the command's own.
    Socket,
    /// A change of a file's mode, owner, times or attributes outside of what may be written.
    Metadata,
    /// A protected file that appeared, and was taken away again.
    Protected,
    /// A request that the proxy refused.
    Host,
}
