//! The models that are taken where no setting names one.

/// The usual model of a provider for a tier (`planning`, `development` or `fast`); `None`: a person must say.
/// For agents an empty name leaves the choice to them.
pub(super) fn model(provider: &str, tier: &str) -> Option<&'static str> {
    match (provider, tier) {
        ("anthropic", "planning") => Some("claude-opus-5-5"),
        ("anthropic", "development") => Some("claude-sonnet-5-5"),
        ("anthropic", "fast") => Some("claude-haiku-4-5"),
        ("openai" | "openai-chat", "planning" | "development") => Some("gpt-6.1-sol"),
        ("openai" | "openai-chat", "fast") => Some("gpt-6-luna"),
        ("gemini", "planning" | "development") => Some("gemini-3.5-flash"),
        ("gemini", "fast") => Some("gemini-2.5-flash"),
        ("claude" | "codex", "development") => Some(""),
        _ => None,
    }
}
