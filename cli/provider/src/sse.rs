//! Server-sent events, from bytes as they come.
//!
//! Pure. A stream may be cut anywhere, within a character or between the two bytes of a line's end, and
//! gives the same events.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    /// Its name; empty where it has none.
    pub(crate) name: String,
    /// Its data, lines joined by `\n`.
    pub(crate) data: String,
}

/// An event, or a line, has more bytes than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads a stream.
pub(crate) struct Parser {
    event_bytes_max: usize,
    /// The line that has begun.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return: a line feed after it belongs to the same end.
    returned: bool,
    /// Whether the first line is over: only it may begin with a byte order mark.
    begun: bool,
    name: String,
    data: Option<String>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Parser {
    /// A parser that holds at most `event_bytes_max` bytes.
    pub(crate) fn new(event_bytes_max: usize) -> Self {
        Self {
            event_bytes_max,
            line: Vec::new(),
            returned: false,
            begun: false,
            name: String::new(),
            data: None,
        }
    }

    /// Takes the next bytes and adds the events that they complete. An event at the end of a stream that
    /// no empty line follows is none: it may be cut off.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), TooLong> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.returned) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let held = self.line.len() + self.name.len() + self.data.as_ref().map_or(0, String::len);
            if held + part.len() > self.event_bytes_max {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { return Ok(()) };
            self.returned = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            events.extend(self.end_of_line());
        }
        Ok(())
    }

    /// Takes the line in; an empty one completes an event.
    fn end_of_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let bytes = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if !self.begun => rest,
            _ => &line,
        };
        self.begun = true;
        if bytes.is_empty() {
            let name = std::mem::take(&mut self.name);
            return self.data.take().map(|data| Event { name, data });
        }
        let line = String::from_utf8_lossy(bytes);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments have no name; `id` and `retry` are for clients that reconnect.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\nevent: a\r\ndata: {\"x\":\r\ndata:  \"ä€😀\"}\r\n\r\nid: 7\rretry: 5\rdata\r\rdata: two\n\nevent: unused\n\ndata:[DONE]\n\ndata: cut off";

    fn read(pieces: &[&[u8]], event_bytes_max: usize) -> (Vec<Event>, Result<(), TooLong>) {
        let mut parser = Parser::new(event_bytes_max);
        let mut events = Vec::new();
        let end = pieces.iter().try_for_each(|piece| parser.feed(piece, &mut events));
        (events, end)
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    fn expected() -> Vec<Event> {
        vec![event("a", "{\"x\":\n \"ä€😀\"}"), event("", ""), event("", "two"), event("", "[DONE]")]
    }

    #[test]
    fn fields_lines_and_ends_are_told_apart() {
        assert_eq!(read(&[STREAM.as_bytes()], 100), (expected(), Ok(())));
    }

    #[test]
    fn every_split_in_two_and_into_bytes_gives_the_same() {
        let bytes = STREAM.as_bytes();
        for place in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(place);
            assert_eq!(read(&[head, tail], 100).0, expected(), "split at {place}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single, 100).0, expected());
    }

    #[test]
    fn an_event_of_too_many_bytes_is_refused_and_one_of_just_enough_is_not() {
        assert_eq!(read(&[b"data: 1234\n\n"], 10), (vec![event("", "1234")], Ok(())));
        assert_eq!(read(&[b"data: 12345\n\n"], 10), (vec![], Err(TooLong)));
        assert_eq!(read(&[b"data: 1\n\ndata: 12\ndata: 3456\n\n"], 10), (vec![event("", "1")], Err(TooLong)));
        assert_eq!(read(&[b": a long comment"], 10).1, Err(TooLong));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn any_split_of_any_stream_gives_the_same(
            bytes in proptest::collection::vec(
                prop_oneof![
                    Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), Just(b'd'), Just(b'a'), Just(b't'),
                    Just(0xc3), Just(0xa4), any::<u8>()
                ],
                0..300,
            ),
            mut cuts in proptest::collection::vec(0_usize..300, 0..10),
        ) {
            cuts.retain(|cut| *cut <= bytes.len());
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            let whole = read(&[&bytes], 64);
            let split = read(&pieces, 64);
            prop_assert_eq!(&whole.0, &split.0);
            prop_assert_eq!(whole.1, split.1);
        }
    }
}
