//! The settings of MCP, `mcp.*`.

use loki_operation::Allow;

use super::Key;

/// What clients of `loki mcp` may change.
pub(crate) static ALLOW: Key<String> = Key::new(
    "mcp.allow",
    "What clients of `loki mcp` may change: none, write, or write,destructive",
    || "none".to_owned(),
    |words| allowed(words).map(drop),
);

/// What a list of words allows.
pub(crate) fn allowed(text: &str) -> Result<Allow, String> {
    let mut allow = Allow::default();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "none" | "read" => {}
            "write" => allow.write = true,
            "destructive" => allow.destructive = true,
            _ => return Err(format!("expected none, write, or write,destructive; not `{word}`")),
        }
    }
    match allow {
        Allow { write: false, destructive: true, .. } => {
            Err("what is destructive also writes: say write,destructive".to_owned())
        }
        allow => Ok(allow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_that_was_not_named() {
        let flags = |text: &str| allowed(text).map(|allow| (allow.write, allow.destructive));
        for (text, expected) in [
            ("", (false, false)),
            ("none", (false, false)),
            ("read", (false, false)),
            ("write", (true, false)),
            (" write , destructive ", (true, true)),
        ] {
            assert_eq!(flags(text), Ok(expected), "{text}");
        }
        for text in ["destructive", "everything", "write;destructive", "WRITE"] {
            flags(text).unwrap_err();
        }
    }
}
