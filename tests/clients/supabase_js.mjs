// The unmodified `@supabase/supabase-js` on the data plane: as two users, as nobody, as the service.
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { check, end, equal, ok, refused, rows, same } from './kit.mjs'

const { LOKI_URL: url, LOKI_PUBLISHABLE: publishable, LOKI_SECRET: secret } = process.env
const { LOKI_ANON_JWT: anonJwt, LOKI_SERVICE_JWT: serviceJwt } = process.env
const ada = { id: '11111111-1111-4111-8111-111111111111', token: process.env.LOKI_TOKEN_ADA }
const bob = { id: '22222222-2222-4222-8222-222222222222', token: process.env.LOKI_TOKEN_BOB }

// Node.js before 22 has no WebSocket of its own, which the client wants to see even where it opens none.
const quiet = { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }, realtime: { transport: ws } }
const as = (user) => createClient(url, publishable, { ...quiet, accessToken: async () => user.token })
const nobody = createClient(url, publishable, quiet)
const service = createClient(url, secret, quiet)
const a = as(ada)
const b = as(bob)
const titles = (list) => list.map((todo) => todo.title)

const groceries = '33333333-3333-4333-8333-333333333333'
const work = '44444444-4444-4444-8444-444444444444'
const urgent = '55555555-5555-4555-8555-555555555555'
const home = '66666666-6666-4666-8666-666666666666'

// ---- adding

await check('insert gives nothing back unless asked', async () => {
  const answer = await a.from('lists').insert({ id: groceries, name: 'Groceries', position: 1 })
  equal(answer.error, null)
  equal(answer.status, 201)
  equal(answer.data, null)
})
await check('insert with select gives the row, defaults filled in', async () => {
  const list = rows(await a.from('lists').insert({ id: work, name: 'Work' }).select().single())
  same(list, { id: work, user_id: ada.id, name: 'Work', position: 0 })
})
await check('bulk insert of rows with different keys', async () => {
  const added = rows(await a.from('todos').insert([
    { title: 'Milk', list_id: groceries, priority: 1, price: 1.5, tags: ['food', 'cold'], due: '2026-03-01', meta: { shop: { name: 'Corner', aisle: 3 }, list: [1, 2, 3] }, mood: 'calm' },
    { title: 'Bread', list_id: groceries, priority: 2, price: '2.25', tags: ['food'], due: '2026-03-02', starts: '07:30:00', mood: 'busy', numbers: [1, 2, 3] },
    { title: 'Report', list_id: work, priority: 5, score: 0.5, span: '[1,5)', created_at: '2026-01-02T03:04:05.123456Z' },
    { title: 'Call "Anna", at 5', priority: null, done: true, span: '[5,9)' },
    { title: '100% (sure)', list_id: work, priority: 3, document: "'cat':2 'fat':1" },
  ], { defaultToNull: false }).select('id,title,user_id,done'))
  equal(added.length, 5)
  ok(added.every((todo) => todo.user_id === ada.id && typeof todo.id === 'number'))
  same(added.map((todo) => todo.done), [false, false, false, true, false])
})
await check('values come back in the form of their types', async () => {
  const milk = rows(await a.from('todos').select('price,tags,due,meta,mood,score,numbers').eq('title', 'Milk').single())
  same(milk, { price: 1.5, tags: ['food', 'cold'], due: '2026-03-01', meta: { shop: { name: 'Corner', aisle: 3 }, list: [1, 2, 3] }, mood: 'calm', score: null, numbers: null })
  const report = rows(await a.from('todos').select('score,span,created_at').eq('title', 'Report').single())
  same(report, { score: 0.5, span: '[1,5)', created_at: '2026-01-02T03:04:05.123456+00:00' })
  const text = await (await fetch(`${url}/rest/v1/todos?select=price&title=eq.Milk`, { headers: { apikey: publishable, authorization: `Bearer ${ada.token}` } })).text()
  equal(text, '[{"price":1.50}]')
})
await check('another user and nobody see none of it', async () => {
  same(rows(await b.from('todos').select()), [])
  same(rows(await nobody.from('todos').select()), [])
  equal((await b.from('todos').select('*', { count: 'exact', head: true })).count, 0)
})
await check('nobody may add, nobody adds for another', async () => {
  const nothing = await nobody.from('todos').insert({ title: 'x' })
  same([nothing.status, nothing.error.code], [401, '42501'])
  const other = await b.from('lists').insert({ name: 'Stolen', id: '77777777-7777-4777-8777-777777777777', user_id: ada.id })
  equal(refused(other).code, '42501')
  equal(other.status, 403)
  equal(other.error.message, 'new row violates row-level security policy for table "lists"')
})
await check('what cannot be is refused as Postgres does', async () => {
  const again = await a.from('lists').insert({ id: groceries, name: 'Again' })
  same([again.status, again.error.code, again.error.message], [409, '23505', 'duplicate key value violates unique constraint "lists_pkey"'])
  // Row-level security keeps values out of errors; the service sees them.
  equal(again.error.details, null)
  equal((await service.from('lists').insert({ id: groceries, user_id: ada.id, name: 'Again' })).error.details, `Key (id)=(${groceries}) already exists.`)
  const bare = await a.from('lists').insert({ id: urgent })
  same([bare.status, bare.error.code, bare.error.message], [400, '23502', 'null value in column "name" of relation "lists" violates not-null constraint'])
  const orphan = await a.from('todos').insert({ title: 'x', list_id: urgent })
  same([orphan.status, orphan.error.code], [409, '23503'])
  equal(orphan.error.message, 'insert or update on table "todos" violates foreign key constraint "todos_list_id_fkey"')
  equal(orphan.error.details, 'Key is not present in table "lists".')
  const long = await a.from('todos').insert({ title: 'x'.repeat(201) })
  same([long.status, long.error.code], [400, '23514'])
  equal(long.error.message, 'new row for relation "todos" violates check constraint "todos_title_length"')
  const wrong = await a.from('lists').insert({ id: 'nonsense', name: 'x' })
  same([wrong.status, wrong.error.code, wrong.error.message], [400, '22P02', 'invalid input syntax for type uuid: "nonsense"'])
  const mood = await a.from('todos').insert({ title: 'x', mood: 'angry' })
  same([mood.status, mood.error.code, mood.error.message], [400, '22P02', 'invalid input value for enum mood: "angry"'])
  const wide = await a.from('labels').insert({ id: urgent, name: 'x'.repeat(21) })
  same([wide.status, wide.error.code, wide.error.message], [400, '22001', 'value too long for type character varying(20)'])
  const unknown = await a.from('todos').insert({ title: 'x', colour: 'red' })
  same([unknown.status, unknown.error.code], [400, 'PGRST204'])
  equal(unknown.error.message, "Could not find the 'colour' column of 'todos' in the schema cache")
})
await check('one bad row keeps all of them out', async () => {
  refused(await a.from('lists').insert([{ id: urgent, name: 'Good' }, { id: groceries, name: 'Bad' }]))
  same(rows(await a.from('lists').select('id').eq('id', urgent)), [])
})

// ---- reading

await check('filters', async () => {
  const by = async (filtered) => titles(rows(await filtered.order('title')))
  const todos = () => a.from('todos').select('title')
  same(await by(todos().eq('priority', 1)), ['Milk'])
  same(await by(todos().neq('priority', 1)), ['100% (sure)', 'Bread', 'Report'])
  same(await by(todos().gt('priority', 2)), ['100% (sure)', 'Report'])
  same(await by(todos().gte('priority', 2).lt('priority', 5)), ['100% (sure)', 'Bread'])
  same(await by(todos().lte('price', 2.25)), ['Bread', 'Milk'])
  same(await by(todos().like('title', '%re%')), ['100% (sure)', 'Bread'])
  same(await by(todos().ilike('title', '%R%')), ['100% (sure)', 'Bread', 'Report'])
  same(await by(todos().likeAllOf('title', ['%r%', '%d'])), ['Bread'])
  same(await by(todos().likeAnyOf('title', ['M%', 'Rep%'])), ['Milk', 'Report'])
  same(await by(todos().ilikeAnyOf('title', ['m%', 'rep%'])), ['Milk', 'Report'])
  same(await by(todos().ilikeAllOf('title', ['m%', '%K'])), ['Milk'])
  same(await by(todos().regexMatch('title', '^[MB]')), ['Bread', 'Milk'])
  same(await by(todos().regexIMatch('title', '^[mb]')), ['Bread', 'Milk'])
  same(await by(todos().is('priority', null)), ['Call "Anna", at 5'])
  same(await by(todos().not('priority', 'is', null)), ['100% (sure)', 'Bread', 'Milk', 'Report'])
  same(await by(todos().is('done', true)), ['Call "Anna", at 5'])
  same(await by(todos().isDistinct('priority', 1)), ['100% (sure)', 'Bread', 'Call "Anna", at 5', 'Report'])
  same(await by(todos().in('title', ['Milk', '100% (sure)', 'a,b'])), ['100% (sure)', 'Milk'])
  same(await by(todos().eq('title', 'Call "Anna", at 5')), ['Call "Anna", at 5'])
  same(await by(todos().notIn('title', ['Milk', '100% (sure)'])), ['Bread', 'Call "Anna", at 5', 'Report'])
  same(await by(todos().contains('tags', ['food'])), ['Bread', 'Milk'])
  same(await by(todos().contains('tags', ['food', 'cold'])), ['Milk'])
  same(await by(todos().containedBy('tags', ['food', 'warm']).neq('tags', '{}')), ['Bread'])
  same(await by(todos().overlaps('tags', ['cold', 'warm'])), ['Milk'])
  same(await by(todos().contains('meta', { shop: { aisle: 3 } })), ['Milk'])
  same(await by(todos().eq('meta->shop->>name', 'Corner')), ['Milk'])
  same(await by(todos().eq('meta->list->-1', 3)), ['Milk'])
  same(await by(todos().rangeGt('span', '[1,4)')), ['Call "Anna", at 5'])
  same(await by(todos().rangeGte('span', '[2,4)')), ['Call "Anna", at 5'])
  same(await by(todos().rangeLt('span', '[6,9)')), ['Report'])
  same(await by(todos().rangeLte('span', '[1,6)')), ['Report'])
  same(await by(todos().rangeAdjacent('span', '[9,12)')), ['Call "Anna", at 5'])
  same(await by(todos().overlaps('span', '[4,6)')), ['Call "Anna", at 5', 'Report'])
  same(await by(todos().contains('span', '[2,3)')), ['Report'])
  same(await by(todos().textSearch('document', 'fat & cat')), ['100% (sure)'])
  same(await by(todos().textSearch('title', 'reports', { config: 'english', type: 'plain' })), ['Report'])
  same(await by(todos().textSearch('title', 'milk or bread', { config: 'english', type: 'websearch' })), ['Bread', 'Milk'])
  same(await by(todos().match({ priority: 1, done: false })), ['Milk'])
  same(await by(todos().or('priority.eq.1,and(priority.gt.2,done.is.false)')), ['100% (sure)', 'Milk', 'Report'])
  same(await by(todos().not('title', 'in', '("Milk","Bread")')), ['100% (sure)', 'Call "Anna", at 5', 'Report'])
  same(await by(todos().filter('mood', 'eq', 'busy')), ['Bread'])
  same(await by(todos().gte('due', '2026-03-02')), ['Bread'])
  same(await by(todos().gt('created_at', '2026-01-02T03:04:05.123455Z').lt('created_at', '2026-01-02 03:04:05.123457+00')), ['Report'])
})
await check('a value that is none of the type is refused', async () => {
  const wrong = await a.from('todos').select().eq('priority', 'many')
  same([wrong.status, wrong.error.code, wrong.error.message], [400, '22P02', 'invalid input syntax for type integer: "many"'])
  const unknown = await a.from('todos').select('colour')
  same([unknown.status, unknown.error.code, unknown.error.message], [400, '42703', 'column todos.colour does not exist'])
  const missing = await a.from('todoz').select()
  same([missing.status, missing.error.code], [404, 'PGRST205'])
  equal(missing.error.message, "Could not find the table 'public.todoz' in the schema cache")
  equal(missing.error.hint, "Perhaps you meant the table 'public.todos'")
})
await check('order, limits and ranges', async () => {
  const todos = () => a.from('todos').select('title')
  same(titles(rows(await todos().order('priority', { ascending: false }))), ['Call "Anna", at 5', 'Report', '100% (sure)', 'Bread', 'Milk'])
  same(titles(rows(await todos().order('priority', { ascending: false, nullsFirst: false }).limit(2))), ['Report', '100% (sure)'])
  same(titles(rows(await todos().order('title').range(1, 2))), ['Bread', 'Call "Anna", at 5'])
  same(titles(rows(await todos().order('done').order('title', { ascending: false }))), ['Report', 'Milk', 'Bread', '100% (sure)', 'Call "Anna", at 5'])
})
await check('counts', async () => {
  const part = await a.from('todos').select('title', { count: 'exact' }).order('title').range(0, 1)
  same([part.count, part.data.length, part.status], [5, 2, 206])
  same((await a.from('todos').select('*', { count: 'exact', head: true }).gt('priority', 2)).count, 2)
  const beyond = await a.from('todos').select('*', { count: 'exact' }).range(90, 99)
  same([beyond.status, beyond.error.code], [416, 'PGRST103'])
})
await check('one row or none', async () => {
  const none = await a.from('todos').select().eq('title', 'Nothing').single()
  same([none.status, none.error.code, none.error.message], [406, 'PGRST116', 'Cannot coerce the result to a single JSON object'])
  equal(none.error.details, 'The result contains 0 rows')
  equal(rows(await a.from('todos').select().eq('title', 'Nothing').maybeSingle()), null)
  equal(rows(await a.from('todos').select('title').eq('title', 'Milk').maybeSingle()).title, 'Milk')
})
await check('other names, casts, parts of values', async () => {
  const [milk] = rows(await a.from('todos').select('name:title,cost:price::text,shop:meta->shop->>name,aisle:meta->shop->aisle,first:tags->0').eq('title', 'Milk'))
  same(milk, { name: 'Milk', cost: '1.50', shop: 'Corner', aisle: 3, first: 'food' })
})
await check('CSV', async () => {
  const text = rows(await a.from('lists').select('name,position').order('name').csv())
  equal(text, 'name,position\nGroceries,1\nWork,0')
})
await check('aggregates', async () => {
  same(rows(await a.from('todos').select('total:priority.sum(),count(),priority.max()')), [{ total: 11, count: 5, max: 5 }])
  const groups = rows(await a.from('todos').select('done,count()').order('done'))
  same(groups, [{ done: false, count: 4 }, { done: true, count: 1 }])
  same(rows(await b.from('todos').select('count()')), [{ count: 0 }])
})

// ---- embedding

await check('embedding in every direction', async () => {
  const lists = rows(await a.from('lists').select('name,todos(title)').order('name').order('title', { referencedTable: 'todos' }))
  same(lists, [{ name: 'Groceries', todos: [{ title: 'Bread' }, { title: 'Milk' }] }, { name: 'Work', todos: [{ title: '100% (sure)' }, { title: 'Report' }] }])
  const todos = rows(await a.from('todos').select('title,list:lists(name)').order('title'))
  same(todos[0], { title: '100% (sure)', list: { name: 'Work' } })
  same(todos[2], { title: 'Call "Anna", at 5', list: null })
  const inner = rows(await a.from('todos').select('title,lists!inner(name)').eq('lists.name', 'Groceries').order('title'))
  same(titles(inner), ['Bread', 'Milk'])
  const limited = rows(await a.from('lists').select('name,todos(title)').order('name').order('title', { referencedTable: 'todos' }).limit(1, { referencedTable: 'todos' }))
  same(limited.map((list) => list.todos.length), [1, 1])
  const spread = rows(await a.from('todos').select('title,...lists(list:name)').eq('title', 'Milk'))
  same(spread, [{ title: 'Milk', list: 'Groceries' }])
  const without = rows(await a.from('lists').select('name,todos()').is('todos', null))
  same(without, [])
  const counted = rows(await a.from('lists').select('name,todos(count)').order('name'))
  same(counted, [{ name: 'Groceries', todos: [{ count: 2 }] }, { name: 'Work', todos: [{ count: 2 }] }])
  const related = rows(await a.from('todos').select('title,lists(name)').not('list_id', 'is', null).order('lists(name)', { ascending: false }).order('title').limit(1))
  same(titles(related), ['100% (sure)'])
})
await check('one to one, many to many, itself', async () => {
  rows(await a.from('settings').insert({ theme: 'dark', list_id: work }).select())
  same(rows(await a.from('lists').select('name,settings(theme)').order('name')), [{ name: 'Groceries', settings: null }, { name: 'Work', settings: { theme: 'dark' } }])
  rows(await a.from('labels').insert([{ id: urgent, name: 'urgent' }, { id: home, name: 'home' }]).select())
  const [milk, bread] = rows(await a.from('todos').select('id').in('title', ['Milk', 'Bread']).order('title', { ascending: false }))
  rows(await a.from('todo_labels').insert([{ todo_id: milk.id, label_id: urgent }, { todo_id: milk.id, label_id: home }, { todo_id: bread.id, label_id: home }]).select())
  const labelled = rows(await a.from('todos').select('title,labels(name)').in('id', [milk.id, bread.id]).order('title').order('name', { referencedTable: 'labels' }))
  same(labelled, [{ title: 'Bread', labels: [{ name: 'home' }] }, { title: 'Milk', labels: [{ name: 'home' }, { name: 'urgent' }] }])
  rows(await a.from('todos').update({ parent_id: milk.id }).eq('id', bread.id).select())
  const child = rows(await a.from('todos').select('title,parent:parent_id(title)').eq('id', bread.id).single())
  same(child, { title: 'Bread', parent: { title: 'Milk' } })
})
await check('a relationship that is not there', async () => {
  const none = await a.from('todos').select('title,countries(name)')
  same([none.status, none.error.code], [400, 'PGRST200'])
  equal(none.error.message, "Could not find a relationship between 'todos' and 'countries' in the schema cache")
})
await check('views and computed columns', async () => {
  same(titles(rows(await a.from('open_todos').select('title').order('title'))), ['100% (sure)', 'Bread', 'Milk', 'Report'])
  same(rows(await b.from('open_todos').select('title')), [])
  same(rows(await a.from('open_todos').select('title,lists(name)').eq('title', 'Milk')), [{ title: 'Milk', lists: { name: 'Groceries' } }])
  same(rows(await a.from('todos').select('title,shout').eq('shout', 'MILK')), [{ title: 'Milk', shout: 'MILK' }])
})

// ---- changing

await check('update, only what is one\'s own', async () => {
  const changed = rows(await a.from('todos').update({ done: true, price: 3 }).eq('title', 'Milk').select('title,done,price').single())
  same(changed, { title: 'Milk', done: true, price: 3 })
  same(rows(await b.from('todos').update({ done: false }).eq('title', 'Milk').select()), [])
  const given = await a.from('todos').update({ user_id: bob.id }).eq('title', 'Milk')
  same([given.status, given.error.code], [403, '42501'])
  equal((await a.from('todos').update({ done: false }, { count: 'exact' }).eq('title', 'Milk')).count, 1)
})
await check('upsert', async () => {
  const merged = rows(await a.from('lists').upsert({ id: work, name: 'Office', position: 7 }).select().single())
  same(merged, { id: work, user_id: ada.id, name: 'Office', position: 7 })
  const by = rows(await a.from('lists').upsert({ id: groceries, user_id: ada.id, name: 'Office', position: 8 }, { onConflict: 'user_id,name', ignoreDuplicates: true }).select())
  same(by, [])
  const stolen = await b.from('lists').upsert({ id: work, name: 'Mine now' })
  equal(refused(stolen).code, '42501')
  equal(rows(await a.from('lists').select('name').eq('id', work).single()).name, 'Office')
})
await check('max affected', async () => {
  const much = await a.from('todos').update({ priority: 9 }).not('id', 'is', null).maxAffected(1)
  same([much.status, much.error.code], [400, 'PGRST124'])
  equal((await a.from('todos').select('*', { count: 'exact', head: true }).eq('priority', 9)).count, 0)
})
await check('delete', async () => {
  same(rows(await b.from('todos').delete().eq('title', 'Bread').select()), [])
  same(titles(rows(await a.from('todos').delete().eq('title', 'Bread').select('title'))), ['Bread'])
  equal((await a.from('todos').delete({ count: 'exact' }).eq('title', 'Bread')).count, 0)
  const referred = await a.from('labels').delete().eq('id', home)
  equal(referred.error, null)
})

// ---- functions, batches, other doors

await check('functions', async () => {
  equal(rows(await a.rpc('add', { a: 2, b: 3 })), 5)
  equal(rows(await a.rpc('add', { a: 2 })), 3)
  equal(rows(await a.rpc('add', { a: 2, b: 3 }, { get: true })), 5)
  same(titles(rows(await a.rpc('todos_over', { least: 3 }).select('title').order('title'))), ['100% (sure)', 'Report'])
  same(titles(rows(await a.rpc('todos_over', { least: 3 }).select('title').eq('title', 'Report'))), ['Report'])
  same(rows(await b.rpc('todos_over', { least: 0 })), [])
  const [report] = rows(await a.from('todos').select('id').eq('title', 'Report'))
  same(rows(await b.rpc('finish', { which: report.id })), [])
  equal(rows(await a.rpc('finish', { which: report.id }).single()).done, true)
  equal(rows(await a.rpc('nothing')), null)
  const missing = await a.rpc('subtract', { a: 1 })
  same([missing.status, missing.error.code], [404, 'PGRST202'])
  const read = await fetch(`${url}/rest/v1/rpc/finish?which=${report.id}`, { headers: { apikey: publishable, authorization: `Bearer ${ada.token}` } })
  same([read.status, (await read.json()).code], [405, '25006'])
})
await check('a batch is done as a whole or not at all', async () => {
  const batch = async (user, steps) => {
    const answer = await fetch(`${url}/rest/v1/$batch`, { method: 'POST', headers: { apikey: publishable, authorization: `Bearer ${user.token}`, 'content-type': 'application/json' }, body: JSON.stringify(steps) })
    return [answer.status, await answer.json()]
  }
  const id = '88888888-8888-4888-8888-888888888888'
  const add = { method: 'POST', path: '/lists', body: { id, name: 'Batch' } }
  const [bad, error] = await batch(ada, [add, { method: 'POST', path: '/todos', body: { title: 'In it', list_id: urgent } }])
  same([bad, error.code], [409, '23503'])
  same(rows(await a.from('lists').select().eq('id', id)), [])
  const [good, answers] = await batch(ada, [add, { method: 'POST', path: '/todos?select=title', headers: { Prefer: 'return=representation' }, body: { title: 'In it', list_id: id } }])
  equal(good, 200)
  same([answers.map((answer) => answer.status), answers[1].body], [[201, 201], [{ title: 'In it' }]])
  const [other] = await batch(bob, [{ method: 'DELETE', path: `/lists?id=eq.${id}` }])
  equal(other, 200)
  equal(rows(await a.from('lists').select('name').eq('id', id)).length, 1)
})
await check('public, flagged and closed tables', async () => {
  equal(rows(await nobody.from('countries').select()).length, 5)
  equal((await a.from('countries').insert({ code: 'fr', name: 'France' })).error.code, '42501')
  rows(await a.from('articles').insert([{ id: urgent, title: 'Draft' }, { id: home, title: 'Open', is_public: true }], { defaultToNull: false }).select())
  same(titles(rows(await nobody.from('articles').select('title'))), ['Open'])
  same(titles(rows(await b.from('articles').select('title'))), ['Open'])
  same(titles(rows(await a.from('articles').select('title').order('title'))), ['Draft', 'Open'])
  same(rows(await a.from('secrets').select()), [])
})
await check('the service sees and does everything, by either key', async () => {
  rows(await service.from('secrets').insert({ id: urgent, value: 'hidden' }).select())
  equal(rows(await service.from('lists').select()).length, 3)
  const legacy = createClient(url, serviceJwt, quiet)
  equal(rows(await legacy.from('secrets').select('value').single()).value, 'hidden')
  const anonymous = createClient(url, anonJwt, quiet)
  same(rows(await anonymous.from('secrets').select()), [])
})
await check('tokens that are not good', async () => {
  const bad = createClient(url, publishable, { ...quiet, accessToken: async () => `${ada.token.slice(0, -4)}AAAA` })
  const answer = await bad.from('lists').select()
  same([answer.status, answer.error.code], [401, 'PGRST301'])
  const unknown = await createClient(url, 'sb_publishable_nonsense', quiet).from('countries').select()
  equal(unknown.status, 401)
})

end()
