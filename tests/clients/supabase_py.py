"""The unmodified `supabase` of PyPI on the data plane: as two users, as nobody, as the service."""

import os
import sys
import traceback

from postgrest.exceptions import APIError
from supabase import ClientOptions, create_client

URL = os.environ["LOKI_URL"]
ADA = "11111111-1111-4111-8111-111111111111"
GROCERIES = "33333333-3333-4333-8333-333333333333"
WORK = "44444444-4444-4444-8444-444444444444"
OTHER = "55555555-5555-4555-8555-555555555555"

passed, failed = 0, []


def client(key, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return create_client(URL, key, ClientOptions(headers=headers, auto_refresh_token=False, persist_session=False))


def signed_in(token):
    made = client(os.environ["LOKI_PUBLISHABLE"])
    made.postgrest.auth(token)
    return made


ada = signed_in(os.environ["LOKI_TOKEN_ADA"])
bob = signed_in(os.environ["LOKI_TOKEN_BOB"])
nobody = client(os.environ["LOKI_PUBLISHABLE"])
service = client(os.environ["LOKI_SECRET"])


def check(act):
    global passed
    try:
        act()
        passed += 1
    except Exception:  # Everything that goes wrong is a failed check.
        failed.append(act.__name__)
        print(f"not ok - {act.__name__}\n{traceback.format_exc()}")


def same(found, wanted):
    assert found == wanted, f"\nfound  {found!r}\nwanted {wanted!r}"


def refused(act, code):
    try:
        answer = act()
    except APIError as error:
        same(error.code, code)
        return error
    raise AssertionError(f"there is no error, but {answer!r}")


def titles(answer):
    return [row["title"] for row in answer.data]


@check
def adding():
    made = ada.table("lists").insert([{"id": GROCERIES, "name": "Groceries"}, {"id": WORK, "name": "Work"}]).execute()
    same([row["user_id"] for row in made.data], [ADA, ADA])
    rows = [
        {"title": "Milk", "list_id": GROCERIES, "priority": 1, "price": 1.5, "tags": ["food", "cold"], "meta": {"a": {"b": 3}}, "span": "[1,5)"},
        {"title": "Bread", "list_id": GROCERIES, "priority": 2, "tags": ["food"], "due": "2026-03-02"},
        {"title": "Report", "list_id": WORK, "priority": 5, "done": True, "document": "'cat':1"},
    ]
    same(titles(ada.table("todos").insert(rows, default_to_null=False).execute()), ["Milk", "Bread", "Report"])
    quiet = ada.table("todos").insert({"title": "Unseen"}, returning="minimal").execute()
    same(quiet.data, [])


@check
def what_cannot_be_is_refused():
    error = refused(lambda: ada.table("lists").insert({"id": GROCERIES, "name": "x"}).execute(), "23505")
    same(error.message, 'duplicate key value violates unique constraint "lists_pkey"')
    same(error.details, None)
    refused(lambda: ada.table("todos").insert({"title": "x", "list_id": OTHER}).execute(), "23503")
    refused(lambda: ada.table("todos").insert({"title": "x", "priority": "many"}).execute(), "22P02")
    refused(lambda: nobody.table("todos").insert({"title": "x"}).execute(), "42501")
    refused(lambda: bob.table("lists").insert({"id": OTHER, "name": "x", "user_id": ADA}).execute(), "42501")
    refused(lambda: ada.table("nothing").select("*").execute(), "PGRST205")


@check
def filters():
    def by(query):
        return titles(query.order("title").execute())

    def todos():
        return ada.table("todos").select("title")

    same(by(todos().eq("priority", 1)), ["Milk"])
    same(by(todos().neq("priority", 1)), ["Bread", "Report"])
    same(by(todos().gt("priority", 1).lte("priority", 5)), ["Bread", "Report"])
    same(by(todos().gte("priority", 2).lt("priority", 5)), ["Bread"])
    same(by(todos().is_("priority", "null")), ["Unseen"])
    same(by(todos().like("title", "M%")), ["Milk"])
    same(by(todos().ilike("title", "%R%")), ["Bread", "Report"])
    same(by(todos().like_any_of("title", "M%,B%")), ["Bread", "Milk"])
    same(by(todos().like_all_of("title", "M%,%k")), ["Milk"])
    same(by(todos().in_("title", ["Milk", "Bread", "a,b"])), ["Bread", "Milk"])
    same(by(todos().not_.in_("title", ["Milk", "Bread"])), ["Report", "Unseen"])
    same(by(todos().contains("tags", ["cold"])), ["Milk"])
    same(by(todos().contained_by("tags", ["food", "warm"]).neq("tags", "{}")), ["Bread"])
    same(by(todos().overlaps("tags", ["cold", "warm"])), ["Milk"])
    same(by(todos().contains("meta", {"a": {"b": 3}})), ["Milk"])
    same(by(todos().eq("meta->a->>b", "3")), ["Milk"])
    same(by(todos().range_lt("span", (6, 9))), ["Milk"])
    same(by(todos().range_gt("span", (-3, 0))), ["Milk"])
    same(by(todos().range_gte("span", (0, 3))), ["Milk"])
    same(by(todos().range_lte("span", (2, 6))), ["Milk"])
    same(by(todos().range_adjacent("span", (4, 6))), ["Milk"])
    same(by(todos().or_("priority.eq.1,and(priority.gt.2,done.is.true)")), ["Milk", "Report"])
    same(by(todos().match({"priority": 2, "done": False})), ["Bread"])
    same(titles(todos().text_search("document", "cat").execute()), ["Report"])
    same(by(todos().filter("due", "eq", "2026-03-02")), ["Bread"])


@check
def others_see_nothing():
    same(bob.table("todos").select("*", count="exact").execute().count, 0)
    same(nobody.table("todos").select("*").execute().data, [])
    same(len(nobody.table("countries").select("*").execute().data), 5)
    same(len(service.table("todos").select("id").execute().data), 4)


@check
def orders_pages_and_counts():
    page = ada.table("todos").select("title", count="exact").order("title", desc=True).range(1, 2).execute()
    same((titles(page), page.count), (["Report", "Milk"], 4))
    same(ada.table("todos").select("title", count="exact", head=True).execute().count, 4)
    same(titles(ada.table("todos").select("title").order("priority", nullsfirst=True).limit(2).execute()), ["Unseen", "Milk"])
    same(ada.table("todos").select("title").eq("title", "Milk").single().execute().data, {"title": "Milk"})
    same(ada.table("todos").select("title").eq("title", "None").maybe_single().execute(), None)
    refused(lambda: ada.table("todos").select("title").single().execute(), "PGRST116")
    same(ada.table("lists").select("name").order("name").csv().execute().data, "name\nGroceries\nWork")


@check
def embeds():
    lists = ada.table("lists").select("name,todos(title)").order("name").order("title", foreign_table="todos").execute()
    same(lists.data[0], {"name": "Groceries", "todos": [{"title": "Bread"}, {"title": "Milk"}]})
    inner = ada.table("todos").select("title,lists!inner(name)").eq("lists.name", "Work").execute()
    same(inner.data, [{"title": "Report", "lists": {"name": "Work"}}])


@check
def changing():
    same(ada.table("todos").update({"done": True}).eq("title", "Milk").execute().data[0]["done"], True)
    same(bob.table("todos").update({"done": False}).eq("title", "Milk").execute().data, [])
    merged = ada.table("lists").upsert({"id": WORK, "name": "Office"}).execute()
    same(merged.data[0]["name"], "Office")
    by = ada.table("lists").upsert({"id": OTHER, "user_id": ADA, "name": "Office"}, on_conflict="user_id,name", ignore_duplicates=True).execute()
    same(by.data, [])
    refused(lambda: bob.table("lists").upsert({"id": WORK, "name": "Mine"}).execute(), "42501")
    refused(lambda: ada.table("todos").update({"priority": 9}).gt("id", 0).max_affected(1).execute(), "PGRST124")
    same(titles(ada.table("todos").delete().eq("title", "Unseen").execute()), ["Unseen"])
    same(bob.table("todos").delete().gt("id", 0).execute().data, [])


@check
def functions():
    same(ada.rpc("add", {"a": 2, "b": 3}).execute().data, 5)
    same(ada.rpc("add", {"a": 2}, get=True).execute().data, 3)
    same(titles(ada.rpc("todos_over", {"least": 2}).order("title").execute()), ["Bread", "Report"])
    same(bob.rpc("todos_over", {"least": 0}).execute().data, [])
    refused(lambda: ada.rpc("subtract", {"a": 1}).execute(), "PGRST202")


print(f"{passed} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
