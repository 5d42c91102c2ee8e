use super::*;

fn open(text: &str) -> Vec<String> {
    read(text).open
}

#[test]
fn open_items_are_to_be_done_and_ticked_ones_are_done() {
    let cases: [(&str, &[&str], usize); 12] = [
        ("- [ ] one\n- [x] two\n- [X] three\n", &["one"], 2),
        (
            "* [ ] star\n+ [ ] plus\n1. [ ] number\n2) [ ] bracket\n",
            &["star", "plus", "number", "bracket"],
            0,
        ),
        (
            "- [ ] Shop:\n  - [ ] cart\n  - [x] list\n    - [ ] sorted\n",
            &["Shop:", "Shop: cart", "list: sorted"],
            1,
        ),
        ("- Shop\n  - [ ] cart\n- [ ] post\n", &["Shop: cart", "post"], 0),
        ("- [ ] one\n  and more\n\n  not any more\n- [ ] two\n", &["one and more", "two"], 0),
        ("- [ ] one\nlazy\n- [ ] two", &["one", "two"], 0),
        ("> - [ ] quoted\n> - [x] done\n", &["quoted"], 1),
        ("```\n- [ ] code\n```\n~~~md\n- [ ] code\n```\n~~~\n- [ ] real\n", &["real"], 0),
        ("````\n```\n- [ ] code\n````\n- [ ] real\n", &["real"], 0),
        ("<!-- - [ ] hidden -->\n<!--\n- [ ] hidden\n-->\n- [ ] seen\n", &["seen"], 0),
        (
            "- [ ]\n- [y] no box\n- [ ]no blank\n-[ ] no item\n- [](link)\n- [x](link)\n1234567890. [ ] no list\n",
            &[],
            0,
        ),
        ("- [ ] a\u{202e}b\u{1b}[2Jc\r\n", &["ab[2Jc"], 0),
    ];
    for (text, expected, done) in cases {
        let found = read(text);
        assert_eq!((found.open.as_slice(), found.done), (&expected.map_owned()[..], done), "{text}");
        assert_eq!(found.open_count, expected.len(), "{text}");
    }
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for &[&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn a_checklist_is_told_from_a_document_with_a_few_boxes() {
    let cases = [
        ("# Shop\n\n- [ ] cart\n- [ ] list\n", true),
        ("What is left:\n\n- [ ] cart\n- [x] list\n", true),
        ("- [x] all done\n", true),
        ("- cart\n- list\n", false),
        ("A shop.\n\nIt sells.\n\nIt ships.\n\n- [ ] cart\n", false),
        ("- a\n- b\n- c\n- [ ] cart\n", false),
        ("- [ ] cart\n\n```\none\ntwo\n```\n", false),
        ("", false),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text).are_the_document(), expected, "{text}");
    }
}

#[test]
fn a_list_is_kept_within_its_limits() {
    let text: String = (1..=700).map(|number| format!("- [ ] item {number}\n")).collect();
    let found = read(&text);
    assert_eq!((found.open.len(), found.open_count), (ITEMS_MAX, 700));
    let items = bounded(found.open, found.open_count, "items");
    assert_eq!(items.len(), ITEMS_MAX);
    assert_eq!(items[498..], ["item 499", "and 201 more items of the document"]);

    let text: String = (1..=ITEMS_MAX).map(|number| format!("- [ ] item {number}\n")).collect();
    let found = read(&text);
    assert_eq!(bounded(found.open, found.open_count, "items").last().map(String::as_str), Some("item 500"));
}

#[test]
fn a_long_item_is_cut_at_a_character() {
    let long = "ä".repeat(400);
    let items = open(&format!("- [ ] {long}\n- [ ] {}\n  - [ ] {long}\n", "lead ".repeat(200)));
    assert_eq!(items.len(), 3);
    for item in &items {
        assert!(item.len() <= ITEM_BYTES_MAX && item.ends_with('…'), "{} {item}", item.len());
    }
    assert!(items[2].starts_with("lead lead") && items[2].contains("…: ää"), "{}", items[2]);
    let goes_on = open(&format!("- [ ] a\n{}", "  and more\n".repeat(1000)));
    assert!(goes_on[0].starts_with("a and more") && goes_on[0].len() <= ITEM_BYTES_MAX, "{goes_on:?}");
}

#[test]
fn deep_nesting_is_read_in_one_pass() {
    let text: String = (0..1000).map(|depth| format!("{}- [ ] x\n", " ".repeat(depth))).collect();
    assert_eq!(read(&text).open_count, 1000);
}
