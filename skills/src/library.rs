//! The skills that are built into the program: how to work with the backend.

/// A skill that is built in: one text, no other files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its `SKILL.md`.
    pub text: &'static str,
}

macro_rules! builtin {
    ($($name:literal),* $(,)?) => {
        [$(Builtin { name: $name, text: include_str!(concat!("../", $name, "/SKILL.md")) }),*]
    };
}

/// Every one of them, the index first.
pub static BUILTIN: [Builtin; 12] = builtin![
    "forge",
    "forge-database",
    "forge-auth",
    "forge-storage",
    "forge-functions",
    "forge-gateway",
    "forge-realtime",
    "forge-schedules",
    "forge-secrets",
    "forge-payments",
    "forge-deploy",
    "forge-debugging",
];
