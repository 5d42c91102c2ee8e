//! What can be written, and what it means.

use crate::ast::*;
use crate::parse::{Loose, canonical, query};

fn read(text: &str) -> Query {
    query(text, Loose::Mistake).unwrap_or_else(|error| panic!("{text}: {error} {:?}", error.details))
}

fn field(name: &str) -> Field {
    Field { name: name.to_owned(), path: Vec::new() }
}

fn test_of(text: &str) -> (bool, Test) {
    let mut query = read(text);
    match query.filters.pop().unwrap().what {
        Cond::Test { negated, test, .. } => (negated, test),
        other => panic!("{other:?}"),
    }
}

fn compare(op: Operator, value: &str) -> Test {
    Test::Compare { op, with: Operand::One(value.to_owned()) }
}

#[test]
fn every_operator_has_a_meaning() {
    for (text, op) in [
        ("eq", Operator::Equal),
        ("neq", Operator::NotEqual),
        ("gt", Operator::Greater),
        ("gte", Operator::GreaterOrEqual),
        ("lt", Operator::Less),
        ("lte", Operator::LessOrEqual),
        ("like", Operator::Like),
        ("ilike", Operator::ILike),
        ("match", Operator::Match),
        ("imatch", Operator::IMatch),
        ("cs", Operator::Contains),
        ("cd", Operator::ContainedIn),
        ("ov", Operator::Overlaps),
        ("sl", Operator::StrictlyLeft),
        ("sr", Operator::StrictlyRight),
        ("nxr", Operator::NotRight),
        ("nxl", Operator::NotLeft),
        ("adj", Operator::Adjacent),
    ] {
        assert_eq!(test_of(&format!("a={text}.x.y(z),")), (false, compare(op, "x.y(z),")), "{text}");
        assert_eq!(test_of(&format!("a=not.{text}.")), (true, compare(op, "")), "{text}");
    }
}

#[test]
fn values_of_tests_are_read() {
    let strings = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    for (text, expected) in [
        ("a=is.null", Test::Is(IsValue::Null)),
        ("a=is.NOT_NULL", Test::Is(IsValue::NotNull)),
        ("a=is.true", Test::Is(IsValue::True)),
        ("a=is.False", Test::Is(IsValue::False)),
        ("a=is.unknown", Test::Is(IsValue::Unknown)),
        ("a=isdistinct.5", Test::Distinct("5".to_owned())),
        ("a=in.()", Test::In(vec![])),
        ("a=in.(\"\")", Test::In(strings(&[""]))),
        ("a=in.(1,2)", Test::In(strings(&["1", "2"]))),
        (
            r#"a=in.(a,"b,c","q\"x","b\\s",d"e,"f"g)"#,
            Test::In(strings(&["a", "b,c", "q\"x", "b\\s", "d\"e", "\"f\"g"])),
        ),
        ("a=like.*b%25*", compare(Operator::Like, "%b%%")),
        ("a=match.^a*", compare(Operator::Match, "^a*")),
        ("a=eq.1%2B1+x", compare(Operator::Equal, "1+1 x")),
        (
            "a=ilike(any).{a*,\"b,*\"}",
            Test::Compare {
                op: Operator::ILike,
                with: Operand::Any(vec![Some("a%".to_owned()), Some("b,%".to_owned())]),
            },
        ),
        ("a=gt(all).{NULL}", Test::Compare { op: Operator::Greater, with: Operand::All(vec![None]) }),
        ("a=wfts.b c", Test::Search { kind: SearchKind::Web, config: None, query: "b c".to_owned() }),
        (
            "a=fts(english).b.c",
            Test::Search {
                kind: SearchKind::Query,
                config: Some("english".to_owned()),
                query: "b.c".to_owned(),
            },
        ),
    ] {
        assert_eq!(test_of(text), (false, expected), "{text}");
    }
}

#[test]
fn names_may_be_anything() {
    for (text, path, name) in [
        ("id=eq.1", vec![], "id"),
        ("a.b.id=eq.1", vec!["a", "b"], "id"),
        ("%22a.b%22.%22c%5C%22d%22=eq.1", vec!["a.b"], "c\"d"),
        ("my%20col=eq.1", vec![], "my col"),
        ("a-b-c=eq.1", vec![], "a-b-c"),
        ("stra\u{df}e=eq.1", vec![], "stra\u{df}e"),
        ("%E4%BD%A0=eq.1", vec![], "\u{4f60}"),
        ("%22order%22=eq.1", vec![], "order"),
        ("$1=eq.1", vec![], "$1"),
    ] {
        let filter = read(text).filters.pop().unwrap();
        assert_eq!(filter.path, path, "{text}");
        let Cond::Test { field: found, .. } = filter.what else { panic!("{text}") };
        assert_eq!(found, field(name), "{text}");
    }
}

#[test]
fn ways_into_json_have_arrows_and_keys() {
    let step = |arrow, key| JsonStep { arrow, key };
    let name = |text: &str| JsonKey::Name(text.to_owned());
    let Cond::Test { field, .. } = read("a->b->0->-1->>\"c.d\"=eq.1").filters.pop().unwrap().what else {
        panic!()
    };
    assert_eq!(
        field.path,
        [
            step(Arrow::Json, name("b")),
            step(Arrow::Json, JsonKey::Index(0)),
            step(Arrow::Json, JsonKey::Index(-1)),
            step(Arrow::Text, name("c.d")),
        ]
    );
    let items = read("select=a->!@#$%25^&*_a,b->>1x::text").select;
    assert_eq!(items.len(), 1, "an ampersand ends it");
    let items = read("select=a->!@#$%25^%26*_a,b->>1x::text").select;
    assert!(matches!(&items[0], SelectItem::Field { field, .. } if field.path[0].key == name("!@#$%^&*_a")));
    assert!(matches!(&items[1], SelectItem::Field { field, cast: Some(cast), .. }
        if field.path[0].key == name("1x") && cast == "text"));
}

#[test]
fn selections_nest() {
    let target = |name: &str, hint: Option<&str>, join| EmbedTarget {
        name: name.to_owned(),
        hint: hint.map(str::to_owned),
        join,
    };
    let plain = |name: &str| SelectItem::Field { alias: None, field: field(name), cast: None };
    let select = read(
        "select=*, id ,n:name::text,w:author!fk!inner(id,books(*)),...b!left(c),d!inner_x(),\"a b\"!\"inner\"(e)",
    )
    .select;
    assert_eq!(
        select,
        [
            SelectItem::Star,
            plain("id"),
            SelectItem::Field {
                alias: Some("n".to_owned()),
                field: field("name"),
                cast: Some("text".to_owned())
            },
            SelectItem::Embed {
                alias: Some("w".to_owned()),
                target: target("author", Some("fk"), Some(Join::Inner)),
                select: vec![
                    plain("id"),
                    SelectItem::Embed {
                        alias: None,
                        target: target("books", None, None),
                        select: vec![SelectItem::Star]
                    },
                ],
            },
            SelectItem::Spread { target: target("b", None, Some(Join::Left)), select: vec![plain("c")] },
            SelectItem::Embed { alias: None, target: target("d", Some("inner_x"), None), select: vec![] },
            SelectItem::Embed {
                alias: None,
                target: target("a b", Some("inner"), None),
                select: vec![plain("e")]
            },
        ]
    );
    assert_eq!(read("select=").select, []);
}

#[test]
fn aggregates_are_read() {
    let aggregate = |alias: Option<&str>, of: Option<(&str, Option<&str>)>, function, cast: Option<&str>| {
        SelectItem::Aggregate {
            alias: alias.map(str::to_owned),
            of: of.map(|(name, cast)| (field(name), cast.map(str::to_owned))),
            function,
            cast: cast.map(str::to_owned),
        }
    };
    let select =
        read("select=count(),n:count()::text,a.sum(),x:a::int.avg()::float8,b.count(),c.min(),d.max()")
            .select;
    assert_eq!(
        select,
        [
            aggregate(None, None, Aggregate::Count, None),
            aggregate(Some("n"), None, Aggregate::Count, Some("text")),
            aggregate(None, Some(("a", None)), Aggregate::Sum, None),
            aggregate(Some("x"), Some(("a", Some("int"))), Aggregate::Avg, Some("float8")),
            aggregate(None, Some(("b", None)), Aggregate::Count, None),
            aggregate(None, Some(("c", None)), Aggregate::Min, None),
            aggregate(None, Some(("d", None)), Aggregate::Max, None),
        ]
    );
    assert_eq!(read("select=count,sum").select.len(), 2, "the old form is a column until it is looked up");
}

#[test]
fn trees_nest_and_belong_somewhere() {
    let leaf = |name: &str, negated, test| Cond::Test { field: field(name), negated, test };
    let query = read(
        "or=(a.eq.1,and(b.gt.2,not.c.is.null),not.or(d.in.(1,2), e.eq.\"x,y)\"),f.cs.{a,\"b}\"},g.like(any).{x*,y})",
    );
    let Cond::Any { negated: false, of } = &query.filters[0].what else { panic!() };
    assert_eq!(of[0], leaf("a", false, compare(Operator::Equal, "1")));
    assert_eq!(
        of[1],
        Cond::All {
            negated: false,
            of: vec![
                leaf("b", false, compare(Operator::Greater, "2")),
                leaf("c", true, Test::Is(IsValue::Null)),
            ],
        }
    );
    assert_eq!(
        of[2],
        Cond::Any {
            negated: true,
            of: vec![
                leaf("d", false, Test::In(vec!["1".to_owned(), "2".to_owned()])),
                leaf("e", false, compare(Operator::Equal, "x,y)")),
            ],
        }
    );
    assert_eq!(of[3], leaf("f", false, compare(Operator::Contains, "{a,\"b}\"}")));
    let with = Operand::Any(vec![Some("x%".to_owned()), Some("y".to_owned())]);
    assert_eq!(of[4], leaf("g", false, Test::Compare { op: Operator::Like, with }));
}

#[test]
fn names_of_trees_say_where_they_belong() {
    for (text, path, any, negated) in [
        ("or=(a.eq.1)", vec![], true, false),
        ("and=(a.eq.1)", vec![], false, false),
        ("not.or=(a.eq.1)", vec![], true, true),
        ("rel.not.and=(a.eq.1)", vec!["rel"], false, true),
        ("a.b.or=(a.eq.1)", vec!["a", "b"], true, false),
    ] {
        let filter = read(text).filters.pop().unwrap();
        assert_eq!(filter.path, path, "{text}");
        let found = match filter.what {
            Cond::Any { negated, .. } => (true, negated),
            Cond::All { negated, .. } => (false, negated),
            Cond::Test { .. } => panic!("{text}"),
        };
        assert_eq!(found, (any, negated), "{text}");
    }
}

#[test]
fn order_has_directions_nulls_and_relations() {
    let query = read("order=a.desc.nullslast, b->>c.asc ,rel(d).nullsfirst,\"e.f\"&x.y.order=g.desc");
    let terms = &query.orders[0].what;
    let summary: Vec<_> = terms
        .iter()
        .map(|term| (term.relation.as_deref(), term.field.name.as_str(), term.direction, term.nulls))
        .collect();
    assert_eq!(
        summary,
        [
            (None, "a", Some(Direction::Descending), Some(Nulls::Last)),
            (None, "b", Some(Direction::Ascending), None),
            (Some("rel"), "d", None, Some(Nulls::First)),
            (None, "e.f", None, None),
        ]
    );
    assert_eq!(query.orders[1].path, ["x", "y"]);
}

#[test]
fn the_other_parameters_are_read() {
    let query =
        read("limit=5&a.limit=3&offset=7&a.b.offset=2&columns=a,%22b%2Cc%22&on_conflict=x, y&columns=z&flag");
    assert_eq!(
        query.limits.iter().map(|limit| (limit.path.len(), limit.what)).collect::<Vec<_>>(),
        [(0, 5), (1, 3)]
    );
    assert_eq!(
        query.offsets.iter().map(|offset| (offset.path.len(), offset.what)).collect::<Vec<_>>(),
        [(0, 7), (2, 2)]
    );
    assert_eq!(query.columns.as_deref(), Some(&["a".to_owned(), "b,c".to_owned()][..]));
    assert_eq!(query.on_conflict.as_deref(), Some(&["x".to_owned(), "y".to_owned()][..]));
    assert_eq!(read("limit=abc&offset=-1"), Query::default());
}

#[test]
fn what_is_no_filter_is_an_argument() {
    let called = query("a=1&b=eq.2&c=hello+world&a={x,y}&d=noop.5&select=id", Loose::Argument).unwrap();
    let arguments: Vec<_> =
        called.arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(arguments, [("a", "1"), ("c", "hello world"), ("a", "{x,y}"), ("d", "noop.5")]);
    assert_eq!(called.filters.len(), 1);
    assert!(query("a=in.5", Loose::Argument).is_err(), "what begins as a filter is one");
}

#[test]
fn filters_keep_their_order_and_may_repeat() {
    let query = read("a=gt.1&b=eq.2&a=lt.9&or=(c.eq.1)");
    assert_eq!(query.filters.len(), 4);
    assert!(matches!(&query.filters[3].what, Cond::Any { .. }));
}

#[test]
fn the_canonical_form_is_sorted_and_encoded() {
    assert_eq!(canonical("b=2&a=x y%2C&d&c=%C3%A9").unwrap(), "a=x%20y%2C&b=2&c=%C3%A9&d=");
    assert_eq!(canonical("").unwrap(), "");
}

/// As the JavaScript client encodes them.
#[test]
fn what_clients_send_is_read() {
    let parameters = [
        "select=a%2Cb%3Ac-%3Ed-%3E%3E0%2C%22q+x%22%28id%2C...r%21inner%28*%29%29%2Cn%3Aid.count%28%29",
        "a=eq.1",
        "a=neq.x%2Cy",
        "a=gt.1",
        "a=gte.2",
        "a=lt.3",
        "a=lte.4",
        "a=like.%25x%25",
        "a=like%28all%29.%7B%25a%2Cb%2C%25%7D",
        "a=like%28any%29.%7Bx%7D",
        "a=ilike.*y",
        "a=ilike%28any%29.%7Bp%2Cq%7D",
        "a=is.null",
        "a=in.%28x%2C%22y%2Cz%22%2Cq%22w%2Cnull%29",
        "a=cs.%7Bb%2Cc%7D",
        "j=cs.%7B%22k%22%3A%22v%2C%5C%22x%5C%22%22%7D",
        "r=cs.%5B1%2C2%29",
        "a=cd.%7Bb%7D",
        "r=sr.%5B1%2C2%29",
        "r=nxl.%5B1%2C2%29",
        "r=sl.%5B1%2C2%29",
        "r=nxr.%5B1%2C2%29",
        "r=adj.%5B1%2C2%29",
        "a=ov.%7Bb%7D",
        "a=wfts%28english%29.%27x%27+%26+%27y%27",
        "m=eq.1",
        "n=eq.s",
        "a=not.is.null",
        "or=%28a.eq.1%2Cand%28b.gt.2%2Cc.is.null%29%29",
        "rel.or=%28a.eq.1%29",
        "a=in.%281%2C2%29",
        "order=a.desc.nullsfirst%2Crel%28x%29.asc",
        "rel.order=id.asc",
        "limit=8",
        "rel.limit=2",
        "offset=2",
    ];
    let sent = read(&parameters.join("&"));
    assert_eq!(sent.select.len(), 4);
    assert_eq!(sent.filters.len(), parameters.len() - 6, "all but select, order, limit and offset");
    assert_eq!((sent.orders.len(), sent.limits.len(), sent.offsets.len()), (2, 2, 1));
    let written = read("columns=%22a%22%2C%22b+c%22&select=*&on_conflict=a%2Cb");
    assert_eq!(written.columns.as_deref(), Some(&["a".to_owned(), "b c".to_owned()][..]));
    let called = query("a=%7B1%2C2%7D&b=x&select=id&id=eq.3", Loose::Argument).unwrap();
    assert_eq!((called.arguments.len(), called.filters.len()), (2, 1));
}
