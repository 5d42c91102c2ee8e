//! The live display of an interactive run: what is settled above, what is going on below.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Paint;

const REDRAW: Duration = Duration::from_millis(120);

/// How a line of the checklist ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Done and checked.
    Passed,
    /// Checked, and wrong.
    Failed,
    /// A step on the way.
    Note,
}

/// A spinner with the current effect, and a checklist that grows above it. Dropping it clears the spinner.
pub(crate) struct Progress {
    bar: ProgressBar,
    color: bool,
}

impl Progress {
    pub(super) fn new(shown: bool, color: bool) -> Progress {
        if !shown {
            return Progress { bar: ProgressBar::hidden(), color: false };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}{wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        Progress { bar, color }
    }

    /// Names the iteration and its phase: `1 act`.
    pub(crate) fn phase(&self, iteration: u32, phase: &str) {
        self.bar.set_prefix(format!("{iteration} {phase}: "));
        self.bar.set_message("");
    }

    /// Names the effect that is under way.
    pub(crate) fn effect(&self, what: &str) {
        self.bar.set_message(super::printable(what).into_owned());
    }

    /// Settles one line of the checklist.
    pub(crate) fn check(&self, mark: Mark, what: &str) {
        let sign = match mark {
            Mark::Passed => Paint::Good.apply("✓", self.color),
            Mark::Failed => Paint::Bad.apply("✗", self.color),
            Mark::Note => Paint::Faint.apply("·", self.color),
        };
        self.bar.println(format!("{sign} {}", super::printable(what)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_display_takes_everything_and_shows_nothing() {
        let progress = Progress::new(false, true);
        progress.phase(1, "act");
        progress.effect("apply migration 1");
        for mark in [Mark::Passed, Mark::Failed, Mark::Note] {
            progress.check(mark, "posts");
        }
        assert!(progress.bar.is_hidden());
    }
}
