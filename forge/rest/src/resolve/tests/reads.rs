use super::kit::{ask, get, names, read, root, tested, told};
use crate::plan::{Aggregate, Join, OrderBy, Origin, Output, Show};
use crate::rest::Settings;

#[test]
fn columns_are_shown_under_their_names_and_aliases() {
    assert_eq!(names(&root("/directors")), ["id", "name"]);
    assert_eq!(
        names(&root("/films?select=t:title,id::text,details-%3Ea-%3E%3Eb,details-%3Ea-%3E0")),
        ["t", "id", "b", "a"]
    );
    assert_eq!(names(&root("/films?select=full_title,count()")), ["full_title", "count"]);
    let Output::Value { value, .. } = &root("/films?select=full_title").outputs[0] else { panic!() };
    assert!(matches!(&value.of, Origin::Computed(function) if function.name == "full_title"));
}

#[test]
fn a_column_called_count_is_not_counted() {
    assert!(matches!(root("/loners?select=count").outputs[0], Output::Value { .. }));
    assert!(matches!(
        root("/films?select=count").outputs[0],
        Output::Aggregate { function: Aggregate::Count, .. }
    ));
}

#[test]
fn what_is_said_reaches_an_embedded_relation_by_alias_and_by_name() {
    for path in ["d", "directors"] {
        let root = root(&format!(
            "/films?select=id,d:directors(name)&{path}.name=eq.x&{path}.order=id.desc&{path}.limit=3&{path}.offset=2"
        ));
        let embedded = &root.embeds[0];
        assert_eq!(embedded.name, "d");
        assert_eq!(tested(embedded.node.filter.as_ref().unwrap()), ["name"]);
        assert_eq!((embedded.node.order.len(), embedded.node.limit, embedded.node.offset), (1, Some(3), 2));
    }
}

#[test]
fn conditions_reach_across_relations() {
    let root = root(
        "/films?select=id,directors(),roles(character,actors(name))&or=(directors.not.is.null,title.eq.x)&roles.actors.name=eq.y",
    );
    assert_eq!(tested(root.filter.as_ref().unwrap()), ["!!#0", "title"]);
    assert_eq!((root.embeds[0].show, root.embeds[1].show), (Show::Hidden, Show::Nested));
    let actors = &root.embeds[1].node.embeds[0].node;
    assert_eq!(tested(actors.filter.as_ref().unwrap()), ["name"]);
}

#[test]
fn a_relation_of_which_nothing_is_shown_at_any_depth_is_hidden() {
    assert_eq!(root("/films?select=id,roles(actors())").embeds[0].show, Show::Hidden);
    assert_eq!(root("/films?select=id,roles(actors(id))").embeds[0].show, Show::Nested);
}

#[test]
fn joins_and_spreads_are_kept() {
    let root = root("/films?select=title,directors!inner(name),...studios!made_by(name),scores!left(points)");
    let said: Vec<_> = root.embeds.iter().map(|embed| (embed.join, embed.show, embed.many)).collect();
    let nested = |join| (join, Show::Nested, false);
    assert_eq!(said, [nested(Join::Inner), (Join::Left, Show::Spread, false), nested(Join::Left)]);
}

#[test]
fn rows_are_sorted_by_what_there_is_one_of() {
    let ordered = root("/films?select=id,directors(name)&order=directors(name).desc,title");
    assert!(matches!(&ordered.order[0].by, OrderBy::Embedded(0, _)));
    assert!(matches!(&ordered.order[1].by, OrderBy::Own(_)));
    let error = get("/films?select=id,roles(character)&order=roles(character)").unwrap_err();
    let details = "'films' and 'roles' do not form a many-to-one or one-to-one relationship";
    assert_eq!(
        told(&error),
        (400, "PGRST118", "A related order on 'roles' is not possible", Some(details), None)
    );
}

#[test]
fn no_answer_is_longer_than_the_most_rows() {
    let settings = Settings { max_rows: Some(5), ..Settings::default() };
    let task = ask(
        "GET",
        "/films?select=id,roles(character),directors(name)&limit=9&roles.limit=7",
        &[],
        "",
        &settings,
    );
    let crate::plan::Plan::Read(read) = task.unwrap().plan else { panic!() };
    assert_eq!(
        (read.root.limit, read.root.embeds[0].node.limit, read.root.embeds[1].node.limit),
        (Some(5), Some(5), None)
    );
}

#[test]
fn numbers_of_nodes_are_unique_and_the_range_is_that_of_the_request() {
    let read = read("/films?select=*,roles(*,actors(*)),directors(*)&limit=2&offset=4");
    let root = &read.root;
    let ids =
        [root.id, root.embeds[0].node.id, root.embeds[0].node.embeds[0].node.id, root.embeds[1].node.id];
    assert_eq!(ids, [0, 1, 2, 3]);
    assert_eq!((root.limit, root.offset, read.head), (Some(2), 4, false));
}

#[test]
fn what_is_not_there_is_told() {
    let near = |name: &str| format!("Perhaps you meant to reference the column \"films.{name}\".");
    for (uri, status, code, message, details, hint) in [
        (
            "/film",
            404,
            "PGRST205",
            "Could not find the table 'public.film' in the schema cache",
            None,
            Some("Perhaps you meant the table 'public.films'".to_owned()),
        ),
        (
            "/invoices",
            404,
            "PGRST205",
            "Could not find the table 'public.invoices' in the schema cache",
            None,
            None,
        ),
        ("/films?select=titel", 400, "42703", "column films.titel does not exist", None, Some(near("title"))),
        ("/films?select=nothing", 400, "42703", "column films.nothing does not exist", None, None),
        ("/films?nothing=eq.1", 400, "42703", "column films.nothing does not exist", None, None),
        ("/films?order=nothing", 400, "42703", "column films.nothing does not exist", None, None),
        (
            "/films?select=directors(nothing)",
            400,
            "42703",
            "column directors_1.nothing does not exist",
            None,
            None,
        ),
        ("/films?select=nothing.sum()", 400, "42703", "column films.nothing does not exist", None, None),
        ("/films?select=id::Nonsense", 400, "42704", "type \"nonsense\" does not exist", None, None),
        (
            "/films?select=id&roles.character=eq.x",
            400,
            "PGRST108",
            "'roles' is not an embedded resource in this request",
            None,
            Some("Verify that 'roles' is included in the 'select' query parameter.".to_owned()),
        ),
        (
            "/films?select=id&order=directors(name)",
            400,
            "PGRST108",
            "'directors' is not an embedded resource in this request",
            None,
            Some("Verify that 'directors' is included in the 'select' query parameter.".to_owned()),
        ),
        (
            "/films?select=id,roles()&roles=eq.2",
            400,
            "PGRST120",
            "Bad operator on the 'roles' embedded resource",
            Some("Only is null or not is null filters are allowed on embedded resources"),
            None,
        ),
        (
            "/films?select=id,...roles(film_id.count())",
            400,
            "PGRST127",
            "Feature not implemented",
            Some("Aggregates are not implemented for one-to-many or many-to-many spreads."),
            None,
        ),
        (
            "/films?select=id,...roles(...actors(id.max()))",
            400,
            "PGRST127",
            "Feature not implemented",
            Some("Aggregates are not implemented for one-to-many or many-to-many spreads."),
            None,
        ),
    ] {
        assert_eq!(told(&get(uri).unwrap_err()), (status, code, message, details, hint.as_deref()), "{uri}");
    }
}

#[test]
fn a_cast_to_an_enum_or_a_known_type_is_taken() {
    for cast in ["genre", "text", "integer", "int4range", "timestamp with time zone"] {
        let uri = format!("/films?select=id::{}", cast.replace(' ', "%20"));
        let root = root(&uri);
        let Output::Value { value, .. } = &root.outputs[0] else { panic!() };
        assert_eq!(value.cast.as_ref().unwrap().name, cast);
    }
}

#[test]
fn aggregates_can_be_switched_off() {
    let settings = Settings { aggregates: false, ..Settings::default() };
    let error = ask("GET", "/films?select=directors(id.max())", &[], "", &settings).unwrap_err();
    assert_eq!(told(&error), (400, "PGRST123", "Use of aggregate functions is not allowed", None, None));
    assert!(get("/films?select=directors(id.max()),...directors(name.min())").is_ok());
}

#[test]
fn embedding_is_bounded() {
    let many = |count: usize| {
        let embeds: Vec<String> = (0..count).map(|at| format!("d{at}:directors(id)")).collect();
        get(&format!("/films?select={}", embeds.join(",")))
    };
    assert!(many(64).is_ok());
    assert_eq!(told(&many(65).unwrap_err()).1, "PGRST100");
    let deep = |depth: usize| {
        let mut select = "id".to_owned();
        for at in 0..depth {
            select = if (depth - at) % 2 == 1 {
                format!("mentor_id({select})")
            } else {
                format!("people!mentor_id({select})")
            };
        }
        get(&format!("/people?select={select}"))
    };
    assert!(deep(16).is_ok());
    assert_eq!(told(&deep(17).unwrap_err()).1, "PGRST100");
}

#[test]
fn values_of_a_row_are_bounded() {
    let many = |count: usize| {
        let columns: Vec<String> = (0..count).map(|at| format!("c{at}:id")).collect();
        get(&format!("/films?select={}", columns.join(",")))
    };
    assert!(many(1_000).is_ok());
    assert_eq!(told(&many(1_001).unwrap_err()).1, "PGRST100");
}
