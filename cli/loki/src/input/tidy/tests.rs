use super::*;

#[test]
fn comments_of_templates_are_taken_out_and_code_is_kept() {
    let cases = [
        ("<!-- Thanks! -->\n## What\n", "## What\n"),
        ("<!--\nhidden\n\nhidden\n-->\nseen\n", "seen\n"),
        ("a <!-- b --> c <!-- d -->\n", "a  c\n"),
        ("a <!-- b\nc --> d\n", "a\n d\n"),
        ("```html\n<!-- code -->\n```\n", "```html\n<!-- code -->\n```\n"),
        ("`<!-- code -->` and ``a ` <!-- b -->``\n", "`<!-- code -->` and ``a ` <!-- b -->``\n"),
        ("` <!-- not code -->\n", "`\n"),
        ("<!-- ``` -->\nseen\n", "seen\n"),
        ("<!--\n```\n-->\na <!-- b -->\n", "a\n"),
        // One that never ends hides the rest only where it begins a line.
        ("seen\n<!-- open\nhidden\n", "seen\n"),
        ("a < b <!-- open\nseen\n", "a < b <!-- open\nseen\n"),
        ("a ````````<!-- x -->\n", "a ````````\n"),
        ("no comment", "no comment\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(without_comments(text), expected, "{text}");
    }
}

#[test]
fn headings_stand_below_their_section() {
    let cases = [
        ("# A\n## B\n###### C\n", "## A\n### B\n###### C"),
        ("## A\n# B\n", "### A\n## B"),
        ("### A\n", "### A"),
        ("Title\n=====\ntext\n", "## Title\ntext"),
        ("=====\n\n=====\n", "=====\n\n====="),
        ("```\n# code\n```\n# A\n", "```\n# code\n```\n## A"),
        ("#hash\n#\n", "#hash\n#"),
        ("\n\n  text\n\n\n", "  text"),
        (
            "<details>\n<summary>More</summary>\n\ntext\n</details>\n",
            "<details>\n<summary>More</summary>\n\ntext\n</details>",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(section(text, 2), expected, "{text}");
    }
}

#[test]
fn fences_end_and_none_is_inside_another() {
    let cases = [
        ("```\ncode", "```\ncode\n```"),
        ("~~~~ md\ncode\n~~~", "~~~~ md\ncode\n\\~~~\n~~~~"),
        ("````\n```\nx\n```\n````\n", "````\n\\```\nx\n\\```\n````"),
        ("```\n~~~\n```\n", "```\n~~~\n```"),
        ("```one``` line\ntext\n", "`one` line\ntext"),
        ("`````````a`\n", "`a`"),
        ("  ```\n  x\n  ```\n", "  ```\n  x\n  ```"),
    ];
    for (text, expected) in cases {
        assert_eq!(section(text, 2), expected, "{text}");
    }
}

#[test]
fn what_is_not_seen_is_not_there() {
    assert_eq!(plain("a\r\nb\rc\u{0}\u{1b}[2J\u{202e}\u{200b}\u{e0041}\u{feff}\td"), "a\nb\nc[2J\td");
    assert_eq!(one_line(" a \r\n\t b\u{7} "), "a b");
    // Emoji that are joined stay joined.
    assert_eq!(plain("👩\u{200d}🚀"), "👩\u{200d}🚀");
}
