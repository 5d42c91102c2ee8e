//! What counts as a test deleted, skipped or loosened, in every language; and what does not.

use super::judge;
use crate::diff::scope::{Edit, File};
use loki_ledger::event::Verdict;

/// What a change of one file comes to: the rules, failing ones with a `!`.
fn rules(path: &str, before: &str, after: &str) -> Vec<String> {
    of(&[Edit::text(path, Some(before), Some(after))])
}

fn of(edits: &[Edit]) -> Vec<String> {
    let judgement = judge(edits);
    let found = judgement.facts["findings"].as_array().unwrap().clone();
    let mut rules: Vec<String> = found
        .iter()
        .map(|found| {
            let fails = found["weight"] == "fails";
            format!("{}{}", found["rule"].as_str().unwrap(), if fails { "!" } else { "" })
        })
        .collect();
    rules.sort();
    rules.dedup();
    assert_eq!(judgement.verdict == Verdict::Fail, rules.iter().any(|rule| rule.ends_with('!')), "{rules:?}");
    rules
}

/// A language's way to write a test: the path, the test, and the same test changed in one way each.
struct Dialect {
    path: &'static str,
    base: &'static str,
    cases: &'static [(&'static str, &'static str, &'static [&'static str])],
}

const DIALECTS: &[Dialect] = &[
    Dialect {
        path: "src/sum.rs",
        base: "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(sum(1, 2), 3, \"// words\");\n        assert!(sum(0, 0) == 0);\n    }\n}\n",
        cases: &[
            ("    fn adds()", "    #[ignore = \"slow\"]\n    fn adds()", &["test-skipped!"]),
            ("    fn adds()", "    #[should_panic]\n    fn adds()", &["test-inverted!"]),
            ("    fn adds()", "    #[cfg(feature = \"x\")]\n    fn adds()", &["test-skipped!"]),
            ("#[cfg(test)]", "#[cfg(all(test, windows))]", &["test-skipped!"]),
            ("    #[test]\n", "", &["test-deleted!"]),
            ("        assert!(sum(0, 0) == 0);\n", "", &["assertions-removed!"]),
            (
                "        assert!(sum(0, 0) == 0);\n",
                "        // assert!(sum(0, 0) == 0);\n",
                &["assertions-removed!"],
            ),
            ("assert!(sum(0, 0) == 0)", "let _ = \"assert!(sum(0, 0) == 0)\"", &["assertions-removed!"]),
            ("assert!(sum(0, 0) == 0)", "assert!(true)", &["assertion-trivial!"]),
            ("assert!(sum(0, 0) == 0)", "assert!(sum(0, 0) == 0 || true)", &["assertion-trivial!"]),
            ("        assert_eq!", "        return;\n        assert_eq!", &["assertion-muted!"]),
            (
                "        assert!(sum(0, 0) == 0);\n",
                "        if false {\n assert!(sum(0, 0) == 0);\n }\n",
                &["assertion-muted!"],
            ),
            (", 3,", ", 4,", &["expectation-changed"]),
            (
                "assert_eq!(sum(1, 2), 3, \"// words\")",
                "assert!(sum(1, 2).is_some())",
                &["assertion-weakened!"],
            ),
            ("// words", "other words", &[]),
            ("sum(0, 0) == 0", "sum( 0,0 )\n   == 0", &[]),
            ("mod tests {", "use a::b;\nmod tests {", &[]),
            ("fn adds", "fn adds_numbers", &[]),
        ],
    },
    Dialect {
        path: "tests/test_sum.py",
        base: "import pytest\n\n\nclass TestSum:\n    def test_adds(self):\n        assert total(1, 2) == 3, \"# words\"\n        self.assertEqual(total(0, 0), 0)\n\n\n@pytest.mark.parametrize(\"a\", [1, 2, 3])\ndef test_many(a):\n    assert total(a, 0) == pytest.approx(a, abs=0.01)\n",
        cases: &[
            (
                "    def test_adds",
                "    @pytest.mark.skip(reason=\"later\")\n    def test_adds",
                &["test-skipped!"],
            ),
            ("class TestSum", "@unittest.skip(\"later\")\nclass TestSum", &["test-skipped!"]),
            (
                "    def test_adds",
                "    @pytest.mark.xfail\n    def test_adds",
                &["test-inverted!", "test-skipped!"],
            ),
            ("import pytest\n", "import pytest\n\npytestmark = pytest.mark.skip\n", &["tests-conditional!"]),
            (
                "        assert total(1, 2)",
                "        pytest.skip(\"later\")\n        assert total(1, 2)",
                &["test-skipped!"],
            ),
            ("def test_adds", "def _test_adds", &["test-deleted!"]),
            ("        self.assertEqual(total(0, 0), 0)\n", "", &["assertions-removed!"]),
            (
                "        self.assertEqual(total(0, 0), 0)\n",
                "        '''self.assertEqual(total(0, 0), 0)'''\n",
                &["assertions-removed!"],
            ),
            ("assert total(1, 2) == 3, \"# words\"", "assert True", &["assertion-trivial!"]),
            (
                "assert total(1, 2) == 3, \"# words\"",
                "assert (total(1, 2) == 3, \"words\")",
                &["assertion-trivial!"],
            ),
            (
                "assert total(1, 2) == 3, \"# words\"",
                "try:\n            assert total(1, 2) == 3\n        except Exception:\n            pass",
                &["assertion-muted!"],
            ),
            (
                "assert total(1, 2) == 3, \"# words\"",
                "if False:\n            assert total(1, 2) == 3",
                &["assertion-muted!"],
            ),
            ("== 3,", "== 4,", &["expectation-changed"]),
            (
                "assert total(1, 2) == 3, \"# words\"",
                "assert total(1, 2) is not None",
                &["assertion-weakened!"],
            ),
            ("abs=0.01", "abs=0.5", &["tolerance-widened"]),
            ("[1, 2, 3]", "[1, 2]", &["cases-removed!"]),
            ("# words", "# other words", &[]),
            ("        self.assertEqual", "        # a remark\n        self.assertEqual", &[]),
            ("assert total(1, 2) == 3", "assert total(\n            1, 2,\n        ) == 3", &[]),
        ],
    },
    Dialect {
        path: "src/sum.test.ts",
        base: "import { sum } from './sum';\n\ndescribe('sum', () => {\n  it('adds', async () => {\n    expect(sum(1, 2)).toBe(3);\n    expect(sum(0.1, 0.2)).toBeCloseTo(0.3, 5);\n  });\n  it.each([[1, 1], [2, 2]])('keeps %i', (a, b) => {\n    expect(sum(a, 0)).toEqual(b);\n  });\n});\n",
        cases: &[
            ("it('adds'", "it.skip('adds'", &["test-skipped!"]),
            ("it('adds'", "xit('adds'", &["test-skipped!"]),
            ("it('adds'", "it.todo('adds'", &["test-skipped!"]),
            ("describe('sum'", "describe.skip('sum'", &["test-skipped!"]),
            ("it('adds'", "it.only('adds'", &["test-focused!"]),
            ("it('adds'", "it.failing('adds'", &["test-inverted!"]),
            ("it('adds', async", "it('adds', { skip: true }, async", &["test-skipped!"]),
            ("it('adds'", "// it('adds'", &["test-deleted!"]),
            ("    expect(sum(1, 2)).toBe(3);\n", "", &["assertions-removed!"]),
            (
                "    expect(sum(1, 2)).toBe(3);\n",
                "    /* expect(sum(1, 2)).toBe(3); */\n",
                &["assertions-removed!"],
            ),
            (
                "    expect(sum(1, 2)).toBe(3);\n",
                "    `expect(sum(1, 2)).toBe(3);`;\n",
                &["assertions-removed!"],
            ),
            ("expect(sum(1, 2)).toBe(3)", "expect(true).toBe(true)", &["assertion-trivial!"]),
            (
                "expect(sum(1, 2)).toBe(3);",
                "try { expect(sum(1, 2)).toBe(3); } catch (e) {}",
                &["assertion-muted!"],
            ),
            ("    expect(sum(1, 2))", "    return;\n    expect(sum(1, 2))", &["assertion-muted!"]),
            (".toBe(3)", ".toBe(4)", &["expectation-changed"]),
            (".toBe(3)", ".toBeDefined()", &["assertion-weakened!"]),
            ("0.3, 5", "0.3, 1", &["tolerance-widened"]),
            ("[[1, 1], [2, 2]]", "[[1, 1]]", &["cases-removed!"]),
            (".toBe(3);", "\n      .toBe(3)", &[]),
            ("it('adds'", "it('adds two numbers'", &[]),
            ("async () => {\n", "async () => {\n    if (!sum) return;\n", &[]),
        ],
    },
    Dialect {
        path: "sum_test.go",
        base: "package sum\n\nimport \"testing\"\n\nfunc TestAdds(t *testing.T) {\n\tif got := Sum(1, 2); got != 3 {\n\t\tt.Errorf(\"got %d\", got)\n\t}\n\tassert.Equal(t, 0, Sum(0, 0))\n}\n",
        cases: &[
            ("\tif got", "\tt.Skip(\"later\")\n\tif got", &["test-skipped!"]),
            ("package sum", "//go:build never\n\npackage sum", &["tests-conditional!"]),
            ("func TestAdds", "func testAdds", &["test-deleted!"]),
            ("\tassert.Equal(t, 0, Sum(0, 0))\n", "", &["assertions-removed!"]),
            ("\t\tt.Errorf(\"got %d\", got)\n", "\t\tt.Logf(\"got %d\", got)\n", &["assertions-removed!"]),
            ("assert.Equal(t, 0, Sum(0, 0))", "assert.True(t, true)", &["assertion-trivial!"]),
            ("got != 3", "got != 4", &["expectation-changed"]),
            ("got %d", "got: %d", &[]),
            ("\tassert", "\t// a remark with t.Skip()\n\tassert", &[]),
        ],
    },
    Dialect {
        path: "src/test/java/SumTest.java",
        base: "class SumTest {\n  @Test\n  void adds() {\n    assertEquals(3, sum(1, 2));\n    assertThat(sum(0, 0)).isEqualTo(0);\n  }\n}\n",
        cases: &[
            ("  @Test\n", "  @Test\n  @Disabled(\"later\")\n", &["test-skipped!"]),
            ("class SumTest", "@Ignore\nclass SumTest", &["test-skipped!"]),
            ("  @Test\n", "", &["test-deleted!"]),
            ("    assertEquals(3, sum(1, 2));\n", "", &["assertions-removed!"]),
            (
                "    assertEquals(3, sum(1, 2));\n",
                "    // assertEquals(3, sum(1, 2));\n",
                &["assertions-removed!"],
            ),
            ("assertEquals(3, sum(1, 2))", "assertTrue(true)", &["assertion-trivial!"]),
            (
                "assertEquals(3, sum(1, 2));",
                "try { assertEquals(3, sum(1, 2)); } catch (Throwable e) { }",
                &["assertion-muted!"],
            ),
            ("assertEquals(3,", "assertEquals(4,", &["expectation-changed"]),
            (".isEqualTo(0)", ".isNotNull()", &["assertion-weakened!"]),
            ("void adds()", "void adds() throws Exception", &[]),
        ],
    },
    Dialect {
        path: "src/test/kotlin/SumTest.kt",
        base: "class SumTest {\n  @Test\n  fun `adds numbers`() {\n    assertEquals(3, sum(1, 2))\n    sum(0, 0) shouldBe 0\n  }\n}\n",
        cases: &[
            ("  @Test\n", "  @Test\n  @Ignore\n", &["test-skipped!"]),
            ("    sum(0, 0) shouldBe 0\n", "", &["assertions-removed!"]),
            ("shouldBe 0", "shouldBe 1", &["expectation-changed"]),
            ("  @Test\n", "", &["test-deleted!"]),
        ],
    },
];

#[test]
fn deleted_skipped_and_loosened_tests_are_findings_in_every_language() {
    let mut wrong = Vec::new();
    for dialect in DIALECTS {
        assert_eq!(rules(dialect.path, dialect.base, dialect.base), Vec::<String>::new());
        for (from, to, expected) in dialect.cases {
            assert!(dialect.base.contains(from), "{from} is not in {}", dialect.path);
            let found = rules(dialect.path, dialect.base, &dialect.base.replacen(from, to, 1));
            if found != *expected {
                wrong
                    .push(format!("{}: {from:?} -> {to:?}: {found:?} instead of {expected:?}", dialect.path));
            }
        }
        let new = of(&[Edit::text(dialect.path, None, Some(dialect.base))]);
        assert_eq!(new, Vec::<String>::new(), "a new file of tests is nothing to find");
        assert_eq!(of(&[Edit::text(dialect.path, Some(dialect.base), None)]), ["test-deleted!"]);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_test_that_moves_is_not_deleted() {
    let test = "def test_a():\n    assert f() == 1\n";
    let moved = [Edit::text("test_a.py", Some(test), None), Edit::text("tests/test_b.py", None, Some(test))];
    assert_eq!(of(&moved), Vec::<String>::new());
    // Where the runner does not look, it is gone.
    let hidden = [Edit::text("test_a.py", Some(test), None), Edit::text("a.py", None, Some(test))];
    assert_eq!(of(&hidden), ["test-deleted!"]);
    // One test cannot stand for two.
    let two = "def test_a():\n    assert f() == 1\ndef test_b():\n    assert f() == 1\n";
    assert_eq!(rules("test_a.py", two, test), ["test-deleted!"]);
    // A test that moves and is skipped on the way is skipped.
    let skipped = "@pytest.mark.skip\ndef test_a():\n    assert f() == 1\n";
    let both = [Edit::text("test_a.py", Some(test), None), Edit::text("test_b.py", None, Some(skipped))];
    assert_eq!(of(&both), ["test-skipped!"]);
}

#[test]
fn a_module_of_tests_must_stay_declared() {
    let with = "fn f() {}\n#[cfg(test)]\nmod tests;\n";
    assert_eq!(rules("src/a.rs", with, "fn f() {}\n"), ["tests-not-compiled!"]);
    assert_eq!(rules("src/a.rs", with, "fn f() {}\n#[cfg(any())]\nmod tests;\n"), ["tests-not-compiled!"]);
    let file = "#[test]\nfn works() { assert!(f()); }\n";
    let inlined = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{file}}}\n");
    let edits =
        [Edit::text("src/a.rs", Some(with), Some(&inlined)), Edit::text("src/a/tests.rs", Some(file), None)];
    assert_eq!(of(&edits), Vec::<String>::new());
}

#[test]
fn a_file_of_tests_that_can_no_longer_be_read_has_lost_them() {
    let edit = Edit::text("test_a.py", Some("def test_a():\n    assert f()\n"), None);
    assert_eq!(of(&[Edit { after: File::Unread(100_000_000), ..edit }]), ["test-deleted!"]);
}

#[test]
fn assertions_that_move_into_what_tests_share_are_worth_a_look() {
    let before = "def test_a():\n    assert f() == 1\n    assert g() == 2\n";
    let after = "def both():\n    assert f() == 1\n    assert g() == 2\ndef test_a():\n    both()\n";
    assert_eq!(rules("test_a.py", before, after), ["assertions-removed"]);
}

#[test]
fn what_is_shown_names_the_test_the_file_and_the_way_to_mend_it() {
    let judgement = judge(&[Edit::text(
        "test_a.py",
        Some("class TestA:\n    def test_a(self):\n        assert f()\n"),
        None,
    )]);
    assert_eq!(judgement.failing, ["test-deleted test_a.py TestA > test_a"]);
    assert!(judgement.report.contains("bring it back"), "{}", judgement.report);
    assert!(judgement.summary.contains("TestA > test_a"), "{}", judgement.summary);
    let many: String = (0..80).map(|n| format!("def test_{n}():\n    assert f({n})\n")).collect();
    let judgement = judge(&[Edit::text("test_a.py", Some(&many), None)]);
    assert_eq!(judgement.facts["findings"].as_array().unwrap().len(), 50);
    assert_eq!(judgement.facts["findings_in_all"], 80);
}

#[test]
fn recorded_results_that_change_are_worth_a_look() {
    assert_eq!(rules("src/__snapshots__/a.snap", "1", "2"), ["recorded-result-changed"]);
    assert_eq!(of(&[Edit::text("testdata/a.golden", Some("1"), None)]), ["recorded-result-changed"]);
    assert_eq!(of(&[Edit::text("testdata/a.golden", None, Some("1"))]), Vec::<String>::new());
}

/// A file, what it said, what it says, and whether that weakens the tests.
const RUNNERS: &[(&str, &str, &str, bool)] = &[
    ("package.json", r#"{"scripts":{"test":"jest"}}"#, r#"{"scripts":{"test":"exit 0"}}"#, true),
    ("package.json", r#"{"scripts":{"test":"jest"}}"#, r#"{"scripts":{"test":"echo ok"}}"#, true),
    ("package.json", r#"{"scripts":{"test":"jest"}}"#, r#"{"scripts":{"test":"jest || true"}}"#, true),
    (
        "package.json",
        r#"{"scripts":{"test":"jest"}}"#,
        r#"{"scripts":{"test":"jest --passWithNoTests"}}"#,
        true,
    ),
    ("package.json", r#"{"scripts":{"test":"jest"}}"#, r#"{"scripts":{"test":"tsc --noEmit"}}"#, true),
    ("package.json", r#"{"scripts":{"test":"jest"}}"#, r#"{"scripts":{}}"#, true),
    (
        "package.json",
        r#"{"scripts":{"test":"jest"}}"#,
        r#"{"scripts":{"test":"vitest run --coverage"}}"#,
        false,
    ),
    (
        "package.json",
        r#"{"scripts":{"test":"jest"}}"#,
        r#"{"scripts":{"test":"npm run lint && jest"}}"#,
        false,
    ),
    (
        "package.json",
        r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#,
        r#"{"scripts":{"test":"jest"}}"#,
        false,
    ),
    (
        "package.json",
        r#"{"scripts":{"test":"jest"},"jest":{}}"#,
        r#"{"scripts":{"test":"jest"},"jest":{"testPathIgnorePatterns":["a"]}}"#,
        true,
    ),
    (
        "package.json",
        r#"{"scripts":{"test":"jest"}}"#,
        r#"{"scripts":{"test":"jest","build":"exit 0"}}"#,
        false,
    ),
    ("package.json", r#"{"scripts":{"test":"jest"}}"#, "{", true),
    ("jest.config.js", "module.exports = {};", "module.exports = { testPathIgnorePatterns: ['/a/'] };", true),
    (
        "jest.config.js",
        "module.exports = {};",
        "module.exports = { // testPathIgnorePatterns: ['/a/']\n };",
        false,
    ),
    ("vitest.config.ts", "export default {}", "export default { test: { passWithNoTests: true } }", true),
    ("pytest.ini", "[pytest]\naddopts = -q\n", "[pytest]\naddopts = -q --ignore=tests/slow\n", true),
    ("pytest.ini", "[pytest]\naddopts = -q\n", "[pytest]\naddopts = -q -k \"not slow\"\n", true),
    ("pytest.ini", "[pytest]\naddopts = -q\n", "[pytest]\naddopts = -q -ra --strict-markers\n", false),
    (
        "pyproject.toml",
        "[tool.pytest.ini_options]\naddopts = \"-q\"\n",
        "[tool.pytest.ini_options]\naddopts = [\n  \"-q\",\n  \"--deselect\", \"a\",\n]\n",
        true,
    ),
    (
        "pyproject.toml",
        "[project]\nname = \"a\"\n",
        "[project]\nname = \"b\" # addopts = \"--ignore\"\n",
        false,
    ),
    (
        "pyproject.toml",
        "[tool.pytest.ini_options]\ntestpaths = [\"tests\", \"more\"]\n",
        "[tool.pytest.ini_options]\ntestpaths = [\"tests\"]\n",
        true,
    ),
    ("Cargo.toml", "[lib]\nname = \"a\"\n", "[lib]\nname = \"a\"\ntest = false\n", true),
    ("Cargo.toml", "[[test]]\nname = \"a\"\n", "[[test]]\nname = \"a\"\nharness = false\n", true),
    ("Cargo.toml", "[dependencies]\na = \"1\"\n", "[dependencies]\na = \"2\"\n", false),
    ("Makefile", "test: build\n\tgo test ./...\n", "test: build\n\t-go test ./...\n", true),
    ("Makefile", "test: build\n\tgo test ./...\n", "test:\n\t@echo ok\n", true),
    ("Makefile", "test:\n\tgo test ./...\n", "test:\n\tgo test -race ./...\n", false),
    ("Makefile", "test:\n\tgo test ./...\nrun:\n\ta\n", "test:\n\tgo test ./...\nrun:\n\tb || true\n", false),
    (
        ".github/workflows/ci.yml",
        "jobs:\n  t:\n    steps:\n      - run: cargo test\n",
        "jobs:\n  t:\n    steps:\n      - run: cargo test\n        continue-on-error: true\n",
        true,
    ),
    (
        ".github/workflows/ci.yml",
        "steps:\n  - run: cargo test\n",
        "steps:\n  - run: cargo test || true\n",
        true,
    ),
    (
        ".github/workflows/ci.yml",
        "steps:\n  - run: cargo test\n",
        "steps:\n  # - run: cargo test\n  - run: cargo build\n",
        true,
    ),
    (
        ".github/workflows/ci.yml",
        "steps:\n  - run: cargo test\n",
        "steps:\n  - run: cargo fmt --check\n  - run: cargo test --all\n",
        false,
    ),
    (".gitlab-ci.yml", "t:\n  script: pytest\n", "t:\n  script: pytest\n  allow_failure: true\n", true),
    ("conftest.py", "import a\n", "import a\ncollect_ignore = ['test_a.py']\n", true),
    ("conftest.py", "import a\n", "import a\n# collect_ignore = ['test_a.py']\n", false),
    ("pom.xml", "<p></p>", "<p><skipTests>true</skipTests></p>", true),
    ("pom.xml", "<p></p>", "<p><!-- <skipTests>true</skipTests> --></p>", false),
    ("build.gradle", "test { useJUnitPlatform() }", "test { ignoreFailures = true }", true),
];

#[test]
fn runners_that_run_less_are_findings() {
    let mut wrong = Vec::new();
    for (path, before, after, expected) in RUNNERS {
        let found = rules(path, before, after);
        if found.contains(&"tests-not-run!".to_owned()) != *expected || found.len() > 1 {
            wrong.push(format!("{path}: {before:?} -> {after:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let gone = of(&[Edit::text(".github/workflows/ci.yml", Some("- run: go test ./...\n"), None)]);
    assert_eq!(gone, ["tests-not-run!"]);
}

#[test]
fn no_input_breaks_the_scanners() {
    let pieces = [
        "#[test]",
        "fn a(",
        "{",
        "}",
        "'",
        "\"",
        "it(",
        "describe(",
        ")",
        "[",
        "]",
        ".each(",
        "`${",
        "@Test",
        "class A",
        "def test_a(",
        ":\n",
        "  assert ",
        "try:",
        "func TestA(",
        "t.Run(",
        "expect(",
        "\\",
        "é",
        "/*",
        "//",
        ",",
        "parametrize(",
        "{ skip",
        "#",
        "mod x;",
        "return",
    ];
    for (n, first) in pieces.iter().enumerate() {
        for (m, second) in pieces.iter().enumerate() {
            let third = pieces[(n * 7 + m * 3) % pieces.len()];
            let text = format!("{first}{second} {third}{first}");
            for path in ["a.rs", "test_a.py", "a.test.ts", "a_test.go", "ATest.java", "ATest.kt"] {
                judge(&[Edit::text(path, Some(&text), Some(second))]);
            }
        }
    }
}

#[test]
fn a_test_that_ends_its_process_fails_also_where_it_is_new() {
    let cases = [
        (
            "src/a.rs",
            "#[test]\nfn a() {\n    println!(\"test result: ok. 9 passed\");\n    std::process::exit(0);\n}\n",
        ),
        ("test_a.py", "import os\ndef test_a():\n    print('9 passed')\n    os._exit(0)\n"),
        ("a.test.js", "test('a', () => {\n  console.log('ok');\n  process . exit(0);\n});\n"),
        ("a_test.go", "package a\nfunc TestA(t *testing.T) {\n\tos.Exit(0)\n}\n"),
    ];
    for (path, after) in cases {
        let judged = of(&[Edit::text(path, None, Some(after))]);
        assert!(judged.contains(&"test-ends-process!".to_owned()), "{path}: {judged:?}");
        assert!(!rules(path, after, &after.replace("ok", "fine")).contains(&"test-ends-process!".to_owned()));
    }
}
