//! The files in `outputs` are what the tools themselves printed, but for paths and stack traces.

use super::*;

fn count(passed: u64, failed: u64, skipped: u64, failing: &[&str]) -> Count {
    Count { passed, failed, skipped, failing: failing.iter().map(|name| (*name).to_owned()).collect() }
}

fn only(runner: Runner, reading: &Reading) -> Count {
    assert_eq!(reading.torn, []);
    assert_eq!(reading.counts.len(), 1, "{reading:?}");
    assert_eq!(reading.counts[0].0, runner);
    reading.counts[0].1.clone()
}

#[test]
fn what_the_tools_print_is_counted() {
    let node = &["fails # here", "suite > inner bad"];
    let pytest = &[
        "test_u.py::T::test_bad",
        "test_u.py::T::test_err",
        "tests/test_a.py::test_bad",
        "tests/test_a.py::test_err",
        "tests/test_a.py::test_p[z - w]",
    ];
    let cases = [
        (Runner::Cargo, include_str!("tests/outputs/cargo-test.txt"), "", count(4, 1, 1, &["tests::bad"])),
        (
            Runner::Nextest,
            "",
            include_str!("tests/outputs/cargo-nextest.txt"),
            count(3, 1, 1, &["crate1 tests::bad"]),
        ),
        (
            Runner::Node,
            include_str!("tests/outputs/node-tap.txt"),
            "",
            count(2, 2, 2, &["fails \\# here", "suite > inner bad"]),
        ),
        (Runner::Node, include_str!("tests/outputs/node-spec.txt"), "", count(2, 2, 2, node)),
        (
            Runner::Jest,
            "",
            include_str!("tests/outputs/jest.txt"),
            count(
                2,
                2,
                1,
                &["j/a.test.js > bad one", "j/a.test.js > s > in", "v/a.spec.mjs > Test suite failed to run"],
            ),
        ),
        (
            Runner::Vitest,
            include_str!("tests/outputs/vitest.txt"),
            include_str!("tests/outputs/vitest-stderr.txt"),
            count(1, 2, 1, &["v/a.spec.mjs > bad one", "v/a.spec.mjs > s > in"]),
        ),
        (Runner::Mocha, include_str!("tests/outputs/mocha.txt"), "", count(1, 1, 1, &["s > bad"])),
        (Runner::Tap, include_str!("tests/outputs/mocha-tap.txt"), "", count(1, 1, 1, &["s bad"])),
        (Runner::Pytest, include_str!("tests/outputs/pytest.txt"), "", count(3, 5, 3, pytest)),
        (Runner::Pytest, include_str!("tests/outputs/pytest-quiet.txt"), "", count(3, 5, 3, pytest)),
        (
            Runner::Unittest,
            "",
            include_str!("tests/outputs/unittest.txt"),
            count(1, 2, 1, &["test_bad (test_u.T.test_bad)", "test_err (test_u.T.test_err)"]),
        ),
        (
            Runner::Go,
            include_str!("tests/outputs/go-json.txt"),
            "",
            count(2, 1, 1, &["example.com/x TestBad/sub_a"]),
        ),
        (
            Runner::Go,
            include_str!("tests/outputs/go-verbose.txt"),
            "",
            count(2, 2, 1, &["TestBad", "TestBad/sub_a"]),
        ),
        (
            Runner::Go,
            include_str!("tests/outputs/go-plain.txt"),
            "",
            count(0, 2, 0, &["TestBad", "TestBad/sub_a"]),
        ),
    ];
    for (runner, stdout, stderr, expected) in cases {
        assert_eq!(only(runner, &read(stdout, stderr, &Runner::ALL)), expected, "{}", runner.name());
        // The same where a script joins the streams.
        let joined = format!("{stdout}\n{stderr}");
        assert_eq!(only(runner, &read(&joined, "", &[runner])), expected, "{} on stdout", runner.name());
    }
}

#[test]
fn maven_and_bun_are_counted() {
    let maven = "[INFO] Running ATest\n\
        [ERROR] Tests run: 4, Failures: 1, Errors: 1, Skipped: 1, Time elapsed: 0.05 s <<< FAILURE! -- in ATest\n\
        [INFO] Results:\n[INFO] \n[ERROR] Failures: \n[ERROR]   ATest.bad:2 expected: <1> but was: <2>\n\
        [ERROR] Errors: \n[ERROR]   ATest.err:2 Runtime x\n[INFO] \n\
        [ERROR] Tests run: 4, Failures: 1, Errors: 1, Skipped: 1\n[INFO] \n\
        [INFO] Results:\n[INFO] \n[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0\n";
    let expected = count(4, 2, 1, &["ATest.bad", "ATest.err"]);
    assert_eq!(only(Runner::Maven, &read(maven, "", &Runner::ALL)), expected);
    let bun = "bun test v1.1.0\n\na.test.ts:\n(pass) adds [0.05ms]\n(fail) s > bad [0.12ms]\n\n 1 pass\n 1 fail\n \
        2 expect() calls\nRan 2 tests across 1 files. [12.00ms]\n";
    assert_eq!(only(Runner::Bun, &read("", bun, &Runner::ALL)), count(1, 1, 0, &["s > bad"]));
}

#[test]
fn reports_of_gradle_are_counted() {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"ATest\" tests=\"3\" skipped=\"1\" \
        failures=\"1\" errors=\"0\" timestamp=\"x\" time=\"0.1\">\n<properties/>\n\
        <testcase name=\"ok()\" classname=\"a.ATest\" time=\"0.0\"/>\n\
        <testcase name=\"sk()\" classname=\"a.ATest\"><skipped/></testcase>\n\
        <testcase name=\"bad()\" classname=\"a.ATest\"><failure message=\"no\">x</failure></testcase>\n\
        <system-out><![CDATA[<testsuite tests=\"9\" failures=\"0\" errors=\"0\">]]></system-out></testsuite>";
    assert_eq!(junit::report(xml), Some(count(1, 1, 1, &["a.ATest.bad()"])));
    let hidden = "<a><![CDATA[<testsuite tests=\"9\" failures=\"0\" errors=\"0\">]]></a>";
    assert_eq!(junit::report(hidden), None);
    for broken in
        ["", "<testsuite", "<testsuite tests=\"1\">", "<testsuite tests=\"1\" failures=\"2\" errors=\"0\">"]
    {
        assert_eq!(junit::report(broken), None, "{broken}");
    }
}

const CARGO_GREEN: &str = "\nrunning 2 tests\ntest a ... ok\ntest b ... ok\n\ntest result: ok. 2 passed; 0 failed; \
    0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n";

#[test]
fn green_needs_an_exit_code_a_count_and_a_pass() {
    let green = read(CARGO_GREEN, "", &[Runner::Cargo]);
    assert_eq!(green.colour(0), Colour::Green);
    assert_eq!(green.colour(101), Colour::Red);
    assert_eq!(green.colour(-1), Colour::Red);
    // The same, and nothing of a runner that the command cannot lead to.
    assert!(matches!(read(CARGO_GREEN, "", &[Runner::Pytest]).colour(0), Colour::Unclear(_)));
    let none = "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
        finished in 0.00s\n";
    for output in
        ["", "all good\n", none, "no tests ran in 0.01s", "1..0\n", "ok  \tx\t0.1s [no tests to run]"]
    {
        let reading = read(output, "", &Runner::ALL);
        assert!(matches!(reading.colour(0), Colour::Unclear(_)), "{output:?}: {reading:?}");
    }
    let skipped = read("==== 3 skipped in 0.01s ====", "", &[Runner::Pytest]);
    assert_eq!(skipped.colour(0), Colour::Unclear("no test passed"));
}

/// The last summary of a runner counts; one that a test prints comes before it.
#[test]
fn a_summary_that_a_test_prints_does_not_count() {
    let cases = [
        (Runner::Pytest, "5 passed in 0.01s\n.F\n==== 1 failed, 1 passed in 0.02s ====\n", "", (1, 1)),
        (
            Runner::Unittest,
            "",
            "Ran 9 tests in 0.1s\n\nOK\nRan 1 test in 0.001s\n\nFAILED (failures=1)\n",
            (0, 1),
        ),
        (
            Runner::Jest,
            "",
            "Test Suites: 9 passed, 9 total\nTests:       9 passed, 9 total\nTest Suites: 1 failed, 1 total\n\
             Tests:       1 failed, 1 total\n",
            (0, 1),
        ),
        (Runner::Mocha, "  9 passing (1ms)\n\n  0 passing (6ms)\n  1 failing\n\n  1) s\n", "", (0, 1)),
    ];
    for (runner, stdout, stderr, (passed, failed)) in cases {
        let count = only(runner, &read(stdout, stderr, &[runner]));
        assert_eq!((count.passed, count.failed), (passed, failed), "{}", runner.name());
    }
}

#[test]
fn words_that_look_like_a_summary_are_none() {
    let sentences = [
        "5 passed",
        "all 5 passed in no time",
        "5 passed in 3 steps",
        "Tests: 5 passed, 5 total",
        "note: test result: ok. 5 passed; 0 failed",
        "5 passing",
        "  5 passing tests",
        "ok 5 things",
        "tests 5\npass 5\nfail 0",
        "# tests 5\n# pass 5\n# fail 0",
        "Summary: 5 tests run: 5 passed",
        "Tests run: 5, Failures: 0, Errors: 0, Skipped: 0",
        "[INFO] Tests run: 5, Failures: 0, Errors: 0, Skipped: 0",
        " Tests  5 passed (5)",
        "--- PASS: TestX (0.00s)",
        " 5 pass\n 0 fail",
    ];
    for sentence in sentences {
        let reading = read(sentence, sentence, &Runner::ALL);
        assert_eq!(reading.counts, [], "{sentence:?}");
        assert!(!matches!(reading.colour(0), Colour::Green), "{sentence:?}");
    }
}

/// A test that ends the process with 0, before or after it imitates a summary of its own.
#[test]
fn a_run_that_ends_early_is_never_green() {
    let result =
        "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
    let node = "TAP version 13\n# Subtest: /project/q.test.js\nok 1 - /project/q.test.js\n1..1\n# tests 1\n# suites 0\n\
        # pass 1\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 168.8\n";
    let started = "{\"Action\":\"run\",\"Package\":\"x\",\"Test\":\"TestA\"}\n{\"Action\":\"pass\",\"Package\":\"x\",\"Test\":\
        \"TestA\"}\n{\"Action\":\"run\",\"Package\":\"x\",\"Test\":\"TestB\"}\n";
    let cases = [
        (Runner::Cargo, "running 2 tests\ntest tests::a_ok ... ok\ntest tests::quits ... ".to_owned()),
        (Runner::Cargo, format!("running 2 tests\ntest tests::quits ... \n{result}")),
        (Runner::Cargo, result.to_owned()),
        (Runner::Cargo, format!("{CARGO_GREEN}running 3 tests\n")),
        (Runner::Pytest, "tests/test_q.py ".to_owned()),
        (Runner::Node, node.to_owned()),
        (Runner::Node, "\u{2714} q.test.js (1.5ms)\n\u{2139} tests 1\n\u{2139} pass 1\n\u{2139} fail 0\n\u{2139} cancelled 0\n".to_owned()),
        (Runner::Tap, "1..3\nok 1 - a\n".to_owned()),
        (Runner::Tap, "ok 1 - a\nBail out! no\n1..1\n".to_owned()),
        (Runner::Go, started.to_owned()),
        (Runner::Go, "{\"Action\":\"pass\",\"Package\":\"x\",\"Test\":\"TestA\"}\n".to_owned()),
    ];
    for (runner, output) in cases {
        let reading = read(&output, "", &[runner]);
        assert!(!matches!(reading.colour(0), Colour::Green), "{output:?}: {reading:?}");
    }
}

/// One line that could be of another runner does not spoil a count.
#[test]
fn a_range_is_no_plan() {
    let output = format!("1..10\n{CARGO_GREEN}");
    assert_eq!(read(&output, "", &Runner::ALL).colour(0), Colour::Green);
}

/// Tests of a tool that runs tests print whole runs.
#[test]
fn runs_within_runs_are_not_counted() {
    let inner = CARGO_GREEN.replace("2 passed", "1 passed").replace("running 2 tests", "running 1 test");
    let output = format!(
        "running 1 test\n{inner}test outer ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; \
         0 filtered out; finished in 0.1s\n"
    );
    assert_eq!(only(Runner::Cargo, &read(&output, "", &Runner::ALL)), count(1, 0, 0, &[]));
}

#[test]
fn numbers_that_no_run_can_have_are_refused() {
    let huge = u64::MAX;
    let outputs = [
        format!(
            "running 1 test\ntest result: ok. {huge} passed; {huge} failed; 2 ignored; 0 measured; 0 filtered out"
        ),
        format!("Test Suites: 1 passed, 1 total\nTests:       {huge} passed, 9 failed, 1 total"),
        format!("# tests 1\n# pass {huge}\n# fail {huge}\n# cancelled 3\n"),
        format!("[INFO] Results:\n[INFO] Tests run: 1, Failures: {huge}, Errors: {huge}, Skipped: 0"),
        format!("{huge}{huge} passed in 0.1s"),
        format!("     Summary [ 0.1s] 1 tests run: {huge} passed, {huge} failed"),
        format!("1..{huge}\nok 1\n"),
    ];
    for output in outputs {
        let reading = read(&output, &output, &Runner::ALL);
        assert!(!matches!(reading.colour(0), Colour::Green), "{output}: {reading:?}");
    }
}

/// No output makes an exit code other than 0 green, and none of its words makes 0 green without a pass.
#[test]
fn no_output_makes_a_failure_green() {
    let outputs = [
        CARGO_GREEN,
        include_str!("tests/outputs/node-spec.txt"),
        include_str!("tests/outputs/go-json.txt"),
        include_str!("tests/outputs/mocha-tap.txt"),
        "==== 9 passed in 0.1s ====",
        "  9 passing (1ms)",
        "1..1\nok 1 - a",
        "Ran 9 tests in 0.1s\n\nOK",
        "running 2 tests",
        "\u{1b}[32m",
    ];
    // Every order of three of them, on either stream.
    for one in outputs {
        for two in outputs {
            for three in outputs {
                let text = format!("{one}\n{two}\n{three}");
                let reading = read(&text, &text, &Runner::ALL);
                for exit_code in [1, 2, 101, 127, 137, -1, i32::MIN] {
                    assert_eq!(reading.colour(exit_code), Colour::Red);
                }
                let green = reading.colour(0) == Colour::Green;
                assert!(!green || (reading.total().passed > 0 && reading.total().failed == 0));
            }
        }
    }
}

#[test]
fn a_huge_output_is_read_in_no_time_and_names_are_bounded() {
    let mut lines: Vec<String> =
        (0..50_000).map(|at| format!("not ok {} - {}", at + 1, "n".repeat(20))).collect();
    lines.push("1..50000".to_owned());
    let reading = read(&lines.join("\n"), "", &Runner::ALL);
    assert_eq!(reading.total().failed, 50_000);
    // Nothing is looked at again and again either.
    let xml = format!("<testsuite tests=\"1\" failures=\"0\" errors=\"0\">{}", "<testcase >".repeat(20_000));
    assert_eq!(junit::report(&xml).unwrap().passed, 1);
    let packages: String =
        (0..10_000).map(|at| format!("{{\"Action\":\"fail\",\"Package\":\"p{at}\"}}\n")).collect();
    assert_eq!(read(&packages, "", &[Runner::Go]).total().failed, 10_000);
    let mut count = Count::default().with_failing((0..5_000).map(|at| format!("{at}{}", "x".repeat(1_000))));
    assert_eq!(count.failing.len(), FAILING_MAX);
    assert!(count.failing.iter().all(|name| name.chars().count() <= NAME_CHARS_MAX));
    count.add(Count { failing: vec!["z".to_owned()], ..Count::default() });
    assert_eq!(count.failing.len(), FAILING_MAX);
}
