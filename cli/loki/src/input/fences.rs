//! Which lines of a Markdown text are fenced code.

/// The fence that is open, while lines are read in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Fences {
    open: Option<Fence>,
}

/// What a line is to fenced code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It has nothing to do with code.
    Outside,
    /// A fence opens.
    Opens,
    /// It is code.
    Inside,
    /// The fence that was open ends.
    Closes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

impl Fences {
    /// Takes the next line and says what it is.
    pub(super) fn next(&mut self, line: &str) -> Line {
        let found = fence(line);
        match (self.open, found) {
            (None, Some((fence, info))) if fence.mark == '~' || !info.contains('`') => {
                self.open = Some(fence);
                Line::Opens
            }
            (None, _) => Line::Outside,
            (Some(open), Some((fence, info)))
                if fence.mark == open.mark && fence.length >= open.length && info.trim().is_empty() =>
            {
                self.open = None;
                Line::Closes
            }
            (Some(_), _) => Line::Inside,
        }
    }

    /// Takes the next line; true where it is code or a fence.
    pub(super) fn covers(&mut self, line: &str) -> bool {
        self.next(line) != Line::Outside
    }

    /// The fence that would end the code that is open.
    pub(super) fn closing(&self) -> Option<String> {
        self.open.map(|fence| fence.mark.to_string().repeat(fence.length))
    }
}

/// A fence at the beginning of a line, however far it is indented, and what follows it.
fn fence(line: &str) -> Option<(Fence, &str)> {
    const LENGTH_MIN: usize = 3;
    let line = line.trim_start();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == mark).count();
    (length >= LENGTH_MIN).then(|| (Fence { mark, length }, &line[length..]))
}
