use super::kit::{ask, insert, names, tested, told, update};
use crate::plan::{Conflict, Plan, Resolution, Returning, Source};
use crate::rest::Settings;

const ROW: &str = r#"{"id":1,"title":"x"}"#;

#[test]
fn columns_are_those_of_the_body_or_those_that_are_told() {
    let written = |uri: &str| -> Vec<String> {
        insert("POST", uri, "", ROW).unwrap().columns.into_iter().map(|column| column.name).collect()
    };
    assert_eq!(written("/films"), ["id", "title"]);
    assert_eq!(written("/films?columns=title"), ["title"]);
    assert_eq!(written("/films?columns=title,title"), ["title"]);
}

#[test]
fn a_column_that_is_not_there_is_told() {
    let error = insert("POST", "/films", "", r#"{"zz":1,"id":1,"aa":2}"#).unwrap_err();
    let message = "Could not find the 'aa' column of 'films' in the schema cache";
    assert_eq!(told(&error), (400, "PGRST204", message, None, None));
    assert_eq!(told(&insert("POST", "/films?columns=other", "", ROW).unwrap_err()).1, "PGRST204");
    assert_eq!(told(&update("/films?id=eq.1", "", r#"{"aa":1}"#).unwrap_err()).1, "PGRST204");
    assert_eq!(told(&insert("POST", "/film", "", ROW).unwrap_err()).1, "PGRST205");
}

#[test]
fn rows_that_are_there_are_found_by_key_or_by_what_is_told() {
    let conflict = |uri: &str, prefer: &str| insert("POST", uri, prefer, ROW).map(|insert| insert.conflict);
    let on = |column: &str, resolution| Some(Conflict { columns: vec![column.to_owned()], resolution });
    let merge = "resolution=merge-duplicates";
    assert_eq!(conflict("/films", merge).unwrap(), on("id", Resolution::Merge));
    assert_eq!(conflict("/films", "resolution=ignore-duplicates").unwrap(), on("id", Resolution::Ignore));
    assert_eq!(conflict("/films?on_conflict=title", merge).unwrap(), on("title", Resolution::Merge));
    // Without the preference the column is not asked for.
    assert_eq!(conflict("/films?on_conflict=other", "").unwrap(), None);
    let line = r#"{"line":"x"}"#;
    assert_eq!(insert("POST", "/logs", merge, line).unwrap().conflict, None);
    assert_eq!(told(&conflict("/films?on_conflict=other", merge).unwrap_err()).1, "42703");
    let error = conflict("/films?on_conflict=details", merge).unwrap_err();
    let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
    assert_eq!(told(&error), (400, "42P10", message, None, None));
}

#[test]
fn put_names_the_key_and_nothing_else() {
    let put = |uri: &str| insert("PUT", uri, "missing=default", ROW);
    let good = put("/films?id=eq.1").unwrap();
    assert_eq!(good.conflict.unwrap().columns, ["id"]);
    assert_eq!(tested(&good.put.unwrap()), ["id"]);
    assert!(!good.missing_default);
    assert!(insert("PUT", "/roles?film_id=eq.1&actor_id=eq.2", "", r#"{"film_id":1,"actor_id":2}"#).is_ok());
    let message = "Filters must include all and only primary key columns with 'eq' operators";
    for uri in [
        "/films",
        "/films?id=gt.1",
        "/films?id=not.eq.1",
        "/films?title=eq.x",
        "/films?id=eq.1&title=eq.x",
        "/films?and=(id.eq.1)",
        "/films?id=eq(any).{1}",
    ] {
        assert_eq!(told(&put(uri).unwrap_err()), (405, "PGRST105", message, None, None), "{uri}");
    }
    assert_eq!(told(&insert("PUT", "/logs?line=eq.x", "", r#"{"line":"x"}"#).unwrap_err()).1, "PGRST105");
}

#[test]
fn defaults_are_taken_where_it_is_asked_for() {
    assert!(insert("POST", "/films", "missing=default", ROW).unwrap().missing_default);
    assert!(!insert("POST", "/films", "", ROW).unwrap().missing_default);
}

#[test]
fn what_comes_back_is_what_was_preferred() {
    let returning =
        |prefer: &str| insert("POST", "/films?select=id,directors(name)", prefer, ROW).unwrap().returning;
    assert_eq!(returning(""), Returning::Nothing);
    assert_eq!(returning("return=minimal"), Returning::Nothing);
    assert_eq!(returning("return=headers-only"), Returning::Key(vec!["id".to_owned()]));
    let Returning::Rows(node) = returning("return=representation") else { panic!() };
    assert!(matches!(&node.source, Source::Written(of) if of.name == "films"));
    assert_eq!((names(&node), node.embeds.len()), (vec!["id"], 1));
}

#[test]
fn rows_that_were_written_come_back_whole() {
    let uri =
        "/films?select=id,roles(character)&title=eq.x&order=id&limit=1&roles.order=character&roles.limit=1";
    let update = update(uri, "return=representation", r#"{"title":"y"}"#).unwrap();
    assert_eq!(tested(update.filter.as_ref().unwrap()), ["title"]);
    let Returning::Rows(node) = update.returning else { panic!() };
    assert_eq!((&node.filter, node.order.len(), node.limit), (&None, 0, None));
    let roles = &node.embeds[0].node;
    assert_eq!((roles.order.len(), roles.limit), (0, None));
}

#[test]
fn terms_and_conditions_are_kept() {
    let headers = [("prefer", "handling=strict, max-affected=3")];
    let task =
        ask("DELETE", "/films?or=(id.eq.1,title.is.null)", &headers, "", &Settings::default()).unwrap();
    assert_eq!(task.terms.affected_max, Some(3));
    let Plan::Delete(delete) = task.plan else { panic!() };
    assert_eq!(tested(&delete.filter.unwrap()), ["id", "title"]);
    let error = ask("DELETE", "/films?other=eq.1", &[], "", &Settings::default()).unwrap_err();
    assert_eq!(told(&error).2, "column films.other does not exist");
}
