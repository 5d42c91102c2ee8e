//! How screens look: signs, styles, and what moves.

use ratatui::style::{Color, Modifier, Style};

/// What a terminal and its user want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The characters to draw with.
    pub signs: Signs,
    /// The colours.
    pub palette: Palette,
    /// Whether anything moves by itself.
    pub motion: Motion,
}

/// The characters to draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// Lines, marks and bars of Unicode.
    Unicode,
    /// Nothing but ASCII, whatever the text.
    Ascii,
}

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// None: bold, dim and reversed alone.
    None,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
}

/// What moves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// A spinner turns while an effect is open.
    Full,
    /// Nothing; ages are told anew every ten seconds.
    Reduced,
}

/// What something means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// It holds.
    Good,
    /// It needs a look.
    Warning,
    /// It does not hold.
    Bad,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
    /// Under way, or a link to something.
    Accent,
    /// What keys act on.
    Selected,
}

impl Default for Look {
    fn default() -> Self {
        Self { signs: Signs::Unicode, palette: Palette::Dark, motion: Motion::Full }
    }
}

impl Look {
    /// The style of a tone.
    pub fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let color = |dark: Color, light: Color| match self.palette {
            Palette::None => plain,
            Palette::Dark => plain.fg(dark),
            Palette::Light => plain.fg(light),
        };
        match tone {
            Tone::Plain => plain,
            Tone::Good => color(Color::Green, Color::Indexed(22)),
            Tone::Warning => color(Color::Yellow, Color::Indexed(130)),
            Tone::Bad => color(Color::LightRed, Color::Indexed(124)).add_modifier(Modifier::BOLD),
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Faint => match self.palette {
                Palette::None => plain.add_modifier(Modifier::DIM),
                Palette::Dark => plain.fg(Color::Indexed(245)),
                Palette::Light => plain.fg(Color::Indexed(242)),
            },
            Tone::Accent => color(Color::Cyan, Color::Blue),
            Tone::Selected => plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// One of two signs.
    pub fn sign(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.signs {
            Signs::Unicode => unicode,
            Signs::Ascii => ascii,
        }
    }

    /// What ends a text that is cut.
    pub fn ellipsis(self) -> &'static str {
        self.sign("…", "~")
    }

    /// The spinner, `step` steps on; still where nothing is to move.
    pub fn spinner(self, step: u64) -> &'static str {
        const UNICODE: [&str; 8] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"];
        const ASCII: [&str; 4] = ["|", "/", "-", "\\"];
        match (self.motion, self.signs) {
            (Motion::Reduced, _) => self.sign("●", "*"),
            (Motion::Full, Signs::Unicode) => UNICODE[step as usize % UNICODE.len()],
            (Motion::Full, Signs::Ascii) => ASCII[step as usize % ASCII.len()],
        }
    }

    /// A bar of `columns` of which `done` of `all` are filled.
    pub fn bar(self, done: u64, all: u64, columns: usize) -> String {
        let filled = match all {
            0 => 0,
            all => (u128::from(done.min(all)) * columns as u128 / u128::from(all)) as usize,
        };
        let (full, empty) = (self.sign("█", "#"), self.sign("░", "."));
        format!("{}{}", full.repeat(filled), empty.repeat(columns.saturating_sub(filled)))
    }
}
