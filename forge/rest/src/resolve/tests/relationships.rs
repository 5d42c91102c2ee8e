use serde_json::json;

use super::kit::{get, root, told};
use crate::plan::{Embed, Link};

/// The only embedded relation: what it is of, how it is linked, whether there are many.
fn embedded(uri: &str) -> (String, Link, bool) {
    let mut root = root(uri);
    let Embed { node, link, many, .. } = root.embeds.remove(0);
    let crate::plan::Source::Relation(of) = node.source else { panic!("{uri}") };
    (of.name, link, many)
}

fn columns(outer: &str, inner: &str) -> Link {
    Link::Columns(vec![(outer.to_owned(), inner.to_owned())])
}

#[test]
fn each_side_of_a_key_reaches_the_other() {
    for (uri, name, link, many) in [
        ("/films?select=directors(*)", "directors", columns("director_id", "id"), false),
        ("/directors?select=films(*)", "films", columns("id", "director_id"), true),
        ("/films?select=scores(*)", "scores", columns("id", "film_id"), false),
        ("/scores?select=films(*)", "films", columns("film_id", "id"), false),
        // By the column and by the constraint.
        ("/films?select=director_id(*)", "directors", columns("director_id", "id"), false),
        ("/films?select=films_sold_by_fkey(*)", "studios", columns("sold_by", "id"), false),
        ("/films?select=studios!made_by(*)", "studios", columns("made_by", "id"), false),
        ("/films?select=studios!films_sold_by_fkey(*)", "studios", columns("sold_by", "id"), false),
        ("/studios?select=films!sold_by(*)", "films", columns("id", "sold_by"), true),
        // Through views, in both directions and between two of them.
        ("/recent_films?select=directors(*)", "directors", columns("director_id", "id"), false),
        ("/films?select=famous_directors(*)", "famous_directors", columns("director_id", "id"), false),
        ("/famous_directors?select=recent_films(*)", "recent_films", columns("id", "director_id"), true),
    ] {
        assert_eq!(embedded(uri), (name.to_owned(), link, many), "{uri}");
    }
}

#[test]
fn a_relation_reaches_itself_by_column_and_by_name() {
    let up = embedded("/people?select=mentor_id(*)");
    assert_eq!(up, ("people".to_owned(), columns("mentor_id", "id"), false));
    let down = embedded("/people?select=people!mentor_id(*)");
    assert_eq!(down, ("people".to_owned(), columns("id", "mentor_id"), true));
    let both = get("/people?select=people(*)").unwrap_err();
    assert_eq!(told(&both).1, "PGRST201");
    // Friends are people as well, but no name says in which direction.
    assert_eq!(both.details.unwrap().as_array().unwrap().len(), 2);
    assert_eq!(told(&get("/people?select=people!friendships(*)").unwrap_err()).1, "PGRST200");
}

#[test]
fn a_table_whose_key_holds_both_keys_joins_many_to_many() {
    let (name, link, many) = embedded("/films?select=actors(*)");
    assert_eq!((name.as_str(), many), ("actors", true));
    let Link::Junction { relation, outer, inner } = link else { panic!() };
    assert_eq!(relation.name, "roles");
    assert_eq!(outer, [("id".to_owned(), "film_id".to_owned())]);
    assert_eq!(inner, [("actor_id".to_owned(), "id".to_owned())]);
    assert_eq!(embedded("/actors?select=films!roles(*)").0, "films");
}

#[test]
fn a_table_whose_key_does_not_hold_both_joins_nothing() {
    // A film has a director and a studio, but is no junction between them.
    assert_eq!(told(&get("/directors?select=studios(*)").unwrap_err()).1, "PGRST200");
}

#[test]
fn functions_of_a_row_are_relationships() {
    for (uri, name, many) in
        [("/films?select=rivals(*)", "films", true), ("/films?select=best_role(*)", "roles", false)]
    {
        let (of, link, is_many) = embedded(uri);
        assert!(matches!(link, Link::Computed(_)));
        assert_eq!((of.as_str(), is_many), (name, many), "{uri}");
    }
    // That of another relation is none of this one.
    assert_eq!(told(&get("/actors?select=rivals(*)").unwrap_err()).1, "PGRST200");
}

#[test]
fn what_is_ambiguous_is_listed() {
    let error = get("/films?select=studios(*)").unwrap_err();
    assert_eq!((error.status.as_u16(), error.code.as_str()), (300, "PGRST201"));
    assert_eq!(
        error.message,
        "Could not embed because more than one relationship was found for 'films' and 'studios'"
    );
    let one = |column: &str| {
        json!({
            "cardinality": "many-to-one", "embedding": "films with studios",
            "relationship": format!("films_{column}_fkey using films({column}) and studios(id)"),
        })
    };
    assert_eq!(error.details, Some(json!([one("made_by"), one("sold_by")])));
    assert_eq!(
        error.hint.as_deref(),
        Some(
            "Try changing 'studios' to one of the following: 'studios!films_made_by_fkey', 'studios!films_sold_by_fkey'. Find the desired relationship in the 'details' key."
        )
    );
    let back = get("/studios?select=films(*)").unwrap_err();
    assert_eq!(
        back.details.unwrap()[0]["relationship"],
        "films_made_by_fkey using studios(id) and films(made_by)"
    );
}

#[test]
fn what_is_not_related_is_told() {
    let message = |from: &str, to: &str| {
        format!("Could not find a relationship between '{from}' and '{to}' in the schema cache")
    };
    let details = |from: &str, to: &str, using: &str| {
        format!(
            "Searched for a foreign key relationship between '{from}' and '{to}'{using} in the schema 'public', but no matches were found."
        )
    };
    for (uri, from, to, using, hint) in [
        (
            "/films?select=director(*)",
            "films",
            "director",
            "",
            Some("Perhaps you meant 'directors' instead of 'director'."),
        ),
        ("/films?select=xyz(*)", "films", "xyz", "", None),
        ("/films?select=studios!wrong(*)", "films", "studios", " using the hint 'wrong'", None),
        // From what leads nowhere, another relation was meant to be read.
        (
            "/loners?select=films(*)",
            "loners",
            "films",
            "",
            Some("Perhaps you meant 'actors' instead of 'loners'."),
        ),
    ] {
        let error = get(uri).unwrap_err();
        let (message, details) = (message(from, to), details(from, to, using));
        assert_eq!(told(&error), (400, "PGRST200", message.as_str(), Some(details.as_str()), hint), "{uri}");
    }
}
