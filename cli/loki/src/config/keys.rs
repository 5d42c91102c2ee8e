//! Every setting there is. A new one is a `static` here and its line in [`ALL`].

use super::value::{AnyKey, Key};

/// Iterations a run may take.
pub(crate) static RUN_ITERATIONS_MAX: Key<u64> =
    Key::new("run.iterations_max", "Iterations a run may take", || 10, |n| within(*n, 1, 10_000));

/// Seconds a run may take.
pub(crate) static RUN_DURATION_SECONDS_MAX: Key<u64> =
    Key::new("run.duration_seconds_max", "Seconds a run may take", || 3_600, |n| within(*n, 1, 2_592_000));

/// US dollars a run may spend on models.
pub(crate) static RUN_BUDGET_USD_MAX: Key<f64> = Key::new(
    "run.budget_usd_max",
    "US dollars a run may spend on models",
    || 5.0,
    |usd| if (0.0..=100_000.0).contains(usd) { Ok(()) } else { Err("expected 0 to 100000".to_owned()) },
);

/// Bytes of turns and tool answers a run may keep.
pub(crate) static RUN_OUTPUT_BYTES_MAX: Key<u64> = Key::new(
    "run.output_bytes_max",
    "Bytes of turns and tool answers a run may keep",
    || 1_073_741_824,
    |n| within(*n, 65_536, 1_099_511_627_776),
);

/// Times one step may be tried again after its process died.
pub(crate) static RUN_RECOVERIES_MAX: Key<u64> = Key::new(
    "run.recoveries_max",
    "Times one step may be tried again after its process died",
    || 8,
    |n| within(*n, 0, 10_000),
);

/// Who does the work.
pub(crate) static PROVIDER_NAME: Key<String> =
    Key::new("provider.name", "Who does the work", || "blueprint".to_owned(), not_empty);

/// The built-in policy that commands begin from.
pub(crate) static SANDBOX_PRESET: Key<String> = Key::new(
    "sandbox.preset",
    "The built-in policy that commands begin from",
    || "build".to_owned(),
    |name| one_of(name, &["read-only", "test", "build", "network"]),
);

/// What to do where the machine cannot confine as strongly as it should.
pub(crate) static SANDBOX_MODE: Key<String> = Key::new(
    "sandbox.mode",
    "Where the machine cannot confine commands: require, degrade or off",
    || "require".to_owned(),
    |name| one_of(name, &["require", "degrade", "off"]),
);

/// The weakest level of confinement that will do.
pub(crate) static SANDBOX_LEVEL: Key<String> = Key::new(
    "sandbox.level",
    "The weakest level of confinement that will do: isolated, namespaces or landlock",
    || "isolated".to_owned(),
    |name| one_of(name, &["isolated", "namespaces", "landlock"]),
);

/// Every setting.
pub(crate) static ALL: &[&dyn AnyKey] = &[
    &RUN_ITERATIONS_MAX,
    &RUN_DURATION_SECONDS_MAX,
    &RUN_BUDGET_USD_MAX,
    &RUN_OUTPUT_BYTES_MAX,
    &RUN_RECOVERIES_MAX,
    &PROVIDER_NAME,
    &SANDBOX_PRESET,
    &SANDBOX_MODE,
    &SANDBOX_LEVEL,
];

/// The words of a setting that a project's file may only move to a later one of, loosest first.
pub(crate) fn strictness(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "sandbox.preset" => Some(&["network", "build", "test", "read-only"]),
        "sandbox.mode" => Some(&["off", "degrade", "require"]),
        "sandbox.level" => Some(&["landlock", "namespaces", "isolated"]),
        _ => None,
    }
}

fn within(number: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&number) { Ok(()) } else { Err(format!("expected {least} to {most}")) }
}

fn one_of(text: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&text) { Ok(()) } else { Err(format!("expected one of {}", words.join(", "))) }
}

#[expect(clippy::ptr_arg, reason = "the signature is the key's")]
fn not_empty(text: &String) -> Result<(), String> {
    if text.trim().is_empty() { Err("expected a name".to_owned()) } else { Ok(()) }
}
