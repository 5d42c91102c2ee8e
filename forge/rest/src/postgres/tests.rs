//! The engine on a real server, through the requests of clients.

mod kit;
mod reach;

use std::time::Duration;

use forge_core::{Identity, Role};
use serde_json::json;

use kit::{ALICE, BOB, World, alice, bob};

#[tokio::test]
async fn people_see_their_own() {
    let Some(world) = World::new().await else { return };
    for (who, titles) in [
        (alice(), json!([{"title": "a1"}, {"title": "a2"}])),
        (bob(), json!([{"title": "b1"}])),
        (Identity::anon(), json!([])),
        (Identity::service(), json!([{"title": "a1"}, {"title": "a2"}, {"title": "b1"}])),
    ] {
        let seen = world.get(&who, "/todos?select=title&order=id").await;
        assert_eq!((seen.status, seen.body), (200, titles), "{who:?}");
    }
}

#[tokio::test]
async fn embeds_counts_and_aggregates_obey_policies() {
    let Some(world) = World::new().await else { return };
    let lists = world.get(&alice(), "/lists?select=name,todos(title)&order=id&todos.order=id").await;
    assert_eq!(lists.body, json!([{"name": "home", "todos": [{"title": "a1"}, {"title": "a2"}]}]));
    let count = world.get(&bob(), "/todos?select=count()").await;
    assert_eq!(count.body, json!([{"count": 1}]));
    let ranged =
        world.ask(&alice(), "GET", "/todos?select=id&limit=1", &[("prefer", "count=exact")], None).await;
    assert_eq!((ranged.status, ranged.range.as_deref()), (206, Some("0-0/2")));
    for kind in ["planned", "estimated"] {
        let prefer = format!("count={kind}");
        let ranged = world.ask(&alice(), "GET", "/todos?select=id", &[("prefer", &prefer)], None).await;
        assert!(ranged.status < 300 && !ranged.range.unwrap().ends_with('*'), "{kind}");
    }
}

#[tokio::test]
async fn keys_are_traced_through_views() {
    let Some(world) = World::new().await else { return };
    let seen = world.get(&alice(), "/titles?select=title,lists(name)&order=id").await;
    assert_eq!(seen.body[0], json!({"title": "a1", "lists": {"name": "home"}}));
    // Over a view that hides the column there is no key, and over a union none that could be trusted.
    assert_eq!(world.get(&alice(), "/bare?select=title,lists(name)").await.code(), "PGRST200");
    assert_eq!(world.get(&alice(), "/united?select=title,lists(name)").await.code(), "PGRST200");
}

#[tokio::test]
async fn writes_obey_policies_and_tell_what_they_did() {
    let Some(world) = World::new().await else { return };
    let returning = [("prefer", "return=representation")];
    let new = json!({"title": "a3", "owner": ALICE, "list_id": 1});
    let made = world.ask(&alice(), "POST", "/todos?select=title,done", &returning, Some(&new)).await;
    assert_eq!((made.status, made.body), (201, json!([{"title": "a3", "done": false}])));
    let theirs = json!({"title": "x", "owner": BOB, "list_id": 1});
    let refused = world.ask(&alice(), "POST", "/todos", &[], Some(&theirs)).await;
    assert_eq!((refused.status, refused.code()), (403, "42501"));
    let placed =
        world.ask(&alice(), "POST", "/todos", &[("prefer", "return=headers-only")], Some(&new)).await;
    assert!(placed.location.as_deref().is_some_and(|at| at.starts_with("/todos?id=eq.")), "{placed:?}");
    let done = json!({"done": true});
    let changed = world.ask(&alice(), "PATCH", "/todos?title=eq.b1&select=id", &returning, Some(&done)).await;
    assert_eq!(changed.body, json!([]));
    let gone = world.ask(&bob(), "DELETE", "/todos?id=gt.0&select=title", &returning, None).await;
    assert_eq!(gone.body, json!([{"title": "b1"}]));
    let merging = [("prefer", "resolution=merge-duplicates,return=representation")];
    let same = json!([{"id": 1, "title": "again", "owner": ALICE, "list_id": 1}]);
    let merged = world.ask(&alice(), "POST", "/todos?select=title", &merging, Some(&same)).await;
    assert_eq!((merged.status, merged.body), (200, json!([{"title": "again"}])));
    let put = json!({"id": 2, "title": "put", "owner": ALICE, "list_id": 1, "done": true});
    let put_it = world.ask(&alice(), "PUT", "/todos?id=eq.2&select=title", &returning, Some(&put)).await;
    assert_eq!(put_it.body, json!([{"title": "put"}]));
    let other = world.ask(&alice(), "PUT", "/todos?id=eq.9", &[], Some(&put)).await;
    assert_eq!((other.status, other.code()), (400, "PGRST115"));
}

#[tokio::test]
async fn what_is_not_on_the_terms_is_undone() {
    let Some(world) = World::new().await else { return };
    let done = json!({"done": true});
    let strict = [("prefer", "handling=strict,max-affected=1")];
    let many = world.ask(&alice(), "PATCH", "/todos?id=gt.0", &strict, Some(&done)).await;
    assert_eq!((many.status, many.code()), (400, "PGRST124"));
    let single = [("accept", "application/vnd.pgrst.object+json"), ("prefer", "return=representation")];
    let two = world.ask(&alice(), "PATCH", "/todos?id=gt.0", &single, Some(&done)).await;
    assert_eq!((two.status, two.code()), (406, "PGRST116"));
    let back = [("prefer", "tx=rollback,return=representation")];
    let undone = world.ask(&alice(), "PATCH", "/todos?id=eq.1&select=done", &back, Some(&done)).await;
    assert_eq!(undone.body, json!([{"done": true}]));
    assert_eq!(world.sql("SELECT count(*) FROM todos WHERE done;"), "0");
    // A batch: all or nothing.
    let batch = json!([
        {"method": "PATCH", "path": "/todos?id=eq.1", "body": done},
        {"method": "PATCH", "path": "/todos?id=eq.2", "body": {"title": null}},
    ]);
    let failed = world.ask(&alice(), "POST", "/$batch", &[], Some(&batch)).await;
    assert_eq!(failed.code(), "23502");
    assert_eq!(world.sql("SELECT count(*) FROM todos WHERE done;"), "0");
}

#[tokio::test]
async fn functions_are_called() {
    let Some(world) = World::new().await else { return };
    let sum = world.ask(&alice(), "POST", "/rpc/add", &[], Some(&json!({"a": 2, "b": 3}))).await;
    assert_eq!((sum.status, sum.body), (200, json!(5)));
    assert_eq!(world.get(&alice(), "/rpc/add?a=2").await.body, json!(12), "a default");
    assert_eq!(world.get(&bob(), "/rpc/mine?select=title").await.body, json!([{"title": "b1"}]));
    assert_eq!(world.get(&bob(), "/rpc/whoami").await.body, json!(BOB));
    let tea = world.get(&alice(), "/rpc/teapot").await;
    assert_eq!((tea.status, tea.header("x-tea").as_deref()), (418, Some("green")));
    assert_eq!(world.get(&alice(), "/rpc/bad_status").await.code(), "PGRST112");
    // The next one is not made of tea.
    assert_eq!(world.get(&alice(), "/rpc/add?a=1&b=1").await.status, 200);
    let raised = world.get(&alice(), "/rpc/refuse").await;
    assert_eq!((raised.status, raised.code()), (402, "PT402"));
    let writes = world.get(&alice(), "/rpc/leave_it").await;
    assert_eq!((writes.status, writes.code()), (405, "25006"));
}

#[tokio::test]
async fn errors_are_those_of_the_server() {
    let Some(world) = World::new().await else { return };
    for (path, status, code) in [
        ("/todos?id=eq.abc", 400, "22P02"),
        ("/secrets", 403, "42501"),
        ("/nowhere", 404, "PGRST205"),
        ("/rpc/divide?by=0", 400, "22012"),
    ] {
        let seen = world.get(&alice(), path).await;
        assert_eq!((seen.status, seen.code()), (status, code), "{path} {seen:?}");
    }
    assert_eq!(world.get(&Identity::anon(), "/secrets").await.status, 401);
    let broken = json!({"title": "x", "owner": ALICE, "list_id": 77});
    let refused = world.ask(&Identity::service(), "POST", "/todos", &[], Some(&broken)).await;
    assert_eq!((refused.status, refused.code()), (409, "23503"));
    assert_eq!(refused.body["details"], "Key (list_id)=(77) is not present in table \"lists\".");
}

/// One connection serves everybody here, so whatever one leaves behind the next one would have.
#[tokio::test]
async fn nothing_of_a_request_is_left_on_its_connection() {
    let Some(world) = World::new().await else { return };
    let look = "/rpc/left?name=app.left";
    for failing in ["/todos?id=eq.abc", "/rpc/divide?by=0", "/rpc/refuse", "/secrets"] {
        assert!(world.get(&Identity::service(), failing).await.status < 600);
        let seen = world.get(&Identity::anon(), "/rpc/whoami").await;
        assert_eq!(seen.body, json!(null), "{failing}");
        assert_eq!(world.get(&Identity::anon(), "/todos").await.body, json!([]), "{failing}");
    }
    let left = world.ask(&alice(), "POST", "/rpc/leave_it", &[], Some(&json!({}))).await;
    assert_eq!(left.status, 200, "{left:?}");
    assert_eq!(world.get(&bob(), look).await.body, json!(""), "a setting of the session");
    assert_eq!(world.get(&bob(), "/rpc/left?name=request.jwt.claim.sub").await.body, json!(""));
    let claims = world.get(&Identity::anon(), "/rpc/left?name=request.jwt.claims").await;
    assert_eq!(claims.body, json!(""));
}

#[tokio::test]
async fn who_goes_away_takes_the_transaction_along() {
    let Some(world) = World::new().await else { return };
    let service = Identity::service();
    let slow = world.ask(&service, "POST", "/rpc/nap", &[], None);
    let gone = tokio::time::timeout(Duration::from_millis(50), slow).await;
    assert!(gone.is_err(), "it went on until it was done");
    assert_eq!(world.get(&Identity::anon(), "/todos").await.body, json!([]));
    assert_eq!(world.get(&bob(), "/todos?select=title").await.body, json!([{"title": "b1"}]));
}

#[tokio::test]
async fn a_statement_ends_in_time() {
    let Some(world) = World::with(|settings| settings.statement_timeout = Duration::from_millis(100)).await
    else {
        return;
    };
    let slow = world.ask(&alice(), "POST", "/rpc/nap", &[], None).await;
    assert_eq!((slow.status, slow.code()), (500, "57014"));
    assert_eq!(world.get(&bob(), "/todos?select=title").await.status, 200);
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_told() {
    let Some(world) = World::with(|settings| settings.acquire_timeout = Duration::from_millis(50)).await
    else {
        return;
    };
    let who = alice();
    let (slow, late) = tokio::join!(
        biased;
        world.ask(&who, "POST", "/rpc/nap", &[], None),
        world.get(&who, "/todos"),
    );
    assert_eq!(slow.status, 200);
    assert_eq!((late.status, late.code()), (504, "PGRST003"));
}

#[tokio::test]
async fn roles_that_are_none_are_refused() {
    let Some(world) = World::new().await else { return };
    for (role, status) in
        [("none", 401), ("NONE", 401), ("nobody_there", 401), ("postgres", 403), ("a\"; --", 401)]
    {
        let mut who = alice();
        who.role = Role::Custom(role.to_owned());
        let seen = world.get(&who, "/todos").await;
        assert_eq!(seen.status, status, "{role} {seen:?}");
    }
}

/// Text is never read as a statement, wherever it stands.
#[tokio::test]
async fn injected_statements_stay_text() {
    let Some(world) = World::new().await else { return };
    let evil = "x%27%22%29%3B%20DROP%20TABLE%20todos%3B%20--";
    for path in [
        format!("/todos?title=eq.{evil}"),
        format!("/todos?title=in.({evil})"),
        format!("/todos?title=like(any).{{{evil}}}"),
        format!("/todos?title=fts({evil}).cat"),
        format!("/todos?{evil}=eq.1"),
        format!("/todos?select={evil}"),
        format!("/todos?select=\"{evil}\":title"),
        format!("/todos?select=title::{evil}"),
        format!("/todos?select=meta->>{evil}"),
        format!("/todos?select=title,\"{evil}\":lists(name)"),
        format!("/todos?order={evil}"),
        format!("/todos?order=meta->{evil}"),
        format!("/rpc/add?a={evil}"),
        format!("/rpc/{evil}"),
        format!("/{evil}"),
    ] {
        world.get(&Identity::service(), &path).await;
    }
    let headers = [("prefer", "timezone=UTC'; DROP TABLE todos; --"), ("x-evil", "'; DROP TABLE todos; --")];
    world.ask(&Identity::service(), "GET", "/todos", &headers, None).await;
    let evil = "x'\"); DROP TABLE todos; --";
    let body = json!({ evil: 1, "title": evil, "owner": ALICE, "list_id": 1 });
    world.ask(&Identity::service(), "POST", "/todos", &[], Some(&body)).await;
    assert_eq!(world.sql("SELECT count(*) >= 3 FROM todos;"), "t");
}
