//! Reports in JUnit's XML, for runners that print no count themselves (Gradle).

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Count;

/// Reports that are read.
const REPORTS_MAX: usize = 5_000;

/// Folders within folders that reports are looked for in.
const DEPTH_MAX: usize = 8;

/// Bytes of a report; a larger one is mostly output, and none that is read.
const REPORT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Which reports a command writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reports {
    /// None: what it prints is read.
    None,
    /// XML files below folders named `build/test-results`.
    Gradle,
}

/// Removes the reports that are there. Blocks.
pub fn remove_reports(folder: &Path, reports: Reports) -> io::Result<()> {
    match reports {
        Reports::None => Ok(()),
        Reports::Gradle => files(folder).iter().try_for_each(fs::remove_file),
    }
}

/// What the reports that are there say, added up; none where there are none. Blocks.
pub fn found_reports(folder: &Path, reports: Reports) -> Option<Count> {
    let found = match reports {
        Reports::None => return None,
        Reports::Gradle => files(folder).into_iter().filter_map(|path| report(&text(&path)?)),
    };
    found.fold(None, |total: Option<Count>, count| {
        let mut total = total.unwrap_or_default();
        total.add(count);
        Some(total)
    })
}

/// XML files below folders `build/test-results`. Links are not followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let results = folder.components().any(|part| part.as_os_str() == "test-results");
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (Ok(kind), path) = (entry.file_type(), entry.path()) else { continue };
            if kind.is_dir()
                && depth < DEPTH_MAX
                && path.file_name().is_none_or(|name| name != "node_modules")
            {
                folders.push((path, depth + 1));
            } else if kind.is_file() && results && path.extension().is_some_and(|end| end == "xml") {
                files.push(path);
            }
        }
        if files.len() >= REPORTS_MAX {
            break;
        }
    }
    files
}

fn text(path: &Path) -> Option<String> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(REPORT_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= REPORT_BYTES_MAX).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// What one report says; none where it is no report. Only the beginnings of elements are looked at, which
/// attributes and text cannot imitate: a `<` in them is written otherwise.
pub(super) fn report(xml: &str) -> Option<Count> {
    let suite = element(xml, "testsuite")?.1;
    let figure = |name| attribute(suite, name).and_then(|value| value.parse::<u64>().ok());
    let tests = figure("tests")?;
    let failed = figure("failures")?.checked_add(figure("errors")?)?;
    let skipped = figure("skipped").unwrap_or(0);
    let passed = tests.checked_sub(failed)?.checked_sub(skipped)?;
    let mut names = Vec::new();
    let mut rest = xml;
    while let Some((at, case)) = element(rest, "testcase") {
        rest = &rest[at + case.len()..];
        // Up to the next case, so that nothing is looked at more than once.
        let own = element(rest, "testcase").map_or(rest, |(next, _)| &rest[..next]);
        let body = if case.ends_with('/') { "" } else { own.split("</testcase").next().unwrap_or("") };
        if element(body, "failure").is_some() || element(body, "error").is_some() {
            let of = |name| attribute(case, name).unwrap_or_default();
            names.push(format!("{}.{}", of("classname"), of("name")));
        }
    }
    Some(Count { passed, failed, skipped, failing: Vec::new() }.with_failing(names))
}

/// Where the first element of that name begins, and its beginning up to `>`.
fn element<'a>(xml: &'a str, name: &str) -> Option<(usize, &'a str)> {
    let mut from = 0;
    while let Some(at) = xml[from..].find('<').map(|at| from + at) {
        let rest = &xml[at..];
        if rest.starts_with("<![CDATA[") {
            from = at + rest.find("]]>")?;
            continue;
        }
        if rest.starts_with("<!--") {
            from = at + rest.find("-->")?;
            continue;
        }
        let named =
            rest[1..].strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '>', '/', '\n', '\t']));
        if named {
            return Some((at, &rest[..rest.find('>')?]));
        }
        from = at + 1;
    }
    None
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = element;
    loop {
        let (before, after) = rest.split_once("=\"")?;
        let (value, next) = after.split_once('"')?;
        if before.ends_with(name) && before[..before.len() - name.len()].ends_with(char::is_whitespace) {
            return Some(value);
        }
        rest = next;
    }
}
