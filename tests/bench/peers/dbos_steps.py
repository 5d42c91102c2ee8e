"""Durable steps with DBOS on SQLite: one workflow of many small steps, each outcome recorded.

    python dbos_steps.py FOLDER STEPS process|disk

Prints one JSON object. `process` asks SQLite to survive a crash of the process (synchronous=NORMAL, WAL);
`disk` to survive loss of power (synchronous=FULL, WAL).
"""

import json
import logging
import sys
import time

import sqlalchemy
from dbos import DBOS

folder, steps, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
synchronous = {"process": "NORMAL", "disk": "FULL"}[mode]
engine = sqlalchemy.create_engine(f"sqlite:///{folder}/dbos-{mode}.sqlite")


@sqlalchemy.event.listens_for(engine, "connect")
def on_connect(connection, _record):
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")


logging.disable(logging.INFO)
DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{folder}/dbos-{mode}.sqlite",
        "system_database_engine": engine,
        "run_admin_server": False,
    }
)


@DBOS.step()
def step(number):
    return number


@DBOS.workflow()
def flow(count):
    for number in range(count):
        step(number)
    return count


DBOS.launch()
flow(10)
began = time.perf_counter()
flow(steps)
seconds = time.perf_counter() - began
DBOS.destroy()
print(json.dumps({"peer": "dbos", "mode": mode, "steps": steps, "seconds": seconds}))
