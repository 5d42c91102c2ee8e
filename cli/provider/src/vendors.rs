//! Who can be asked over HTTP, and in what they differ: one table.

/// The language a vendor speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// Chat completions, as OpenAI began them and many others took them over.
    Chat,
    /// OpenAI Responses.
    Responses,
}

/// What a vendor accepts as the id of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdRule {
    /// Letters, digits, `_` and `-`.
    Token {
        /// The most bytes.
        bytes_max: usize,
    },
    /// Nine letters and digits.
    NineAlphanumerics,
}

/// One vendor.
#[derive(Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Its name, as it is configured and shown.
    pub name: &'static str,
    /// Its language.
    pub dialect: Dialect,
    /// Where it is, without the path of an operation. `None`: a person must say.
    pub base_url: Option<&'static str>,
    /// The environment variable that holds its key by custom.
    pub key_variable: &'static str,
    /// Whether it is a program of the user's own: it costs nothing and needs no key.
    pub local: bool,
    /// Its name in the table of prices.
    pub priced_as: &'static str,
    /// The ids of calls that it accepts.
    pub ids: IdRule,
    /// The field that limits the output (chat completions only).
    pub output_field: &'static str,
    /// Whether it understands `stream_options` (chat completions only). Those that do not report usage
    /// without being asked.
    pub stream_options: bool,
    /// Whether words of the user may follow the result of a call (chat completions only).
    pub user_after_tool: bool,
    /// Whether it reports what a request cost, in US dollars, as `usage.cost`.
    pub reports_cost: bool,
    /// Fields of an answer that must be sent back as they came: hidden thoughts and their signatures.
    pub message_fields: &'static [&'static str],
    /// Likewise, fields of a call.
    pub call_fields: &'static [&'static str],
}

/// Finds a vendor by its name.
pub fn vendor(name: &str) -> Option<&'static Vendor> {
    VENDORS.iter().find(|vendor| vendor.name == name)
}

/// All vendors.
pub static VENDORS: &[Vendor] = &[
    Vendor {
        dialect: Dialect::Anthropic,
        ids: IdRule::Token { bytes_max: 64 },
        output_field: "max_tokens",
        ..remote("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY")
    },
    Vendor {
        dialect: Dialect::Responses,
        ids: IdRule::Token { bytes_max: 64 },
        output_field: "max_output_tokens",
        ..remote("openai", "https://api.openai.com/v1", "OPENAI_API_KEY")
    },
    Vendor {
        priced_as: "openai",
        output_field: "max_completion_tokens",
        ..remote("openai-chat", "https://api.openai.com/v1", "OPENAI_API_KEY")
    },
    Vendor {
        reports_cost: true,
        message_fields: &["reasoning_details"],
        ..remote("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")
    },
    Vendor {
        output_field: "max_completion_tokens",
        ..remote("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY")
    },
    remote("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    Vendor {
        ids: IdRule::NineAlphanumerics,
        stream_options: false,
        user_after_tool: false,
        ..remote("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY")
    },
    Vendor {
        call_fields: &["extra_content"],
        ..remote("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY")
    },
    // Any other service that speaks chat completions.
    Vendor { base_url: None, ..remote("compatible", "", "LOKI_API_KEY") },
    local("vllm", "http://127.0.0.1:8000/v1", "VLLM_API_KEY"),
    local("llamacpp", "http://127.0.0.1:8080/v1", "LLAMA_API_KEY"),
    local("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_API_KEY"),
];

/// A service on the network that speaks chat completions and follows OpenAI in everything.
const fn remote(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Vendor {
    Vendor {
        name,
        dialect: Dialect::Chat,
        base_url: Some(base_url),
        key_variable,
        local: false,
        priced_as: name,
        ids: IdRule::Token { bytes_max: 40 },
        output_field: "max_tokens",
        stream_options: true,
        user_after_tool: true,
        reports_cost: false,
        message_fields: &[],
        call_fields: &[],
    }
}

/// A program on one's own machines.
const fn local(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Vendor {
    Vendor { local: true, ..remote(name, base_url, key_variable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (place, entry) in VENDORS.iter().enumerate() {
            assert!(VENDORS[place + 1..].iter().all(|other| other.name != entry.name), "{}", entry.name);
            assert_eq!(vendor(entry.name), Some(entry));
        }
        assert_eq!(vendor("nobody"), None);
    }

    #[test]
    fn only_local_vendors_are_reached_without_encryption() {
        for vendor in VENDORS {
            let Some(url) = vendor.base_url else { continue };
            assert_eq!(url.starts_with("http://127.0.0.1:"), vendor.local, "{}", vendor.name);
            assert!(vendor.local || url.starts_with("https://"), "{}", vendor.name);
        }
    }
}
