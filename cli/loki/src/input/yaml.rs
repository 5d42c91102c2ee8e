//! `OpenAPI` descriptions that are written as YAML.

use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

/// How deep values may nest: the parser's own recursion must fit a small thread.
const LEVELS_MAX: usize = 48;
/// The most values of one document, and the most uses of its anchors.
const NODES_MAX: usize = 200_000;
const ALIASES_MAX: usize = 1_000;
/// How much the anchors may grow the document.
const REPLAYED_MAX: usize = 50_000;

/// Why a description cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct YamlError {
    reason: String,
}

/// Reads a description; `None` where the text is something else.
///
/// # Errors
///
/// Where it begins as a description and is no YAML, or more than is read.
pub(super) fn description(text: &str) -> Option<Result<Value, YamlError>> {
    let mut lines = text.lines().filter(|line| {
        let bare = line.trim();
        !bare.is_empty() && !bare.starts_with('#') && bare != "---"
    });
    let begins = lines.next().is_some_and(names_version);
    // It may begin with another key; then it is one only if all of it can be read.
    if !begins && !lines.any(names_version) {
        return None;
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: LEVELS_MAX, max_nodes: NODES_MAX, max_aliases: ALIASES_MAX },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED_MAX },
        duplicate_keys: DuplicateKeyPolicy::FirstWins,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(root) => Some(Ok(root)),
        Err(error) if begins => Some(Err(YamlError { reason: error.to_string() })),
        Err(_) => None,
    }
}

/// True for a line that says which version of `OpenAPI` or Swagger follows, at the outermost level.
fn names_version(line: &str) -> bool {
    let key = line.split(':').next().unwrap_or_default().trim_end().trim_matches(['"', '\'']);
    line.contains(':') && matches!(key, "openapi" | "swagger")
}

#[cfg(test)]
mod tests;
