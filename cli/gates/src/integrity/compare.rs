//! Compares the tests before with the tests after: what is gone, skipped, or asserts less.

use std::collections::HashMap;

use super::asserts::{Assert, Strength};
use super::lex::Language;
use super::model::{Suite, Test};
use super::suite;
use crate::diff::found::{Found, Weight};
use crate::diff::scope::{Edit, File};

/// A file's tests on both sides.
struct Pair<'e> {
    edit: &'e Edit,
    before: Suite,
    after: Suite,
}

/// Whether a test may be what another became.
type Fits = dyn Fn(&Place<'_>, &Place<'_>) -> bool;

impl<'e> Pair<'e> {
    fn of(edit: &'e Edit) -> Self {
        Self { edit, before: suite(&edit.path, &edit.before), after: suite(&edit.path, &edit.after) }
    }
}

/// A test and the file it is in.
type Place<'p> = (&'p Pair<'p>, &'p Test);

/// What happened to the tests of all files that differ.
pub(super) fn suites(edits: &[Edit]) -> Vec<Found> {
    let read = edits.iter().filter(|edit| Language::of(&edit.path).is_some());
    let pairs: Vec<Pair<'_>> = read.map(Pair::of).collect();
    let mut found = Vec::new();
    let mut matched: HashMap<(*const Edit, usize), ()> = HashMap::new();
    let matches = matches(&pairs, &mut matched);
    for (before, after) in matches {
        match after {
            Some(after) => found.extend(changed(before, after)),
            None => found.push(deleted(before)),
        }
    }
    for pair in &pairs {
        found.extend(file(pair, &pairs));
        found.extend(enders(pair));
    }
    found
}

/// Calls that end the process at once, without a word to whoever counts the tests, in the languages known here.
const ENDS: [&str; 10] = [
    "process::exit(",
    "process::abort(",
    "libc::_exit(",
    "os._exit(",
    "process.exit(",
    "process.reallyExit(",
    "os.Exit(",
    "syscall.Exit(",
    "System.exit(",
    "getRuntime().halt(",
];

/// Tests, new ones too, that end the process they run in and did not before: what they print on the way out is
/// all that a runner's account consists of then.
fn enders<'p>(pair: &'p Pair<'_>) -> impl Iterator<Item = Found> + 'p {
    let before = |test: &Test| pair.before.tests.iter().any(|old| old.name == test.name && ends(old));
    pair.after.tests.iter().filter(move |test| ends(test) && !before(test)).map(move |test| {
        let message = "the test ends the process that it runs in, and with it the account of all tests";
        let fix = "test in a process of its own what has to end one";
        finding("test-ends-process", Weight::Fails, (pair, test), message.to_owned(), fix)
    })
}

fn ends(test: &Test) -> bool {
    let dense: String = test.body.split_whitespace().collect();
    ENDS.iter().any(|call| dense.contains(call))
}

/// Each test before with the one it became, if any: of the same name in the same file, elsewhere under the
/// same name, or with the same body under another.
fn matches<'p>(
    pairs: &'p [Pair<'p>],
    taken: &mut HashMap<(*const Edit, usize), ()>,
) -> Vec<(Place<'p>, Option<Place<'p>>)> {
    let mut open: Vec<(Place<'p>, Option<Place<'p>>)> = Vec::new();
    for pair in pairs {
        open.extend(pair.before.tests.iter().map(|test| ((pair, test), None)));
    }
    let mut by_name: HashMap<&str, Vec<(usize, Place<'p>)>> = HashMap::new();
    let mut by_body: HashMap<&str, Vec<(usize, Place<'p>)>> = HashMap::new();
    for pair in pairs {
        for (number, test) in pair.after.tests.iter().enumerate() {
            by_name.entry(&test.name).or_default().push((number, (pair, test)));
            if !test.asserts.is_empty() && !test.body.is_empty() {
                by_body.entry(&test.body).or_default().push((number, (pair, test)));
            }
        }
    }
    let steps: [&Fits; 3] =
        [&|old, new| same_file(old, new) && old.1.scope == new.1.scope, &same_file, &|old, new| {
            Language::of(&old.0.edit.path) == Language::of(&new.0.edit.path)
        }];
    for fits in steps {
        for (old, new) in open.iter_mut().filter(|(_, new)| new.is_none()) {
            *new = take(by_name.get(old.1.name.as_str()), taken, |place| fits(old, place));
        }
    }
    // Under another name only a test that is new can be the same: others are matched by now.
    for (old, new) in open.iter_mut().filter(|(_, new)| new.is_none()) {
        *new = take(by_body.get(old.1.body.as_str()), taken, |_| true);
    }
    open
}

fn same_file(a: &Place<'_>, b: &Place<'_>) -> bool {
    std::ptr::eq(a.0.edit, b.0.edit)
}

fn take<'p>(
    from: Option<&Vec<(usize, Place<'p>)>>,
    taken: &mut HashMap<(*const Edit, usize), ()>,
    fits: impl Fn(&Place<'p>) -> bool,
) -> Option<Place<'p>> {
    let key = |number: usize, place: &Place<'p>| (std::ptr::from_ref(place.0.edit), number);
    let (number, place) =
        from?.iter().find(|(number, place)| !taken.contains_key(&key(*number, place)) && fits(place))?;
    taken.insert(key(*number, place), ());
    Some(*place)
}

fn finding(rule: &'static str, weight: Weight, (pair, test): Place<'_>, message: String, fix: &str) -> Found {
    Found {
        rule,
        weight,
        path: pair.edit.path.clone(),
        line: Some(test.line),
        subject: test.full_name(),
        message,
        fix: fix.to_owned(),
    }
}

fn deleted(before: Place<'_>) -> Found {
    let (pair, test) = before;
    let (message, fix) = match &pair.edit.after {
        File::Text(_) | File::Absent => (
            "the test is gone",
            "bring it back and make it pass; if the document takes away what it tests, leave its removal to a person",
        ),
        File::Bytes(_) | File::Unread(_) => (
            "the file of the test can no longer be read as a source file",
            "put the file back as a regular text file of less than 2 MiB",
        ),
    };
    let found = finding("test-deleted", Weight::Fails, before, message.to_owned(), fix);
    // The line is the one it had: there is none now.
    Found { line: None, subject: test.full_name(), ..found }
}

/// What happened to a test that is still there.
fn changed(old: Place<'_>, new: Place<'_>) -> Vec<Found> {
    let (before, after) = (old.1, new.1);
    let mut found = Vec::new();
    if let (None, Some(how)) = (&before.skip, &after.skip) {
        let message = format!("the test is skipped now: {how}");
        found.push(finding(
            "test-skipped",
            Weight::Fails,
            new,
            message,
            "take that out and make the test pass",
        ));
    }
    if let (None, Some(how)) = (&before.inverted, &after.inverted) {
        let message = format!("the test is expected to fail now: {how}");
        let fix = "take that out and make the test pass";
        found.push(finding("test-inverted", Weight::Fails, new, message, fix));
    }
    if let (Some(was), is) = (before.cases, after.cases)
        && is.unwrap_or(0) < was
    {
        let message = format!("the test is run with {} cases instead of {was}", is.unwrap_or(0));
        found.push(finding("cases-removed", Weight::Fails, new, message, "bring the cases back"));
    }
    found.extend(fewer(old, new));
    found.extend(loosened(before, new));
    found
}

/// Fewer assertions that can fail the test.
fn fewer(old: Place<'_>, new: Place<'_>) -> Option<Found> {
    let (before, after) = (old.1, new.1);
    let (was, is) = (before.asserts_that_count(), after.asserts_that_count());
    if is >= was {
        return None;
    }
    let (rule, how) = if after.trivial() > before.trivial() {
        ("assertion-trivial", "of its assertions some hold now whatever happens")
    } else if after.muted > before.muted {
        ("assertion-muted", "some of its assertions can no longer fail it: caught, or never reached")
    } else {
        ("assertions-removed", "some of its assertions are gone")
    };
    // What tests share may have taken them over; whether it did, a person can see.
    let shared = rule == "assertions-removed" && new.0.after.shared_asserts > old.0.before.shared_asserts;
    let weight = if shared { Weight::Concern } else { Weight::Fails };
    let message = format!("{how}: {is} are left of {was}");
    Some(finding(rule, weight, new, message, "assert again what was asserted, and mend the code instead"))
}

/// Assertions that say less or something else than they did: the worst of them.
fn loosened(before: &Test, new: Place<'_>) -> Vec<Found> {
    let gone = without(&before.asserts, &new.1.asserts);
    let mut come = without(&new.1.asserts, &before.asserts);
    let mut found: Vec<Found> = Vec::new();
    for was in gone.into_iter().filter(|assert| !assert.trivial) {
        let subject = come.iter().position(|is| is.args.first() == was.args.first());
        let place = subject.or_else(|| come.iter().position(|is| is.callee == was.callee)).or(
            // Otherwise the one that took its place, if there is one at all.
            if come.is_empty() { None } else { Some(0) },
        );
        let Some(is) = place.map(|place| come.remove(place)).filter(|is| !is.trivial) else { continue };
        let Some((rule, weight, message)) = difference(was, is) else { continue };
        if !found.iter().any(|found| found.rule == rule && found.weight <= weight) {
            found.retain(|found| found.rule != rule);
            let fix =
                "see that the document asks for it; if the code is wrong, mend the code and not the test";
            found.push(Found { line: Some(is.line), ..finding(rule, weight, new, message, fix) });
        }
    }
    found
}

fn without<'a>(these: &'a [Assert], those: &[Assert]) -> Vec<&'a Assert> {
    let mut those: Vec<&Assert> = those.iter().collect();
    let mut rest = Vec::new();
    for assert in these {
        match those.iter().position(|other| other.same(assert)) {
            Some(place) => drop(those.remove(place)),
            None => rest.push(assert),
        }
    }
    rest
}

fn difference(was: &Assert, is: &Assert) -> Option<(&'static str, Weight, String)> {
    match (was.tolerance(), is.tolerance()) {
        (Some(before), Some(after)) if after > before => {
            let message = format!("an assertion allows {after} now where it allowed {before}");
            return Some(("tolerance-widened", Weight::Concern, message));
        }
        (None, Some(after)) if was.strength == Strength::Exact && after > 0.0 => {
            let message = format!("an assertion of the very value allows {after} now");
            return Some(("tolerance-widened", Weight::Concern, message));
        }
        _ => {}
    }
    if is.strength < was.strength {
        let weight = if is.strength == Strength::Exists { Weight::Fails } else { Weight::Concern };
        let message = format!("`{}` says less than `{}` did", is.callee, was.callee);
        return Some(("assertion-weakened", weight, message));
    }
    let message = match was.callee == is.callee {
        true => format!("`{}` expects something else than it did", is.callee),
        false => format!("`{}` became `{}`", was.callee, is.callee),
    };
    Some(("expectation-changed", Weight::Concern, message))
}

/// What happened to a file of tests as a whole.
fn file(pair: &Pair<'_>, pairs: &[Pair<'_>]) -> Vec<Found> {
    let on_file = |rule, weight, line, message: String, fix: &str| Found {
        rule,
        weight,
        path: pair.edit.path.clone(),
        line,
        subject: String::new(),
        message,
        fix: fix.to_owned(),
    };
    let mut found = Vec::new();
    if let (None, Some((line, how))) = (&pair.before.focus, &pair.after.focus) {
        let weight = if pair.before.tests.is_empty() { Weight::Concern } else { Weight::Fails };
        let message = format!("`{how}` keeps the other tests from running");
        found.push(on_file("test-focused", weight, Some(*line), message, "take it out"));
    }
    let fresh = pair.after.conditions.iter().find(|condition| !pair.before.conditions.contains(condition));
    if let Some(condition) = fresh.filter(|_| !pair.before.tests.is_empty()) {
        let message = format!("its tests run only under a condition now: {condition}");
        found.push(on_file("tests-conditional", Weight::Fails, None, message, "take the condition out"));
    }
    for module in lost_modules(pair, pairs) {
        let message = format!("the module `{module}` is no longer declared: its tests are not compiled");
        let fix = "declare it again, under no other condition than before";
        found.push(on_file("tests-not-compiled", Weight::Fails, None, message, fix));
    }
    found
}

/// Modules that were declared here, hold tests by their name or condition, and are declared nowhere now.
fn lost_modules<'p>(pair: &'p Pair<'_>, pairs: &[Pair<'_>]) -> Vec<&'p str> {
    let holds_tests =
        |name: &str| name == "tests" || name == "test" || name.ends_with("_tests") || name.ends_with("_test");
    let declared = |module: &String| {
        let inline = pair.after.tests.iter().any(|test| test.scope.contains(module));
        let elsewhere = pairs.iter().any(|other| {
            other.after.modules.contains(module)
                && (std::ptr::eq(other.edit, pair.edit) || !other.before.modules.contains(module))
        });
        inline || elsewhere
    };
    // Of a module whose own file is gone, the tests are reported.
    let gone = |module: &str| {
        let ends = [format!("{module}.rs"), format!("{module}/mod.rs")];
        pairs
            .iter()
            .any(|other| other.edit.is_deleted() && ends.iter().any(|end| other.edit.path.ends_with(end)))
    };
    let lost = pair.before.modules.iter().filter(|module| holds_tests(module) && !declared(module));
    lost.map(String::as_str).filter(|module| !gone(module)).collect()
}
