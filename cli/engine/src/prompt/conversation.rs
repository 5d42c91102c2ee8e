//! The conversation of a phase, as the ledger remembers it, within what a model can take in.

use loki_ledger::event::TurnEnd;
use loki_ledger::run::{Run, TurnTaken};
use loki_provider::{Message, Turn};

use super::Sources;
use crate::effects::head;
use crate::engine::{EngineError, read};

/// Bytes of a conversation before the oldest answers of tools are left out.
const CONVERSATION_BYTES_MAX: usize = 480 * 1024;
/// So many answers are left out at a time, so that the part before them stays the same for many turns.
const STRIDE: usize = 16;
/// An answer shorter than this is not worth leaving out.
const WORTH_LEAVING_OUT: usize = 500;

/// The task, and what was said and done about it so far.
pub(super) fn messages(sources: &Sources<'_>, run: &Run, task: String) -> Result<Vec<Message>, EngineError> {
    let mut messages = vec![Message::User { text: task }];
    let count = run.steps.turns.len();
    for (n, taken) in run.steps.turns.iter().enumerate() {
        converse(sources, taken, &mut messages)?;
        // The next turn follows, so that this one must be answered, were it only by a word.
        if let Some(nudge) = nudge(taken).filter(|_| n + 1 == count || taken.calls.is_empty()) {
            messages.push(Message::User { text: nudge.to_owned() });
        }
    }
    make_room(&mut messages, CONVERSATION_BYTES_MAX);
    Ok(messages)
}

fn converse(
    sources: &Sources<'_>,
    taken: &TurnTaken,
    messages: &mut Vec<Message>,
) -> Result<(), EngineError> {
    let turn: Turn = read(sources.reader, "a turn", &taken.turn)?;
    messages.push(Message::Assistant { text: turn.text, calls: turn.calls, raw: turn.raw });
    for (call, answer) in &taken.calls {
        let Some(answer) = answer else { continue };
        let output = match &answer.output {
            Some(output) => {
                let whole: String = read(sources.reader, "a tool's answer", output)?;
                shorten(&whole, sources.output_bytes_max, &call.id)
            }
            None => answer.summary.clone(),
        };
        messages.push(Message::Tool { id: call.id.clone(), ok: answer.ok, output });
    }
    Ok(())
}

/// What is said to a turn that brought nothing.
fn nudge(taken: &TurnTaken) -> Option<&'static str> {
    if !taken.calls.is_empty() {
        return None;
    }
    match taken.end {
        TurnEnd::Complete => None,
        TurnEnd::CutOff => Some("Your answer was cut off at its greatest length. Go on, in shorter steps."),
        TurnEnd::Refused => Some(
            "You declined to answer. If a part of the task cannot be done, say which, and do the rest with \
             the tools.",
        ),
        TurnEnd::Empty => Some("Your answer was empty. Call a tool, or say what you need."),
    }
}

/// Leaves the oldest answers of tools out, in strides, until the rest fits. The task and what the provider
/// said stay.
fn make_room(messages: &mut [Message], bytes_max: usize) {
    let mut bytes: usize = messages.iter().map(size).sum();
    let answers: Vec<usize> = messages
        .iter()
        .enumerate()
        .filter(|(_, message)| matches!(message, Message::Tool { output, .. } if output.len() > WORTH_LEAVING_OUT))
        .map(|(n, _)| n)
        .collect();
    for stride in answers.chunks(STRIDE) {
        if bytes <= bytes_max {
            return;
        }
        for n in stride {
            if let Message::Tool { id, output, .. } = &mut messages[*n] {
                let note = format!(
                    "[left out to make room: {} bytes; `read_output` of {id} shows them]",
                    output.len()
                );
                bytes = bytes - output.len() + note.len();
                *output = note;
            }
        }
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::User { text } => text.len(),
        Message::Assistant { text, calls, .. } => {
            text.len() + calls.iter().map(|call| call.input.to_string().len()).sum::<usize>()
        }
        Message::Tool { output, .. } => output.len(),
    }
}

/// Head and tail of a text that is too long, with a line that says how much is missing and how to see it.
fn shorten(text: &str, bytes_max: usize, call: &str) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let first = head(text, bytes_max / 2);
    let mut from = text.len() - bytes_max / 2;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let missing = from - first.len();
    let offset = first.len();
    format!(
        "{first}\n[{missing} bytes left out; `read_output` of {call} from offset {offset} shows them]\n{}",
        &text[from..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(n: usize, bytes: usize) -> Message {
        Message::Tool { id: format!("c{n}"), ok: true, output: "x".repeat(bytes) }
    }

    fn left_out(messages: &[Message]) -> usize {
        let gone = |message: &&Message| matches!(message, Message::Tool { output, .. } if output.starts_with("[left out"));
        messages.iter().filter(gone).count()
    }

    #[test]
    fn the_oldest_answers_give_way_in_strides() {
        let build = |count| -> Vec<Message> {
            let task = Message::User { text: "do it".into() };
            std::iter::once(task).chain((0..count).map(|n| tool(n, 1000))).collect()
        };
        let mut fits = build(100);
        make_room(&mut fits, 200_000);
        assert_eq!(left_out(&fits), 0);
        let mut shown: Vec<usize> = Vec::new();
        for count in 100..140 {
            let mut messages = build(count);
            make_room(&mut messages, 100_000);
            let total: usize = messages.iter().map(size).sum();
            assert!(total <= 100_000 && left_out(&messages).is_multiple_of(STRIDE), "{count}: {total}");
            assert!(matches!(&messages[0], Message::User { text } if text == "do it"));
            shown.push(left_out(&messages));
        }
        shown.dedup();
        assert!(shown.len() <= 4, "the part left out moves seldom: {shown:?}");
    }

    #[test]
    fn short_answers_stay() {
        let mut messages: Vec<Message> = (0..50).map(|n| tool(n, 100)).collect();
        make_room(&mut messages, 10);
        assert_eq!(left_out(&messages), 0);
    }

    #[test]
    fn the_middle_of_a_long_answer_is_left_out_on_character_boundaries() {
        let text = "ä".repeat(1000);
        let short = shorten(&text, 101, "c1");
        assert!(short.contains("`read_output` of c1 from offset 50") && short.len() < 250, "{short}");
        assert_eq!(shorten(&text, 2000, "c1"), text);
    }
}
