//! What the program says: results to stdout, everything else to stderr.
//!
//! Nothing else in the workspace prints. A reader that went away (`loki … | head -1`) is no error:
//! the rest is dropped.

mod paint;
mod progress;
mod table;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::cli::Globals;
use crate::environment::Environment;
use crate::error::CommandError;

pub(crate) use paint::{Paint, printable};
pub(crate) use progress::{Mark, Progress};
pub(crate) use table::table;

/// The output could not be written, and not because nobody reads it any more.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the output")]
pub(crate) struct OutputError(#[source] io::Error);

/// How much is said beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// What is going on.
    Normal,
    /// What is going on, in detail.
    Verbose,
}

/// The form results take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Who is on the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person at a terminal: live progress, and questions may be asked.
    Person,
    /// Nobody: runs print one JSON object a line, nothing waits, stdin is not read unless it is named.
    Nobody,
}

/// The program's voice.
pub(crate) struct Ui {
    out: Stream,
    err: Stream,
    format: Format,
    verbosity: Verbosity,
    audience: Audience,
}

struct Stream {
    writer: Box<dyn Write + Send>,
    color: bool,
    /// False once the reader has gone.
    open: bool,
}

impl Ui {
    /// The voice of this process, as its terminal, its environment and its flags have it.
    pub(crate) fn of_process(environment: &Environment, globals: &Globals) -> Ui {
        let color = environment.allows_color() && !globals.no_color;
        let headless = globals.headless || environment.is_ci() || !io::stdout().is_terminal();
        Ui {
            out: Stream::new(Box::new(io::stdout()), color && io::stdout().is_terminal()),
            err: Stream::new(Box::new(io::stderr()), color && io::stderr().is_terminal()),
            format: if globals.json { Format::Json } else { Format::Text },
            verbosity: globals.verbosity(),
            audience: if headless { Audience::Nobody } else { Audience::Person },
        }
    }

    /// One line of the result.
    pub(crate) fn result(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        self.out.line(line)
    }

    /// Text of the result, ended with a new line where it has none.
    pub(crate) fn result_text(&mut self, text: &str) -> Result<(), OutputError> {
        self.out.text(text)
    }

    /// The whole result, as indented JSON.
    pub(crate) fn result_json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let text = serde_json::to_string_pretty(value).map_err(|source| OutputError(source.into()))?;
        self.out.line(format_args!("{text}"))
    }

    /// Stdout itself, for a result that is written piece by piece.
    pub(crate) fn result_writer(&mut self) -> impl Write + '_ {
        &mut self.out
    }

    /// Bytes that a command printed to its stdout, sent at once. Once nobody reads them, that is an error:
    /// the command is to end as it would in a pipe of its own.
    pub(crate) fn pass_stdout(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.pass(bytes)
    }

    /// Bytes that a command printed to its stderr, sent at once.
    pub(crate) fn pass_stderr(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.err.pass(bytes)
    }

    /// One event of a headless run: a JSON object on a line of its own, sent at once.
    pub(crate) fn event(&mut self, event: &impl Serialize) -> Result<(), OutputError> {
        let text = serde_json::to_string(event).map_err(|source| OutputError(source.into()))?;
        self.out.line(format_args!("{text}"))?;
        self.out.send(|writer| writer.flush())
    }

    /// What is going on. Silent under `--quiet`.
    pub(crate) fn status(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        if self.verbosity >= Verbosity::Normal { self.err.line(line) } else { Ok(()) }
    }

    /// What is going on, in detail. Only under `--verbose`.
    pub(crate) fn detail(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        if self.verbosity >= Verbosity::Verbose { self.err.line(line) } else { Ok(()) }
    }

    /// Something the person should know though the command goes on.
    pub(crate) fn warning(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        let label = Paint::Warning.apply("warning:", self.err.color);
        self.err.line(format_args!("{label} {line}"))
    }

    /// The parser's own complaint, laid out by it.
    pub(crate) fn usage(&mut self, text: &str) -> Result<(), OutputError> {
        self.err.text(text)
    }

    /// What ended the command: the message, its causes below it, then what can be done.
    pub(crate) fn error(&mut self, error: &CommandError) -> Result<(), OutputError> {
        if self.format == Format::Json {
            return self.err.line(format_args!("{}", error.to_json()));
        }
        let color = self.err.color;
        self.err.line(format_args!("{} {}", Paint::Bad.apply("error:", color), printable(&error.message)))?;
        for (depth, cause) in error.causes.iter().enumerate() {
            let indent = "  ".repeat(depth + 1);
            self.err.line(format_args!("{indent}{}", printable(cause)))?;
        }
        for hint in &error.hints {
            self.err.line(format_args!("{} {}", Paint::Good.apply("hint:", color), printable(hint)))?;
        }
        Ok(())
    }

    /// `text` coloured for stdout, where stdout takes colour.
    pub(crate) fn paint(&self, paint: Paint, text: &str) -> String {
        paint.apply(text, self.out.color)
    }

    /// True where a script wants JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// True where nothing is said but results, warnings and errors.
    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// True where nobody watches: print events, never wait, never read stdin unasked.
    pub(crate) fn is_headless(&self) -> bool {
        self.audience == Audience::Nobody
    }

    /// A live display on stderr; it shows nothing where nobody watches or `--quiet` is set.
    pub(crate) fn progress(&self) -> Progress {
        let shown = self.audience == Audience::Person && self.verbosity >= Verbosity::Normal;
        Progress::new(shown, self.err.color)
    }

    /// A voice that speaks into memory, and the two ends to read it from.
    #[cfg(test)]
    pub(crate) fn captured(format: Format, verbosity: Verbosity) -> (Ui, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        let ui = Ui {
            out: Stream::new(Box::new(out.clone()), false),
            err: Stream::new(Box::new(err.clone()), false),
            format,
            verbosity,
            audience: Audience::Nobody,
        };
        (ui, out, err)
    }
}

impl Stream {
    fn new(writer: Box<dyn Write + Send>, color: bool) -> Stream {
        Stream { writer, color, open: true }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) -> Result<(), OutputError> {
        self.send(|writer| writeln!(writer, "{line}"))
    }

    fn text(&mut self, text: &str) -> Result<(), OutputError> {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        self.send(|writer| write!(writer, "{text}{end}"))
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }

    fn send(&mut self, act: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), OutputError> {
        if !self.open {
            return Ok(());
        }
        match act(&mut *self.writer) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.open = false;
                Ok(())
            }
            other => other.map_err(OutputError),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(|writer| writer.write_all(bytes)).map_err(|OutputError(error)| error)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send(|writer| writer.flush()).map_err(|OutputError(error)| error)
    }
}

/// What a captured stream was told.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Captured(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

#[cfg(test)]
impl Captured {
    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
