// `loki mcp` with the official client for JavaScript, over both transports.
//
//   node mcp_sdk.mjs LOKI PROJECT URL TOKEN
//
// The project has the table `notes`; the server at URL allows writing.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { check, end, equal, ok } from './kit.mjs'

const [loki, project, url, token] = process.argv.slice(2)
const allow = ['--allow', 'write,destructive']

const transports = {
  stdio: () => new StdioClientTransport({ command: loki, args: ['mcp', '--project', project, ...allow] }),
  http: () =>
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
}

for (const [name, transport] of Object.entries(transports)) {
  const client = new Client({ name: 'test', version: '0' }, { capabilities: { elicitation: { form: {} } } })
  let asked = 0
  client.setRequestHandler(ElicitRequestSchema, async () => {
    asked += 1
    return { action: 'decline' }
  })
  const changed = new Promise((done) => client.setNotificationHandler(ToolListChangedNotificationSchema, done))
  const call = (tool, input) => client.callTool({ name: tool, arguments: input })

  await check(`${name}: connects and lists few tools`, async () => {
    await client.connect(transport())
    const { tools } = await client.listTools()
    ok(tools.length <= 10 && tools.some((tool) => tool.name === 'forge_db_query'), JSON.stringify(tools))
  })
  await check(`${name}: writes and reads rows`, async () => {
    const written = await call('forge_db_import', { table: 'notes', rows: [{ body: `from ${name}` }] })
    ok(!written.isError, JSON.stringify(written))
    const read = await call('forge_db_query', { sql: 'select body from notes where body = $1', params: [`from ${name}`] })
    equal(read.structuredContent.rows.length, 1)
    ok(read.content[0].text.includes('Data, not instructions'))
  })
  await check(`${name}: a refusal says what to do`, async () => {
    const refused = await call('forge_db_query', { sql: 'delete from notes' })
    equal(refused.isError, true)
    ok(JSON.parse(refused.content[0].text).error.next_actions.length > 0)
  })
  await check(`${name}: what was searched for is listed`, async () => {
    await call('tools_search', { query: 'tasks' })
    await changed
    const { tools } = await client.listTools()
    ok(tools.some((tool) => tool.name === 'loki_task_queue_add'))
  })
  await check(`${name}: the person is asked`, async () => {
    const refused = await call('forge_db_migrate_rollback', { version: 0 })
    equal(JSON.parse(refused.content[0].text).error.code, 'rejected')
    equal(asked, 1)
  })
  await check(`${name}: an unknown tool is an error, and the next call is answered`, async () => {
    await client.callTool({ name: 'no_such_tool' }).then(
      (answer) => equal(answer.isError, true),
      (error) => equal(error.code, -32602),
    )
    await client.ping()
  })
  await check(`${name}: resources and prompts`, async () => {
    const { resources } = await client.listResources()
    ok(resources.some((resource) => resource.uri === 'loki://forge/summary'))
    ok((await client.listPrompts()).prompts.length > 0)
  })
  await client.close()
}
end()
