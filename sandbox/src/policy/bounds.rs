//! The limits by name, and between what a policy may set them.

use super::Limits;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
const TIB: u64 = 1024 * GIB;

/// A limit's name, bounds and place.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Its key below `[limits]`.
    pub name: &'static str,
    /// What it limits, to follow "at most 5".
    pub words: &'static str,
    /// The least it may be set to.
    pub min: u64,
    /// The most it may be set to.
    pub max: u64,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl Bound {
    /// What `limits` say.
    pub fn of(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    pub(super) fn set(&self, limits: &mut Limits, value: u64) {
        (self.set)(limits, value);
    }

    /// The limit of this name.
    pub fn named(name: &str) -> Option<&'static Bound> {
        BOUNDS.iter().find(|bound| bound.name == name)
    }
}

macro_rules! bound {
    ($field:ident, $words:literal, $min:expr, $max:expr) => {
        Bound {
            name: stringify!($field),
            words: $words,
            min: $min,
            max: $max,
            get: |limits| limits.$field,
            set: |limits, value| limits.$field = value,
        }
    };
}

/// Every limit, in the order of [`Limits`].
pub const BOUNDS: [Bound; 10] = [
    bound!(wall_seconds_max, "seconds of time", 1, 7 * 24 * 3600),
    bound!(cpu_seconds_max, "seconds of processor time", 1, 70 * 24 * 3600),
    bound!(memory_bytes_max, "bytes of memory", 16 * MIB, 16 * TIB),
    bound!(processes_max, "processes and threads", 1, 65_536),
    bound!(written_bytes_max, "bytes written to files", 0, 64 * TIB),
    bound!(file_bytes_max, "bytes in any one file", 0, 16 * TIB),
    bound!(open_files_max, "open files in any one process", 16, 1_048_576),
    bound!(output_bytes_max, "bytes of output", 1024, GIB),
    bound!(connections_max, "connections", 0, 1_000_000),
    bound!(transfer_bytes_max, "bytes over the network", 0, 16 * TIB),
];
