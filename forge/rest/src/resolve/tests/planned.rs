//! Requests about an application whose model follows from a migration, as it does when it is served.

use bytes::Bytes;
use forge_database::schema::Schema;
use forge_database::{ddl, spec};
use proptest::prelude::*;

use super::kit::{names, tested, told};
use crate::error::RestError;
use crate::model::{Model, from_schema};
use crate::plan::{Conflict, Embed, Link, Node, OrderBy, Output, Plan, Returning, Show, Source, Task};
use crate::rest::Settings;
use crate::wire::Request;
use crate::wire::request::Exposed;

const SHOP: &str = r#"
migration: shop
changes:
  - add_enum: {name: state, values: [open, paid]}
  - add_table: {name: customers, columns: [id bigint pk identity, name text not null, email text unique], rls: none}
  - add_table: {name: profiles, columns: [id bigint pk identity, customer_id fk->customers.id unique, bio text null], rls: none}
  - add_table: {name: addresses, columns: [id bigint pk identity, customer_id fk->customers.id, street text], rls: none}
  - add_table: {name: orders, columns: [id bigint pk identity, customer_id fk->customers.id, state state, ship_to fk->addresses.id null, bill_to fk->addresses.id null, 'total numeric(10,2)'], indices: [{columns: [customer_id, total], unique: true}], rls: none}
  - add_table: {name: products, columns: [id bigint pk identity, title text, sku text unique, data jsonb null], rls: none}
  - add_table: {name: items, columns: [order_id fk->orders.id, product_id fk->products.id, amount int], primary_key: [order_id, product_id], rls: none}
  - add_table: {name: todos, columns: [id bigint pk identity, parent_id fk->todos.id null, title text], rls: none}
  - add_table: {name: links, columns: [a fk->todos.id, b fk->todos.id], primary_key: [a, b], rls: none}
  - add_table: {name: notes, columns: [id bigint pk identity, line text], rls: none}
  - add_view: {name: buyers, query: "select id, name from customers"}
  - add_view: {name: open_orders, query: "select id, customer_id, total from orders where state = 'open'"}
  - add_function: {sql: "create function label(products) returns text language sql immutable as $$ select upper($1.title) $$"}
  - add_function: {sql: "create function siblings(todos) returns setof todos language sql stable as $$ select * from todos where parent_id = $1.parent_id $$"}
  - add_function: {name: find, arguments: [part text, {name: most, type: int, default: 10}], returns: setof products, body: "select * from products where title like part limit most", volatility: stable}
"#;

fn shop() -> Model {
    let migration = spec::parse(SHOP, &Schema::default()).unwrap_or_else(|error| panic!("{error}"));
    from_schema(&ddl::plan(&Schema::default(), &migration).unwrap_or_else(|error| panic!("{error}")).target)
}

fn ask(verb: &str, uri: &str, prefer: &str, body: &str, settings: &Settings) -> Result<Task, RestError> {
    let request = http::Request::builder().method(verb).uri(uri).header("prefer", prefer);
    let request = request.body(Bytes::from(body.to_owned())).unwrap();
    let schemas = ["public".to_owned()];
    let exposed = Exposed { schemas: &schemas, tx_rollback_allowed: false, rows_max: 100 };
    super::super::task(&shop(), &Request::read(&request, exposed)?, settings)
}

fn get(uri: &str) -> Result<Task, RestError> {
    ask("GET", uri, "", "", &Settings::default())
}

fn root(uri: &str) -> Node {
    let Plan::Read(read) = get(uri).unwrap().plan else { panic!("{uri}") };
    read.root
}

/// The relation of the first embedded node, its columns on both sides, and whether there are many.
fn first(uri: &str) -> (String, String, bool) {
    let Embed { node, link, many, .. } = root(uri).embeds.remove(0);
    let Source::Relation(of) = node.source else { panic!("{uri}") };
    let on = |pairs: &[(String, String)]| {
        pairs.iter().map(|(one, other)| format!("{one}={other}")).collect::<Vec<_>>().join(",")
    };
    let link = match link {
        Link::Columns(pairs) => on(&pairs),
        Link::Junction { relation, outer, inner } => {
            format!("{} {} {}", relation.name, on(&outer), on(&inner))
        }
        Link::Computed(function) => format!("{}()", function.name),
    };
    (of.name, link, many)
}

#[test]
fn every_cardinality_is_reached_with_and_without_hints() {
    for (uri, name, link, many) in [
        ("/orders?select=customers(*)", "customers", "customer_id=id", false),
        ("/orders?select=c:customers!customer_id(*)", "customers", "customer_id=id", false),
        ("/orders?select=customers!orders_customer_id_fkey(*)", "customers", "customer_id=id", false),
        ("/orders?select=customer_id(*)", "customers", "customer_id=id", false),
        ("/orders?select=orders_customer_id_fkey(*)", "customers", "customer_id=id", false),
        ("/orders?select=addresses!ship_to(*)", "addresses", "ship_to=id", false),
        ("/orders?select=bill_to(*)", "addresses", "bill_to=id", false),
        ("/customers?select=orders(*)", "orders", "id=customer_id", true),
        ("/customers?select=orders!customer_id(*)", "orders", "id=customer_id", true),
        ("/customers?select=orders_customer_id_fkey(*)", "orders", "id=customer_id", true),
        ("/addresses?select=orders!orders_bill_to_fkey(*)", "orders", "id=bill_to", true),
        ("/customers?select=profiles(*)", "profiles", "id=customer_id", false),
        ("/profiles?select=customers(*)", "customers", "customer_id=id", false),
        ("/orders?select=products(*)", "products", "items id=order_id product_id=id", true),
        ("/products?select=orders!items(*)", "orders", "items id=product_id order_id=id", true),
        ("/orders?select=items(*)", "items", "id=order_id", true),
        // By the column of this side, where it leads to one relation only.
        ("/products?select=id(*)", "items", "id=product_id", true),
        // Through views: from one, to one, between two.
        ("/open_orders?select=customers(*)", "customers", "customer_id=id", false),
        ("/orders?select=buyers(*)", "buyers", "customer_id=id", false),
        ("/buyers?select=open_orders(*)", "open_orders", "id=customer_id", true),
        ("/open_orders?select=products(*)", "products", "items id=order_id product_id=id", true),
        ("/buyers?select=profiles(*)", "profiles", "id=customer_id", false),
        // Itself, in both directions.
        ("/todos?select=parent:parent_id(*)", "todos", "parent_id=id", false),
        ("/todos?select=children:todos!parent_id(*)", "todos", "id=parent_id", true),
        ("/todos?select=todos(*)", "todos", "id=parent_id", true),
        ("/todos?select=siblings(*)", "todos", "siblings()", true),
    ] {
        assert_eq!(first(uri), (name.to_owned(), link.to_owned(), many), "{uri}");
    }
}

#[test]
fn what_does_not_tell_the_direction_is_no_way_to_itself() {
    for uri in [
        "/todos?select=todos!id(*)",
        "/todos?select=todos!todos_parent_id_fkey(*)",
        "/todos?select=todos_parent_id_fkey(*)",
        "/todos?select=todos!links(*)",
        // A column and a constraint mean a table, never the view that shows it.
        "/open_orders?select=ship_to(*)",
        "/todos?select=id(title,a(*))",
    ] {
        let code = get(uri).unwrap_err().code;
        assert!(code == "PGRST200" || code == "PGRST201", "{uri} {code}");
    }
}

#[test]
fn several_ways_are_listed_and_none_is_told() {
    let error = get("/orders?select=addresses(*)").unwrap_err();
    assert_eq!((error.status.as_u16(), error.code.as_str()), (300, "PGRST201"));
    let one = |column: &str| {
        serde_json::json!({
            "cardinality": "many-to-one", "embedding": "orders with addresses",
            "relationship": format!("orders_{column}_fkey using orders({column}) and addresses(id)"),
        })
    };
    let details = error.details.unwrap();
    let listed = details.as_array().unwrap();
    assert!(listed.len() == 2 && listed.contains(&one("ship_to")) && listed.contains(&one("bill_to")));
    let error = get("/orders?select=product(*)").unwrap_err();
    let details = "Searched for a foreign key relationship between 'orders' and 'product' in the schema 'public', but no matches were found.";
    let message = "Could not find a relationship between 'orders' and 'product' in the schema cache";
    let hint = Some("Perhaps you meant 'products' instead of 'product'.");
    assert_eq!(told(&error), (400, "PGRST200", message, Some(details), hint));
}

#[test]
fn embeds_are_told_apart_by_alias_or_by_the_name_they_were_asked_for() {
    for path in ["o", "orders"] {
        let uri = format!(
            "/customers?select=id,o:orders(id)&{path}.state=eq.paid&{path}.order=total.desc&{path}.limit=2&{path}.offset=1"
        );
        let node = &root(&uri).embeds[0].node;
        assert_eq!(tested(node.filter.as_ref().unwrap()), ["state"], "{path}");
        assert_eq!((node.order.len(), node.limit, node.offset), (1, Some(2), 1), "{path}");
    }
    let deep =
        root("/customers?select=id,o:orders(id,p:products(id))&o.p.title=eq.x&o.or=(id.eq.1,p.is.null)");
    let orders = &deep.embeds[0].node;
    assert_eq!(tested(orders.filter.as_ref().unwrap()), ["id", "!#0"]);
    assert_eq!(tested(orders.embeds[0].node.filter.as_ref().unwrap()), ["title"]);
}

#[test]
fn of_several_orders_the_first_counts() {
    let root = root("/notes?order=line.desc&order=id");
    let OrderBy::Own(value) = &root.order[0].by else { panic!() };
    assert_eq!((root.order.len(), &value.of), (1, &crate::plan::Origin::Column("line".to_owned())));
}

#[test]
fn whether_there_is_any_is_asked_without_showing_it() {
    for (uri, test) in [
        ("/customers?select=id,o:orders()&o=not.is.null", "!!#0"),
        ("/customers?select=id,o:orders()&o=is.null", "!#0"),
        ("/customers?select=id,o:orders(products())&o=is.not_null", "#0"),
    ] {
        let root = root(uri);
        assert_eq!(tested(root.filter.as_ref().unwrap()), [test], "{uri}");
        assert_eq!(root.embeds[0].show, Show::Hidden, "{uri}");
    }
    let error = get("/customers?select=id,o:orders(id)&o=eq.3").unwrap_err();
    let details = Some("Only is null or not is null filters are allowed on embedded resources");
    assert_eq!(
        told(&error),
        (400, "PGRST120", "Bad operator on the 'orders' embedded resource", details, None)
    );
}

#[test]
fn only_one_row_is_sorted_by() {
    let root = root("/orders?select=id,c:customers(name)&order=c(name).desc");
    assert!(matches!(root.order[0].by, OrderBy::Embedded(0, _)));
    let error = get("/customers?select=id,o:orders(id)&order=o(id)").unwrap_err();
    let details = Some("'customers' and 'o' do not form a many-to-one or one-to-one relationship");
    assert_eq!(told(&error), (400, "PGRST118", "A related order on 'o' is not possible", details, None));
    let error = get("/customers?select=id&orders.id=eq.1").unwrap_err();
    let hint = Some("Verify that 'orders' is included in the 'select' query parameter.");
    let message = "'orders' is not an embedded resource in this request";
    assert_eq!(told(&error), (400, "PGRST108", message, None, hint));
}

#[test]
fn unknown_columns_are_told_as_postgres_calls_their_relation() {
    let near = |column: &str| format!("Perhaps you meant to reference the column \"{column}\".");
    for (uri, table, hint) in [
        ("/products?select=titel", "products", Some(near("products.title"))),
        ("/items?select=products(titel)", "products_1", Some(near("products_1.title"))),
        ("/items?select=products(id)&products.titel=eq.x", "products_1", Some(near("products_1.title"))),
        ("/customers?select=orders(items(titel))", "items_2", None),
        ("/customers?select=orders(id,items(amount))&orders.items.order=titel", "items_2", None),
        // What is joined by a junction has no other name.
        ("/orders?select=products(titel)", "products", Some(near("products.title"))),
    ] {
        let error = get(uri).unwrap_err();
        let message = format!("column {table}.titel does not exist");
        assert_eq!(told(&error), (400, "42703", message.as_str(), None, hint.as_deref()), "{uri}");
    }
}

#[test]
fn computed_values_are_named_like_columns() {
    let root = root("/products?select=id,label&label=eq.X&order=label");
    assert_eq!(names(&root), ["id", "label"]);
    assert_eq!(tested(root.filter.as_ref().unwrap()), ["label()"]);
    assert!(get("/orders?select=label").is_err());
}

#[test]
fn the_oldest_count_is_never_switched_off() {
    let off = Settings { aggregates: false, ..Settings::default() };
    let task = ask("GET", "/customers?select=n:count,orders(count)", "", "", &off).unwrap();
    let Plan::Read(read) = task.plan else { panic!() };
    assert_eq!((names(&read.root), names(&read.root.embeds[0].node)), (vec!["n"], vec!["count"]));
    assert!(matches!(read.root.outputs[0], Output::Aggregate { of: None, .. }));
    let error = ask("GET", "/customers?select=count()", "", "", &off).unwrap_err();
    assert_eq!(told(&error).1, "PGRST123");
}

#[test]
fn the_bound_on_rows_holds_for_what_is_read_and_not_for_what_was_written() {
    let settings = Settings { max_rows: Some(5), ..Settings::default() };
    let uri = "/customers?select=id,orders(id),profiles(id)&orders.limit=9";
    let Plan::Read(read) = ask("GET", uri, "", "", &settings).unwrap().plan else { panic!() };
    assert_eq!((read.root.limit, read.root.embeds[0].node.limit), (Some(5), Some(5)));
    assert_eq!(read.root.embeds[1].node.limit, None);
    let uri = "/customers?id=eq.1&select=id,orders(id)";
    let task = ask("PATCH", uri, "return=representation", r#"{"name":"x"}"#, &settings).unwrap();
    let Plan::Update(update) = task.plan else { panic!() };
    let Returning::Rows(node) = update.returning else { panic!() };
    assert_eq!((node.limit, node.embeds[0].node.limit), (None, None));
}

fn conflict(verb: &str, uri: &str) -> Result<Option<Conflict>, RestError> {
    let body = r#"{"id":1}"#;
    match ask(verb, uri, "resolution=merge-duplicates", body, &Settings::default())?.plan {
        Plan::Insert(insert) => Ok(insert.conflict),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_that_are_there_are_found_by_whatever_is_unique() {
    for (uri, columns) in [
        ("/customers", &["id"][..]),
        ("/customers?on_conflict=email", &["email"]),
        ("/customers?on_conflict=email,email", &["email"]),
        // By an index, in any order.
        ("/orders?on_conflict=total,customer_id", &["total", "customer_id"]),
    ] {
        assert_eq!(conflict("POST", uri).unwrap().unwrap().columns, columns, "{uri}");
    }
    let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
    for uri in ["/customers?on_conflict=name", "/orders?on_conflict=total"] {
        assert_eq!(told(&conflict("POST", uri).unwrap_err()), (400, "42P10", message, None, None), "{uri}");
    }
    assert_eq!(told(&conflict("POST", "/customers?on_conflict=nam").unwrap_err()).1, "42703");
}

#[test]
fn put_goes_by_its_key_alone() {
    for uri in ["/customers?id=eq.1&on_conflict=name", "/customers?id=eq.1&id=eq.1"] {
        assert_eq!(conflict("PUT", uri).unwrap().unwrap().columns, ["id"], "{uri}");
    }
    assert_eq!(told(&conflict("PUT", "/customers?email=eq.x").unwrap_err()).1, "PGRST105");
}

#[test]
fn an_unknown_function_is_told_alike_whether_called_or_asked_for_its_verbs() {
    let called = ask("GET", "/rpc/fin", "", "", &Settings::default()).unwrap_err();
    assert_eq!(super::super::no_function(&shop(), "public", "fin"), called);
    let details = "Searched for the function public.fin without parameters, but no matches were found in the schema cache.";
    let message = "Could not find the function public.fin without parameters in the schema cache";
    assert_eq!(told(&called).0, 404);
    assert_eq!((told(&called).1, told(&called).2, told(&called).3), ("PGRST202", message, Some(details)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn conditions_and_orders_of_anything_are_resolved_or_refused(
        path in "(customers|orders|todos|open_orders|rpc/find)",
        select in "(id|orders|customers|todos|parent_id|products|label|count|o:orders|,|\\(|\\)|\\*|\\.\\.\\.|!inner){1,10}",
        scope in "((orders|o|products|todos|customers)\\.){0,3}",
        rest in "(id|total|label|orders|o|nothing)=(eq\\.1|is\\.null|not\\.is\\.null|in\\.\\(1\\))",
        order in "(id|nothing|o\\(id\\)|customers\\(name\\))(\\.desc)?",
    ) {
        let uri = format!("/{path}?select={select}&{scope}{rest}&{scope}order={order}&{scope}limit=3&part=x");
        for verb in ["GET", "DELETE"] {
            if let Err(error) = ask(verb, &uri, "return=representation", "", &Settings::default()) {
                let status = error.status;
                prop_assert!(status.is_client_error() || status.as_u16() == 300, "{} {}", uri, error);
            }
        }
    }
}
