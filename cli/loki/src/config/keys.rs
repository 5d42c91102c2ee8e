//! Every setting there is. A new one is a `static` here and its line in [`ALL`].

pub(crate) mod auth;
pub(crate) mod mcp;
pub(crate) mod skills;

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

/// Seconds that a run waits for a provider that asks to be left alone.
pub(crate) static RUN_WAIT_SECONDS_MAX: Key<u64> = Key::new(
    "run.wait_seconds_max",
    "Seconds that one wait for a provider may last; a longer one stops the run",
    || 3_600,
    |n| within(*n, 0, 604_800),
);

/// Turns that one phase may take.
pub(crate) static RUN_TURNS_MAX: Key<u64> =
    Key::new("run.turns_max", "Turns that one phase may take", || 200, |n| within(*n, 1, 10_000));

/// Who writes the application.
pub(crate) static PROVIDER_NAME: Key<String> = Key::new(
    "provider.name",
    "Who writes the application: blueprint (nobody; the backend only), anthropic, openai, openai-chat, openrouter, \
     groq, together, mistral, gemini, compatible, vllm, llamacpp, ollama, claude or codex",
    || "blueprint".to_owned(),
    not_empty,
);

/// Where the provider is.
pub(crate) static PROVIDER_BASE_URL: Key<String> = Key::new(
    "provider.base_url",
    "Where the provider is, if not where it is by default; empty: its default",
    String::new,
    |_| Ok(()),
);

/// The variable that holds the provider's key.
pub(crate) static PROVIDER_KEY_VARIABLE: Key<String> = Key::new(
    "provider.key_variable",
    "The environment variable that holds the provider's key; empty: the customary one, such as ANTHROPIC_API_KEY",
    String::new,
    |_| Ok(()),
);

/// Tokens that one answer may have.
pub(crate) static PROVIDER_OUTPUT_TOKENS_MAX: Key<u64> = Key::new(
    "provider.output_tokens_max",
    "Tokens that one answer may have, thinking included",
    || 16_384,
    |n| within(*n, 256, 1_000_000),
);

/// Tokens that a model may think for.
pub(crate) static PROVIDER_THINKING_TOKENS: Key<u64> = Key::new(
    "provider.thinking_tokens",
    "Tokens that a model of Anthropic's may think for before it answers; 0: as it does by default",
    || 0,
    |n| within(*n, 0, 500_000),
);

/// Prices that the built-in table does not have.
pub(crate) static PROVIDER_PRICES: Key<String> = Key::new(
    "provider.prices",
    "Prices of models in US dollars a million tokens, over the built-in ones: `model=input/output[/cache read[/cache write]], …`",
    String::new,
    |text| loki_provider::prices::parse(text).map(drop).map_err(|error| error.to_string()),
);

/// Models that plan and review.
pub(crate) static MODEL_PLANNING: Key<String> = Key::new(
    "model.planning",
    "Models that plan and review, in the order they are asked: `[provider:]model, …`; empty: those of development",
    String::new,
    |_| Ok(()),
);

/// Models that write the application.
pub(crate) static MODEL_DEVELOPMENT: Key<String> = Key::new(
    "model.development",
    "Models that write the application, in the order they are asked; empty: the provider's usual one",
    String::new,
    |_| Ok(()),
);

/// Models for what is small.
pub(crate) static MODEL_FAST: Key<String> = Key::new(
    "model.fast",
    "Models for what is small, and to fall back to; empty: those of development",
    String::new,
    |_| Ok(()),
);

/// Whether models review the change.
pub(crate) static GATES_REVIEW: Key<bool> = Key::new(
    "gates.review",
    "Whether three models review a change once every other gate is content",
    || true,
    |_| Ok(()),
);

/// How the project is built.
pub(crate) static GATES_BUILD: Key<String> = Key::new(
    "gates.build",
    "The command that builds the project; empty: what the project itself declares",
    String::new,
    |_| Ok(()),
);

/// How the project is tested.
pub(crate) static GATES_TEST: Key<String> = Key::new(
    "gates.test",
    "The command that runs the project's tests; empty: what the project itself declares",
    String::new,
    |_| Ok(()),
);

/// How the project is checked.
pub(crate) static GATES_LINT: Key<String> = Key::new(
    "gates.lint",
    "The command that lints and type-checks the project; empty: what the project itself declares",
    String::new,
    |_| Ok(()),
);

/// How the application is started.
pub(crate) static GATES_START: Key<String> = Key::new(
    "gates.start",
    "The command that starts the application's server; empty: what the project itself declares",
    String::new,
    |_| Ok(()),
);

/// Whether verified iterations become commits.
pub(crate) static GIT_COMMIT: Key<String> = Key::new(
    "git.commit",
    "Whether a run commits what it changed once it is verified: off or verified",
    || "off".to_owned(),
    |word| one_of(word, &["off", "verified"]),
);

/// Who else is named in commits.
pub(crate) static GIT_CO_AUTHOR: Key<String> = Key::new(
    "git.co_author",
    "Who is named as co-author of such commits, as `Name <mail>`; empty: nobody",
    String::new,
    |_| Ok(()),
);

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

/// Where the backend is served.
pub(crate) static FORGE_LISTEN: Key<String> = Key::new(
    "forge.listen",
    "The address and port that the backend is served on",
    || "127.0.0.1:54321".to_owned(),
    |text| {
        text.parse::<std::net::SocketAddr>()
            .map(drop)
            .map_err(|_| "expected an address and a port, such as 127.0.0.1:54321".to_owned())
    },
);

/// Where the application's data is.
pub(crate) static FORGE_DATABASE_URL: Key<String> = Key::new(
    "forge.database_url",
    "The Postgres that holds the application's data, as `postgres://user@host/database`; empty: SQLite, in the project",
    String::new,
    |text| match text.is_empty() || text.starts_with("postgres://") || text.starts_with("postgresql://") {
        true => Ok(()),
        false => Err("expected a URL that begins with postgres://".to_owned()),
    },
);

/// Who owns the application's tables.
pub(crate) static FORGE_DATABASE_ADMIN_URL: Key<String> = Key::new(
    "forge.database_admin_url",
    "The same Postgres, as the role that owns the tables and may create databases; `loki forge migrate` alone uses it",
    String::new,
    |text| match text.is_empty() || text.starts_with("postgres://") || text.starts_with("postgresql://") {
        true => Ok(()),
        false => Err("expected a URL that begins with postgres://".to_owned()),
    },
);

/// What acknowledged writes survive.
pub(crate) static FORGE_DURABILITY: Key<String> = Key::new(
    "forge.durability",
    "What a row that was acknowledged survives on SQLite: power (a loss of power) or process (a death of the process; faster)",
    || "power".to_owned(),
    |word| one_of(word, &["power", "process"]),
);

/// Rows that one answer may have.
pub(crate) static FORGE_ROWS_MAX: Key<u64> = Key::new(
    "forge.rows_max",
    "Rows that one answer of the data plane may have",
    || 1_000,
    |n| within(*n, 1, 1_000_000),
);

/// Bytes that one request may have.
pub(crate) static FORGE_BODY_BYTES_MAX: Key<u64> = Key::new(
    "forge.body_bytes_max",
    "Bytes that the body of one request may have",
    || 10_485_760,
    |n| within(*n, 1_024, 1_073_741_824),
);

/// Requests that one key may make.
pub(crate) static FORGE_REQUESTS_PER_SECOND: Key<u64> = Key::new(
    "forge.requests_per_second",
    "Requests a second from one address, and with one key; 0: as many as come",
    || 0,
    |n| within(*n, 0, 1_000_000),
);

/// The certificate of the server.
pub(crate) static FORGE_TLS_CERTIFICATE: Key<String> = Key::new(
    "forge.tls_certificate",
    "A PEM file with the server's certificate and its chain; empty: plain HTTP",
    String::new,
    |_| Ok(()),
);

/// The key of that certificate.
pub(crate) static FORGE_TLS_KEY: Key<String> =
    Key::new("forge.tls_key", "A PEM file with the key of that certificate", String::new, |_| Ok(()));

/// Names the server answers to.
pub(crate) static FORGE_HOSTS: Key<String> = Key::new(
    "forge.hosts",
    "Host names that the server answers to, separated by commas, besides those of this machine; empty: on loopback no others, \
     elsewhere all",
    String::new,
    |_| Ok(()),
);

/// Every setting.
pub(crate) static ALL: &[&dyn AnyKey] = &[
    &RUN_ITERATIONS_MAX,
    &RUN_DURATION_SECONDS_MAX,
    &RUN_BUDGET_USD_MAX,
    &RUN_OUTPUT_BYTES_MAX,
    &RUN_RECOVERIES_MAX,
    &RUN_WAIT_SECONDS_MAX,
    &RUN_TURNS_MAX,
    &PROVIDER_NAME,
    &PROVIDER_BASE_URL,
    &PROVIDER_KEY_VARIABLE,
    &PROVIDER_OUTPUT_TOKENS_MAX,
    &PROVIDER_THINKING_TOKENS,
    &PROVIDER_PRICES,
    &MODEL_PLANNING,
    &MODEL_DEVELOPMENT,
    &MODEL_FAST,
    &GATES_REVIEW,
    &GATES_BUILD,
    &GATES_TEST,
    &GATES_LINT,
    &GATES_START,
    &GIT_COMMIT,
    &GIT_CO_AUTHOR,
    &SANDBOX_PRESET,
    &SANDBOX_MODE,
    &SANDBOX_LEVEL,
    &skills::FROM,
    &mcp::ALLOW,
    &FORGE_LISTEN,
    &FORGE_DATABASE_URL,
    &FORGE_DATABASE_ADMIN_URL,
    &FORGE_DURABILITY,
    &FORGE_ROWS_MAX,
    &FORGE_BODY_BYTES_MAX,
    &FORGE_REQUESTS_PER_SECOND,
    &FORGE_TLS_CERTIFICATE,
    &FORGE_TLS_KEY,
    &FORGE_HOSTS,
    &auth::PUBLIC_URL,
    &auth::SITE_URL,
    &auth::REDIRECT_URLS,
    &auth::SITE_NAME,
    &auth::SIGNUP,
    &auth::METHODS,
    &auth::CONFIRM_EMAIL,
    &auth::MANUAL_LINKING,
    &auth::PASSWORD_LENGTH_MIN,
    &auth::ACCESS_SECONDS,
    &auth::SESSION_SECONDS,
    &auth::IDLE_SECONDS,
    &auth::MAILS_AN_HOUR,
    &auth::SMTP_HOST,
    &auth::SMTP_PORT,
    &auth::SMTP_SECURITY,
    &auth::SMTP_USER,
    &auth::SMTP_PASSWORD,
    &auth::SMTP_FROM,
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

/// Whether a setting is for whoever runs loki alone: where prompts, files, keys and data are sent, who is let in
/// from outside, and in whose name commits are made.
pub(crate) fn is_the_users(name: &str) -> bool {
    ["provider.", "model.", "git.", "forge.", "skills.", "mcp."].iter().any(|group| name.starts_with(group))
}

/// Whether a setting may hold a password, so that its value is not shown.
pub(crate) fn is_secret(name: &str) -> bool {
    name == FORGE_DATABASE_URL.name() || name == FORGE_DATABASE_ADMIN_URL.name()
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
