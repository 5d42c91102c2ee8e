//! What a tool answered, as text.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

use super::shown;

/// Bytes of an answer that are kept at all.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a name, an address or a type that an answer repeats.
const WORDS_BYTES_MAX: usize = 200;

/// What a tool answered. Its text is a stranger's: visible, and not yet fenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether the tool says that it has failed.
    pub is_error: bool,
    /// Everything that can be read; of pictures and the like, what they are.
    pub text: String,
    /// Bytes that were left out.
    pub left_out: usize,
}

impl Answer {
    pub(super) fn of(result: &CallToolResult) -> Self {
        let mut parts: Vec<String> = result.content.iter().map(part).collect();
        // Servers say the same twice, for programs and for models; once is enough.
        let said = parts.iter().any(|part| !part.trim().is_empty());
        if let (Some(structured), false) = (&result.structured_content, said) {
            parts.push(compact(structured));
        }
        let (text, left_out) = shown::cut(&parts.join("\n"), ANSWER_BYTES_MAX);
        Self { is_error: result.is_error.unwrap_or(false), text: shown::visible(&text), left_out }
    }
}

fn part(block: &ContentBlock) -> String {
    let word = |text: &str| shown::line(text, WORDS_BYTES_MAX);
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => bytes("a picture", &word(&image.mime_type), image.data.len()),
        ContentBlock::Audio(audio) => bytes("a sound", &word(&audio.mime_type), audio.data.len()),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("[{}]\n{text}", word(uri)),
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let what =
                    format!("{} at {}", mime_type.as_deref().map_or_else(String::new, word), word(uri));
                bytes("a file", &what, blob.len())
            }
            _ => "[something that cannot be shown]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[{} is at {}]", word(&link.name), word(&link.uri)),
        _ => "[something that cannot be shown]".to_owned(),
    }
}

/// What cannot be read is told by its kind; `base64` is the length of its text.
fn bytes(what: &str, kind: &str, base64: usize) -> String {
    format!("[{what}: {kind}, about {} bytes, not shown]", base64 / 4 * 3)
}

fn compact(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(value: Value) -> Answer {
        Answer::of(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn texts_are_joined_and_what_cannot_be_read_is_named() {
        let got = answer(json!({"content": [
            {"type": "text", "text": "one\u{200b}"},
            {"type": "image", "data": "AAAAAAAA", "mimeType": "image/png\u{1b}"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}},
            {"type": "resource_link", "name": "b", "uri": "file:///b"},
        ]}));
        let expected = "one\\u{200b}\n[a picture: image/png\\u{1b}, about 6 bytes, not shown]\n[file:///a]\ninside\n\
                        [b is at file:///b]";
        assert_eq!(got, Answer { is_error: false, text: expected.to_owned(), left_out: 0 });
    }

    #[test]
    fn what_is_structured_counts_where_nothing_else_is_said() {
        assert_eq!(answer(json!({"content": [], "structuredContent": {"a": 1}})).text, "{\"a\":1}");
        let both = json!({"content": [{"type": "text", "text": "a: 1"}], "structuredContent": {"a": 1}});
        assert_eq!(answer(both).text, "a: 1");
    }

    #[test]
    fn a_failure_is_told_and_length_is_bounded() {
        let long =
            json!({"content": [{"type": "text", "text": "x".repeat(ANSWER_BYTES_MAX + 7)}], "isError": true});
        let got = answer(long);
        assert!(got.is_error);
        assert_eq!((got.text.len(), got.left_out), (ANSWER_BYTES_MAX, 7));
    }
}
