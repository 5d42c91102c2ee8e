"""Durable steps with LangGraph's SQLite saver: a graph that loops, a checkpoint after every step.

    python langgraph_steps.py FOLDER STEPS process|disk

Prints one JSON object. `process` asks SQLite to survive a crash of the process (synchronous=NORMAL, WAL);
`disk` to survive loss of power (synchronous=FULL, WAL).
"""

import json
import sqlite3
import sys
import time
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

folder, steps, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
synchronous = {"process": "NORMAL", "disk": "FULL"}[mode]


class State(TypedDict):
    number: int
    last: int


def step(state):
    return {"number": state["number"] + 1}


def more(state):
    return "step" if state["number"] < state["last"] else END


graph = StateGraph(State)
graph.add_node("step", step)
graph.add_edge(START, "step")
graph.add_conditional_edges("step", more)

connection = sqlite3.connect(f"{folder}/langgraph-{mode}.sqlite", check_same_thread=False)
saver = SqliteSaver(connection)
saver.setup()
connection.execute(f"PRAGMA synchronous = {synchronous}")
app = graph.compile(checkpointer=saver)


def run(count, thread):
    config = {"configurable": {"thread_id": thread}, "recursion_limit": count + 10}
    app.invoke({"number": 0, "last": count}, config, durability="sync")


run(10, "warm")
began = time.perf_counter()
run(steps, "measured")
seconds = time.perf_counter() - began
print(json.dumps({"peer": "langgraph", "mode": mode, "steps": steps, "seconds": seconds}))
