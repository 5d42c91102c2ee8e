"""Fills a PocketBase with users and their posts, and prints who may read what as JSON.

    pocketbase_fill.py PROGRAM FOLDER PORT USERS ROWS_EACH

PocketBase is started on the port for what only it can do (collections, users), and left stopped. Rows are
written into its file, which is where it would put them.
"""

import json
import random
import sqlite3
import string
import subprocess
import sys
import time
import urllib.request

program, folder, port, users, rows_each = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
base = f"http://127.0.0.1:{port}"
letters = string.ascii_lowercase + string.digits


def call(method, path, body=None, token=None):
    headers = {"content-type": "application/json", **({"authorization": token} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def a_name():
    return "".join(random.choices(letters, k=15))


subprocess.run([program, "superuser", "upsert", "root@example.com", "1234567890", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
server = subprocess.Popen([program, "serve", "--http", f"127.0.0.1:{port}", "--dir", folder], stdout=subprocess.DEVNULL)
try:
    deadline = time.monotonic() + 20
    while True:
        try:
            call("GET", "/api/health")
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    root = call("POST", "/api/collections/_superusers/auth-with-password", {"identity": "root@example.com", "password": "1234567890"})["token"]
    people = call("GET", "/api/collections/users", token=root)["id"]
    own = "user = @request.auth.id"
    call("POST", "/api/collections", {
        "name": "posts", "type": "base",
        "listRule": own, "viewRule": own, "createRule": "@request.auth.id != '' && user = @request.auth.id",
        "updateRule": own, "deleteRule": own,
        "fields": [
            {"name": "user", "type": "relation", "collectionId": people, "required": True, "maxSelect": 1},
            {"name": "title", "type": "text"}, {"name": "body", "type": "text"}, {"name": "score", "type": "number"},
            {"name": "created", "type": "autodate", "onCreate": True},
        ],
        "indexes": ["CREATE INDEX posts_user_score ON posts (user, score)"],
    }, root)
    made = []
    for n in range(users):
        email = f"u{n}@example.com"
        user = call("POST", "/api/collections/users/records", {"email": email, "password": "12345678", "passwordConfirm": "12345678"}, root)
        token = call("POST", "/api/collections/users/auth-with-password", {"identity": email, "password": "12345678"})["token"] if n < 4 else ""
        made.append({"id": user["id"], "token": token, "rows": []})
finally:
    server.terminate()
    server.wait()

random.seed(7)
with sqlite3.connect(f"{folder}/data.db") as db:
    for n, user in enumerate(made):
        rows = [(a_name(), user["id"], f"Post {n} {i}", "words and words " * 12, i, "2026-01-01 00:00:00.000Z") for i in range(rows_each)]
        db.executemany("insert into posts (id, user, title, body, score, created) values (?, ?, ?, ?, ?, ?)", rows)
        user["rows"] = [row[0] for row in rows] if n < 4 else []
print(json.dumps(made[:4]))
