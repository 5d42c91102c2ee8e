//! Queries that are printed and read again, and texts that nobody would write.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::ast::*;
use crate::parse::percent::encode;
use crate::parse::{Loose, query};

fn print_name(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn print_field(field: &Field) -> String {
    let mut text = print_name(&field.name);
    for step in &field.path {
        text.push_str(if step.arrow == Arrow::Json { "->" } else { "->>" });
        match &step.key {
            JsonKey::Name(name) => text.push_str(&print_name(name)),
            JsonKey::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text
}

fn print_select(items: &[SelectItem]) -> String {
    let cast = |cast: &Option<String>| cast.as_ref().map(|cast| format!("::{cast}")).unwrap_or_default();
    let named = |alias: &Option<String>| {
        alias.as_ref().map(|alias| format!("{}:", print_name(alias))).unwrap_or_default()
    };
    let target = |target: &EmbedTarget| {
        let hint = target.hint.as_ref().map(|hint| format!("!{}", print_name(hint))).unwrap_or_default();
        let join = match target.join {
            None => "",
            Some(Join::Inner) => "!inner",
            Some(Join::Left) => "!left",
        };
        format!("{}{hint}{join}", print_name(&target.name))
    };
    let printed: Vec<String> = items
        .iter()
        .map(|item| match item {
            SelectItem::Star => "*".to_owned(),
            SelectItem::Field { alias, field, cast: to } => {
                format!("{}{}{}", named(alias), print_field(field), cast(to))
            }
            SelectItem::Aggregate { alias, of, function, cast: to } => {
                let function = format!("{function:?}").to_lowercase();
                let of = of.as_ref().map(|(field, to)| format!("{}{}.", print_field(field), cast(to)));
                format!("{}{}{function}(){}", named(alias), of.unwrap_or_default(), cast(to))
            }
            SelectItem::Embed { alias, target: to, select } => {
                format!("{}{}({})", named(alias), target(to), print_select(select))
            }
            SelectItem::Spread { target: to, select } => {
                format!("...{}({})", target(to), print_select(select))
            }
        })
        .collect();
    printed.join(",")
}

fn print_operator(op: Operator) -> &'static str {
    match op {
        Operator::Equal => "eq",
        Operator::NotEqual => "neq",
        Operator::Greater => "gt",
        Operator::GreaterOrEqual => "gte",
        Operator::Less => "lt",
        Operator::LessOrEqual => "lte",
        Operator::Like => "like",
        Operator::ILike => "ilike",
        Operator::Match => "match",
        Operator::IMatch => "imatch",
        Operator::Contains => "cs",
        Operator::ContainedIn => "cd",
        Operator::Overlaps => "ov",
        Operator::StrictlyLeft => "sl",
        Operator::StrictlyRight => "sr",
        Operator::NotRight => "nxr",
        Operator::NotLeft => "nxl",
        Operator::Adjacent => "adj",
    }
}

fn print_elements(values: &[Option<String>]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| value.as_ref().map_or("NULL".to_owned(), |value| print_name(value)))
        .collect();
    format!("{{{}}}", values.join(","))
}

/// `quote` is how values are written that may be anything.
fn print_test(test: &Test, quote: fn(&str) -> String) -> String {
    match test {
        Test::Compare { op, with: Operand::One(value) } => {
            format!("{}.{}", print_operator(*op), quote(value))
        }
        Test::Compare { op, with: Operand::Any(values) } => {
            format!("{}(any).{}", print_operator(*op), print_elements(values))
        }
        Test::Compare { op, with: Operand::All(values) } => {
            format!("{}(all).{}", print_operator(*op), print_elements(values))
        }
        Test::Is(value) => match value {
            IsValue::Null => "is.null",
            IsValue::NotNull => "is.not_null",
            IsValue::True => "is.true",
            IsValue::False => "is.false",
            IsValue::Unknown => "is.unknown",
        }
        .to_owned(),
        Test::Distinct(value) => format!("isdistinct.{}", quote(value)),
        Test::In(values) => {
            format!("in.({})", values.iter().map(|value| print_name(value)).collect::<Vec<_>>().join(","))
        }
        Test::Search { kind, config, query } => {
            let kind = match kind {
                SearchKind::Query => "fts",
                SearchKind::Plain => "plfts",
                SearchKind::Phrase => "phfts",
                SearchKind::Web => "wfts",
            };
            let config = config.as_ref().map(|config| format!("({config})")).unwrap_or_default();
            format!("{kind}{config}.{}", quote(query))
        }
    }
}

fn print_tree(cond: &Cond) -> String {
    let not = |negated: &bool| if *negated { "not." } else { "" };
    let branches = |of: &[Cond]| of.iter().map(print_tree).collect::<Vec<_>>().join(",");
    match cond {
        Cond::Test { field, negated, test } => {
            format!("{}.{}{}", print_field(field), not(negated), print_test(test, print_name))
        }
        Cond::All { negated, of } => format!("{}and({})", not(negated), branches(of)),
        Cond::Any { negated, of } => format!("{}or({})", not(negated), branches(of)),
    }
}

fn print_path(path: &[String], last: &str) -> String {
    path.iter().map(|name| print_name(name)).chain([last.to_owned()]).collect::<Vec<_>>().join(".")
}

fn print_filter(filter: &Scoped<Cond>) -> (String, String) {
    match &filter.what {
        Cond::Test { field, negated, test } => {
            let not = if *negated { "not." } else { "" };
            (
                print_path(&filter.path, &print_field(field)),
                format!("{not}{}", print_test(test, str::to_owned)),
            )
        }
        tree @ (Cond::All { .. } | Cond::Any { .. }) => {
            let text = print_tree(tree);
            let (name, value) = text.split_at(text.find('(').unwrap());
            (print_path(&filter.path, name), value.to_owned())
        }
    }
}

fn print_order(terms: &[OrderTerm]) -> String {
    let printed: Vec<String> = terms
        .iter()
        .map(|term| {
            let field = print_field(&term.field);
            let field = match &term.relation {
                Some(relation) => format!("{}({field})", print_name(relation)),
                None => field,
            };
            let direction = match term.direction {
                None => "",
                Some(Direction::Ascending) => ".asc",
                Some(Direction::Descending) => ".desc",
            };
            let nulls = match term.nulls {
                None => "",
                Some(Nulls::First) => ".nullsfirst",
                Some(Nulls::Last) => ".nullslast",
            };
            format!("{field}{direction}{nulls}")
        })
        .collect();
    printed.join(",")
}

fn print(query: &Query) -> String {
    let mut pairs: Vec<(String, String)> = Vec::new();
    if !query.select.is_empty() {
        pairs.push(("select".to_owned(), print_select(&query.select)));
    }
    pairs.extend(query.filters.iter().map(print_filter));
    pairs.extend(
        query.orders.iter().map(|order| (print_path(&order.path, "order"), print_order(&order.what))),
    );
    pairs.extend(query.limits.iter().map(|limit| (print_path(&limit.path, "limit"), limit.what.to_string())));
    pairs.extend(
        query.offsets.iter().map(|offset| (print_path(&offset.path, "offset"), offset.what.to_string())),
    );
    let names = |names: &[String]| names.iter().map(|name| print_name(name)).collect::<Vec<_>>().join(",");
    pairs.extend(query.columns.iter().map(|columns| ("columns".to_owned(), names(columns))));
    pairs.extend(query.on_conflict.iter().map(|columns| ("on_conflict".to_owned(), names(columns))));
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,6}",
        "[a-z .,:()\"\\\\*>!\u{e9}\u{4f60}-]{1,8}",
        Just("order".to_owned()),
        Just("or".to_owned())
    ]
}

fn identifier() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,6}"
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{0,5}", "[a-z ,.(){}\"\\\\%&=+\u{e9}-]{0,12}"]
}

fn field() -> impl Strategy<Value = Field> {
    let key = prop_oneof![name().prop_map(JsonKey::Name), (-999_i64..999).prop_map(JsonKey::Index)];
    let step = (any::<bool>(), key)
        .prop_map(|(json, key)| JsonStep { arrow: if json { Arrow::Json } else { Arrow::Text }, key });
    (name(), vec(step, 0..3)).prop_map(|(name, path)| Field { name, path })
}

fn test() -> impl Strategy<Value = Test> {
    use Operator::*;
    let quantified = prop::sample::select(vec![
        Equal,
        Greater,
        GreaterOrEqual,
        Less,
        LessOrEqual,
        Like,
        ILike,
        Match,
        IMatch,
    ]);
    let any_operator = prop::sample::select(vec![
        Equal,
        NotEqual,
        Greater,
        GreaterOrEqual,
        Less,
        LessOrEqual,
        Like,
        ILike,
        Match,
        IMatch,
        Contains,
        ContainedIn,
        Overlaps,
        StrictlyLeft,
        StrictlyRight,
        NotRight,
        NotLeft,
        Adjacent,
    ]);
    let kinds =
        prop::sample::select(vec![SearchKind::Query, SearchKind::Plain, SearchKind::Phrase, SearchKind::Web]);
    let is = prop::sample::select(vec![
        IsValue::Null,
        IsValue::NotNull,
        IsValue::True,
        IsValue::False,
        IsValue::Unknown,
    ]);
    prop_oneof![
        (any_operator, text()).prop_map(|(op, value)| Test::Compare { op, with: Operand::One(value) }),
        (quantified, any::<bool>(), vec(option::of(text()), 0..4)).prop_map(|(op, any, values)| {
            Test::Compare { op, with: if any { Operand::Any(values) } else { Operand::All(values) } }
        }),
        is.prop_map(Test::Is),
        text().prop_map(Test::Distinct),
        vec(text(), 0..4).prop_map(Test::In),
        (kinds, option::of(identifier()), text()).prop_map(|(kind, config, query)| Test::Search {
            kind,
            config,
            query
        }),
    ]
}

fn cond() -> impl Strategy<Value = Cond> {
    let leaf = (field(), any::<bool>(), test()).prop_map(|(field, negated, test)| Cond::Test {
        field,
        negated,
        test,
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (any::<bool>(), any::<bool>(), vec(inner, 1..4)).prop_map(|(all, negated, of)| {
            if all { Cond::All { negated, of } } else { Cond::Any { negated, of } }
        })
    })
}

fn item() -> impl Strategy<Value = SelectItem> {
    let aggregate = prop::sample::select(vec![
        Aggregate::Sum,
        Aggregate::Avg,
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::Count,
    ]);
    let leaf = prop_oneof![
        Just(SelectItem::Star),
        (option::of(name()), field(), option::of(identifier()))
            .prop_map(|(alias, field, cast)| SelectItem::Field { alias, field, cast }),
        (option::of(name()), field(), option::of(identifier()), aggregate, option::of(identifier()))
            .prop_map(|(alias, field, inner, function, cast)| SelectItem::Aggregate {
                alias,
                of: Some((field, inner)),
                function,
                cast
            }),
        (option::of(name()), option::of(identifier())).prop_map(|(alias, cast)| SelectItem::Aggregate {
            alias,
            of: None,
            function: Aggregate::Count,
            cast
        }),
    ];
    let join = option::of(prop::sample::select(vec![Join::Inner, Join::Left]));
    let target = (name(), option::of(name()), join)
        .prop_map(|(name, hint, join)| EmbedTarget { name, hint, join })
        .boxed();
    leaf.prop_recursive(3, 12, 3, move |inner| {
        let target = target.clone();
        prop_oneof![
            (option::of(name()), target.clone(), vec(inner.clone(), 0..4))
                .prop_map(|(alias, target, select)| SelectItem::Embed { alias, target, select }),
            (target, vec(inner, 0..4)).prop_map(|(target, select)| SelectItem::Spread { target, select }),
        ]
    })
}

fn scoped<T: std::fmt::Debug>(what: impl Strategy<Value = T>) -> impl Strategy<Value = Scoped<T>> {
    // A name `not` on the way to a tree is read as its negation.
    let path = vec(name().prop_filter("not", |name| name != "not"), 0..3);
    (path, what).prop_map(|(path, what)| Scoped { path, what })
}

fn whole() -> impl Strategy<Value = Query> {
    let term = (
        option::of(name()),
        field(),
        option::of(prop::sample::select(vec![Direction::Ascending, Direction::Descending])),
        option::of(prop::sample::select(vec![Nulls::First, Nulls::Last])),
    )
        .prop_map(|(relation, field, direction, nulls)| OrderTerm { relation, field, direction, nulls });
    (
        vec(item(), 0..4),
        vec(scoped(cond()), 0..4),
        vec(scoped(vec(term, 1..3)), 0..3),
        vec(scoped(0..1_000_u64), 0..2),
        vec(scoped(0..1_000_u64), 0..2),
        option::of(vec(name(), 1..4)),
        option::of(vec(name(), 1..4)),
    )
        .prop_map(|(select, filters, orders, limits, offsets, columns, on_conflict)| Query {
            select,
            filters,
            orders,
            limits,
            offsets,
            columns,
            on_conflict,
            arguments: Vec::new(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_reads_as_it_was_meant(meant in whole()) {
        let text = print(&meant);
        let read = query(&text, Loose::Mistake);
        prop_assert_eq!(read, Ok(meant), "{}", text);
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_more(
        text in "((select|or|and|not|order|a|b|limit|columns)[.=(]?|[a-z]|[=&.,:()!*\"\\\\{}>%+ -]|->>?|eq\\.|in\\.\\(|\\.\\.\\.|%[0-9a-f]{2}|\u{e9}){0,40}"
    ) {
        for loose in [Loose::Mistake, Loose::Argument] {
            if let Err(error) = query(&text, loose) {
                prop_assert!(error.status.is_client_error());
            }
        }
    }
}
