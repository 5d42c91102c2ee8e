//! Compares sandboxes: `escapes [--user root|ordinary] [--only PREFIX] [NAME=COMMAND…]`.
//!
//! `COMMAND` is a sandbox's command line, put before the probe; `{project}` in it is the folder that the
//! command may write. Prints a table of what each lets through, then what could not be tried, then counts.
//! The program `loki-probe` has to be beside this one. Without any sandbox it shows what the controls do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;

use loki_probe::{Case, Confinement, Finding, Report, Suite, User, all_cases, try_all};

struct Wanted {
    ordinary: bool,
    only: String,
    peers: Vec<(String, Confinement)>,
}

/// What one sandbox showed.
struct Shown {
    name: String,
    reports: Vec<Report>,
}

fn main() -> ExitCode {
    match wanted().and_then(|wanted| compare(&wanted)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where stderr is gone.
            let _gone = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn wanted() -> io::Result<Wanted> {
    let mut wanted = Wanted { ordinary: false, only: String::new(), peers: Vec::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), word.split_once('=')) {
            ("--user", _) => wanted.ordinary = words.next().as_deref() == Some("ordinary"),
            ("--only", _) => wanted.only = words.next().unwrap_or_default(),
            (_, Some((name, command))) => {
                let words = command.split_whitespace().map(str::to_owned).collect();
                wanted.peers.push((name.to_owned(), Confinement { words }));
            }
            (other, None) => return Err(io::Error::other(format!("`{other}` is no NAME=COMMAND"))),
        }
    }
    if wanted.peers.is_empty() {
        wanted.peers.push(("none".to_owned(), Confinement { words: Vec::new() }));
    }
    Ok(wanted)
}

fn compare(wanted: &Wanted) -> io::Result<()> {
    let probe = std::env::current_exe()?.with_file_name("loki-probe");
    let user = User::all().into_iter().find(|user| user.switch == wanted.ordinary);
    let user = user.ok_or_else(|| io::Error::other("only root can try as another user"))?;
    let cases: Vec<Case> =
        all_cases().into_iter().filter(|case| case.name.starts_with(&wanted.only)).collect();
    let mut all = Vec::new();
    for (name, confinement) in &wanted.peers {
        let folder = std::env::temp_dir().join(format!("escapes-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let reports = Suite::new(&folder, &probe, user).map(|suite| try_all(&suite, &cases, confinement));
        std::fs::remove_dir_all(&folder)?;
        all.push(Shown { name: name.clone(), reports: reports? });
    }
    let mut out = io::stdout().lock();
    print_table(&mut out, &all)?;
    print_reasons(&mut out, &all)?;
    print_counts(&mut out, &all)
}

/// A row for each case that somebody lets through.
fn print_table(out: &mut impl Write, all: &[Shown]) -> io::Result<()> {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (column, shown) in all.iter().enumerate() {
        for report in &shown.reports {
            let row = rows.entry(&report.name).or_insert_with(|| vec![""; all.len()]);
            let mark = match report.finding {
                Finding::Held(_) | Finding::DeniedAnyway(_) => ".",
                Finding::Escape(_) => "THROUGH",
                Finding::Untestable(_) => "-",
                Finding::Broken(_) => "?",
            };
            row.get_mut(column).into_iter().for_each(|cell| *cell = mark);
        }
    }
    let head: Vec<String> = all.iter().map(|shown| format!("{:>9}", shown.name)).collect();
    writeln!(out, "{:34}{}", "let through", head.concat())?;
    for (name, row) in rows.iter().filter(|(_, row)| row.contains(&"THROUGH")) {
        let cells: Vec<String> = row.iter().map(|cell| format!("{cell:>9}")).collect();
        writeln!(out, "{name:34}{}", cells.concat())?;
    }
    writeln!(out)
}

/// How each got through, and what proves nothing, each only once.
fn print_reasons(out: &mut impl Write, all: &[Shown]) -> io::Result<()> {
    let mut lines = BTreeSet::new();
    for shown in all {
        for report in &shown.reports {
            match &report.finding {
                Finding::Untestable(why) => {
                    lines.insert(format!("untestable here  {:32} {why}", report.name))
                }
                Finding::Broken(why) => {
                    lines.insert(format!("broken  {}: {:32} {why}", shown.name, report.name))
                }
                Finding::Escape(how) => {
                    lines.insert(format!("through  {}: {:32} {how}", shown.name, report.name))
                }
                Finding::Held(_) | Finding::DeniedAnyway(_) => false,
            };
        }
    }
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out)
}

fn print_counts(out: &mut impl Write, all: &[Shown]) -> io::Result<()> {
    for Shown { name, reports } in all {
        let count =
            |wanted: fn(&Finding) -> bool| reports.iter().filter(|report| wanted(&report.finding)).count();
        writeln!(
            out,
            "{name}: {} cases: {} held, {} let through, {} denied by the kernel anyway, {} untestable here, \
             {} broken",
            reports.len(),
            count(|finding| matches!(finding, Finding::Held(_))),
            count(|finding| matches!(finding, Finding::Escape(_))),
            count(|finding| matches!(finding, Finding::DeniedAnyway(_))),
            count(|finding| matches!(finding, Finding::Untestable(_))),
            count(|finding| matches!(finding, Finding::Broken(_))),
        )?;
    }
    Ok(())
}
