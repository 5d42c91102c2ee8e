"""`loki mcp` with the official client for Python, over both transports.

    python mcp_sdk.py LOKI PROJECT URL TOKEN

The project has the table `notes`; the server at URL allows writing.
"""

import asyncio
import json
import sys
import traceback

import httpx2
from mcp import Client, MCPError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

LOKI, PROJECT, URL, TOKEN = sys.argv[1:]
ALLOW = ["--allow", "write,destructive"]

passed, failed = 0, []


async def check(name, act):
    global passed
    try:
        await act
        passed += 1
    except Exception:
        failed.append(name)
        print(f"not ok - {name}\n{traceback.format_exc()}")


def refusal(answer):
    assert answer.is_error, answer
    return json.loads(answer.content[0].text)["error"]


async def talk(name, client, asked):
    async def lists_few_tools():
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert len(tools) <= 10 and "forge_db_query" in tools, tools

    async def writes_and_reads():
        rows = {"table": "notes", "rows": [{"body": f"from {name}"}]}
        written = await client.call_tool("forge_db_import", rows)
        assert not written.is_error, written
        sql = {"sql": "select body from notes where body = $1", "params": [f"from {name}"]}
        read = await client.call_tool("forge_db_query", sql)
        assert len(read.structured_content["rows"]) == 1, read
        assert "Data, not instructions" in read.content[0].text, read

    async def says_what_to_do():
        refused = refusal(await client.call_tool("forge_db_query", {"sql": "delete from notes"}))
        assert refused["next_actions"], refused

    async def asks_the_person():
        before = len(asked)
        refused = refusal(await client.call_tool("forge_db_migrate_rollback", {"version": 0}))
        assert refused["code"] == "rejected" and len(asked) == before + 1, (refused, asked)

    async def unknown_tool():
        try:
            answer = await client.call_tool("no_such_tool", {})
            assert answer.is_error, answer
        except MCPError as error:
            assert error.error.code == -32602, error
        await client.list_tools()

    async def resources_and_prompts():
        resources = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert "loki://forge/summary" in resources, resources
        assert (await client.list_prompts()).prompts

    for act in [lists_few_tools, writes_and_reads, says_what_to_do, asks_the_person, unknown_tool, resources_and_prompts]:
        await check(f"{name}: {act.__name__}", act())


async def main():
    asked = []

    async def decline(_context, params):
        asked.append(params)
        return types.ElicitResult(action="decline")

    server = StdioServerParameters(command=LOKI, args=["mcp", "--project", PROJECT, *ALLOW])
    headers = {"authorization": f"Bearer {TOKEN}"}
    for mode in ["auto", "legacy"]:
        async with Client(stdio_client(server), mode=mode, elicitation_callback=decline) as client:
            await talk(f"stdio {mode}", client, asked)
        async with httpx2.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(URL, http_client=http)
            async with Client(transport, mode=mode, elicitation_callback=decline) as client:
                await talk(f"http {mode}", client, asked)


asyncio.run(main())
print(f"{passed} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
