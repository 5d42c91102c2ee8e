//! The terminal, taken over and given back: at the end, after a panic, before a suspension.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;

/// How keys are switched to come one by one, and back. Apart from the terminal for tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawMode {
    /// Switches it on.
    pub(crate) on: fn() -> io::Result<()>,
    /// Switches it off.
    pub(crate) off: fn() -> io::Result<()>,
}

/// The terminal's own.
pub(crate) const RAW_MODE: RawMode = RawMode { on: enable_raw_mode, off: disable_raw_mode };

/// The terminal while the dashboard has it. Dropping it gives it back.
pub(crate) struct Screen<W: Write> {
    terminal: Terminal<CrosstermBackend<W>>,
    raw: RawMode,
    is_ours: bool,
}

impl<W: Write> Screen<W> {
    /// Takes the terminal over.
    pub(crate) fn enter(out: W, raw: RawMode) -> io::Result<Self> {
        let terminal = Terminal::new(CrosstermBackend::new(out))?;
        let mut screen = Self { terminal, raw, is_ours: false };
        screen.take()?;
        Ok(screen)
    }

    /// Draws what is new on the screen.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame.buffer_mut())).map(drop)
    }

    /// Draws everything anew the next time.
    ///
    /// Nothing is asked of the terminal for it: not every one answers where its cursor is, and each takes its time.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        let area = self.terminal.get_frame().area();
        self.terminal.resize(area)
    }

    /// Takes it again after it was given back.
    pub(crate) fn take(&mut self) -> io::Result<()> {
        self.is_ours = true;
        (self.raw.on)()?;
        let out = self.terminal.backend_mut();
        execute!(out, EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, Hide)?;
        self.forget()
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_ours) {
            return Ok(());
        }
        let written = restore(self.terminal.backend_mut());
        (self.raw.off)()?;
        written
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // A terminal that is gone cannot be given back, and needs not be.
        drop(self.give_back());
    }
}

/// Writes what brings a terminal back to how it was.
fn restore(out: &mut impl Write) -> io::Result<()> {
    execute!(out, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show)
}

/// While it is kept, a panic gives the terminal back before it is told.
pub(crate) struct PanicGuard {
    previous: Arc<Hook>,
}

type Hook = Box<dyn Fn(&std::panic::PanicHookInfo<'_>) + Send + Sync>;

impl PanicGuard {
    /// Guards against panics of this thread. Those of others are not told while the screen is taken: it
    /// ends when they do, and says so.
    pub(crate) fn new() -> Self {
        let previous: Arc<Hook> = Arc::new(std::panic::take_hook());
        let (told, ours) = (Arc::clone(&previous), thread::current().id());
        std::panic::set_hook(Box::new(move |info| {
            if thread::current().id() == ours {
                // Nothing can be done about a terminal that refuses.
                drop(restore(&mut io::stdout()));
                drop(disable_raw_mode());
                told(info);
            }
        }));
        Self { previous }
    }
}

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if !thread::panicking() {
            let previous = Arc::clone(&self.previous);
            std::panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::*;

    static RAW: AtomicI32 = AtomicI32::new(0);

    const COUNTED: RawMode = RawMode {
        on: || {
            RAW.fetch_add(1, Ordering::SeqCst);
            Ok(())
        },
        off: || {
            RAW.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        },
    };

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<W: Write> Screen<W> {
        /// A screen without a terminal: its size is given.
        pub(crate) fn of_size(out: W, columns: u16, rows: u16) -> Self {
            let viewport = ratatui::Viewport::Fixed(ratatui::layout::Rect::new(0, 0, columns, rows));
            let options = ratatui::TerminalOptions { viewport };
            let terminal = Terminal::with_options(CrosstermBackend::new(out), options).unwrap();
            Screen { terminal, raw: COUNTED, is_ours: false }
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let out = Written::default();
        let written = out.clone();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut screen = Screen::of_size(out, 20, 5);
            screen.take().unwrap();
            assert_eq!(RAW.load(Ordering::SeqCst), 1);
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(RAW.load(Ordering::SeqCst), 0);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let (entered, left) = (text.find("\u{1b}[?1049h").unwrap(), text.rfind("\u{1b}[?1049l").unwrap());
        assert!(entered < left, "{text:?}");
        for ended in ["\u{1b}[?2004l", "\u{1b}[?1006l", "\u{1b}[?25h"] {
            assert!(
                text[left.min(text.rfind(ended).unwrap_or(0))..].contains(ended),
                "{ended:?} in {text:?}"
            );
        }
    }
}
