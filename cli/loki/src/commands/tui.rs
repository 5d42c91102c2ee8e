//! `loki tui`, and what `loki start` opens in a terminal.

pub(crate) mod around;
mod backend;
pub(crate) mod detached;
pub(crate) mod index;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use clap::ValueEnum;
use loki_ledger::event::RunId;
use loki_store::SystemClock;
use loki_tui::app::{Left, Opening};
use loki_tui::look::{Look, Motion, Palette, Signs};

use crate::app::{App, AppError};
use crate::context::Context;
use crate::environment::Environment;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui};
use around::Around;

/// Watch and steer runs in the terminal
///
/// Shows every run of every project of this user, live or finished: what it does, what it has cost, what is
/// proven and what waits for you. Leaving it leaves the run as it is. `loki watch` says the same line by line.
#[derive(clap::Args, Debug)]
pub(crate) struct TuiArgs {
    /// The run, or the beginning of its name (default: the newest)
    run: Option<String>,
    #[command(flatten)]
    look: LookArgs,
}

/// How the dashboard looks.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct LookArgs {
    /// Colours for a dark or a light background, or none (default: as the terminal says, else dark)
    #[arg(long, value_name = "THEME")]
    theme: Option<Theme>,
    /// Draw with ASCII alone
    #[arg(long)]
    ascii: bool,
    /// Let nothing move by itself
    #[arg(long)]
    reduced_motion: bool,
}

/// Colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Theme {
    Dark,
    Light,
    None,
}

pub(crate) fn tui(ui: &mut Ui, context: &Context, args: &TuiArgs) -> Result<Status, CommandError> {
    if !in_terminal() {
        let message = "the dashboard needs a terminal to read keys from and to draw on";
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("`loki watch` says what happens line by line, also into a pipe or a file.")
            .hint("`loki status --json` says how a run stands."));
    }
    let app = App::of(context);
    let run = newest(&app, args.run.as_deref())?;
    let look = look(&context.environment, ui, &args.look);
    Ok(match show(context, look, run)? {
        Left::Key | Left::TerminalGone => Status::Success,
        Left::Signal(number) => of_signal(number),
    })
}

/// The newest run, or the newest whose name begins so. Its events are read on the screen.
fn newest(app: &App, named: Option<&str>) -> Result<Option<RunId>, CommandError> {
    let runs = match app.reader()? {
        Some(reader) => reader.runs()?,
        None => Vec::new(),
    };
    let meant = runs.into_iter().find(|run| named.is_none_or(|name| run.id.as_str().starts_with(name)));
    match (meant, named) {
        (None, Some(_)) => Err(AppError::NoRun.into()),
        (meant, _) => Ok(meant.map(|run| run.id)),
    }
}

/// Shows the dashboard until it is left.
pub(crate) fn show(context: &Context, look: Look, run: Option<RunId>) -> Result<Left, CommandError> {
    let control = Box::new(Around::new(context));
    let opening = Opening { look, project: context.project.root().to_owned(), run };
    loki_tui::app::run(control, Arc::new(SystemClock), opening).map_err(|error| {
        CommandError::from_error(ErrorKind::Io, &error).hint("`loki watch` needs no screen.")
    })
}

/// Whether there is a terminal on both ends.
pub(crate) fn in_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The status of a dashboard that a signal ended.
pub(crate) fn of_signal(number: i32) -> Status {
    if number == libc::SIGINT { Status::Interrupted } else { Status::Terminated }
}

/// How the dashboard looks in this terminal, unless flags say otherwise.
pub(crate) fn look(environment: &Environment, ui: &Ui, args: &LookArgs) -> Look {
    let colour = ui.paint(Paint::Strong, "x") != "x";
    let palette = match args.theme {
        Some(Theme::Dark) => Palette::Dark,
        Some(Theme::Light) => Palette::Light,
        Some(Theme::None) => Palette::None,
        None if !colour => Palette::None,
        None if is_light(environment) => Palette::Light,
        None => Palette::Dark,
    };
    let signs = if args.ascii || !speaks_unicode(environment) { Signs::Ascii } else { Signs::Unicode };
    let motion = if args.reduced_motion { Motion::Reduced } else { Motion::Full };
    Look { signs, palette, motion }
}

/// Whether the terminal says that its background is light: the last part of `COLORFGBG` is white.
fn is_light(environment: &Environment) -> bool {
    let background = environment.get("COLORFGBG").and_then(|value| value.rsplit(';').next());
    matches!(background, Some("7" | "15"))
}

/// Whether the locale is one of UTF-8, and the terminal one that has more than a few signs.
fn speaks_unicode(environment: &Environment) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.get(name));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    (locale.contains("utf-8") || locale.contains("utf8")) && environment.get("TERM") != Some("linux")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Format, Verbosity};

    fn look_of<const N: usize>(variables: [(&str, &str); N], args: &LookArgs) -> Look {
        let (ui, _, _) = Ui::captured(Format::Text, Verbosity::Normal);
        look(&Environment::of(variables), &ui, args)
    }

    #[test]
    fn signs_follow_the_locale_and_the_terminal() {
        let signs = |variables: [(&str, &str); 2]| look_of(variables, &LookArgs::default()).signs;
        assert_eq!(signs([("LANG", "de_DE.UTF-8"), ("TERM", "xterm")]), Signs::Unicode);
        assert_eq!(signs([("LANG", "C.utf8"), ("TERM", "linux")]), Signs::Ascii);
        assert_eq!(signs([("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]), Signs::Ascii);
        let args = LookArgs { ascii: true, ..LookArgs::default() };
        assert_eq!(look_of([("LANG", "C.UTF-8")], &args).signs, Signs::Ascii);
    }

    #[test]
    fn flags_decide_on_colours_before_the_terminal_does() {
        // What is captured takes no colour.
        assert_eq!(look_of([], &LookArgs::default()).palette, Palette::None);
        for (theme, palette) in [(Theme::Light, Palette::Light), (Theme::Dark, Palette::Dark)] {
            let args = LookArgs { theme: Some(theme), ..LookArgs::default() };
            assert_eq!(look_of([], &args).palette, palette);
        }
        assert!(is_light(&Environment::of([("COLORFGBG", "0;15")])));
        assert!(!is_light(&Environment::of([("COLORFGBG", "15;0")])));
    }
}
