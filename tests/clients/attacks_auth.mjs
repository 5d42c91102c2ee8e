// Attacks on sign-in, by plain requests. Each comes from an address of its own on loopback where it should
// not be the limit of the address that stops it.
import { exec } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import http from 'node:http'
import { promisify } from 'node:util'
import { admin, claims, code, data, enrolled, fresh, hash, link, mail, opened, password, person, publishable, rested, secret, session, signedIn, steady, url, waiting } from './auth_kit.mjs'
import { check, end, equal, ok, same } from './kit.mjs'

/** Pairs of requests that are timed for each way to ask; fewer where each asks for a mail, of which there are so
many an hour. */
const PAIRS = 200
const MAIL_PAIRS = Number(process.env.LOKI_MAIL_PAIRS ?? 40)
/** Tries after which a limit must have stopped an attacker. */
const TRIES_MAX = 200
const inside = new URL(url)
/** The same server under an address of this machine that is not of loopback, which limits by address leave out. */
const outside = process.env.LOKI_URL_OUTSIDE && new URL(process.env.LOKI_URL_OUTSIDE)

let addresses = 0
/** An address on loopback that nothing came from yet. */
const address = () => ((addresses += 1), `127.${1 + (addresses >> 14)}.${(addresses >> 7) & 127}.${1 + (addresses & 127)}`)

/** Asks, and gives all that comes back. `token` is a bearer token, `at` the server's address, `from` the client's. */
function ask(method, path, body, { token = publishable, key = publishable, at = inside, from = address(), headers = {} } = {}) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const all = { apikey: key, authorization: `Bearer ${token}`, 'x-supabase-api-version': '2024-01-01', ...headers }
  if (text !== undefined) Object.assign(all, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
  return new Promise((resolve, reject) => {
    const localAddress = at === inside ? from : undefined
    const options = { hostname: at.hostname, port: at.port, method, path: `/auth/v1${path}`, headers: all, localAddress, agent: false }
    const request = http.request(options, (response) => {
      const parts = []
      response.on('data', (part) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const whole = Buffer.concat(parts).toString()
        let parsed = whole
        try {
          parsed = JSON.parse(whole)
        } catch {} // Not every answer is JSON.
        resolve({ status: response.statusCode, headers: response.headers, body: parsed })
      })
    })
    request.on('error', reject)
    request.end(text)
  })
}
const post = (path, body, options) => ask('POST', path, body, options)
const refresh = (token, options) => post('/token?grant_type=refresh_token', { refresh_token: token }, options)
const signIn = (email, word = password, options) => post('/token?grant_type=password', { email, password: word }, options)
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)))

/** Whether an answer is a refusal, and no fault of the server's. */
const isRefusal = ({ status, body }) => status >= 400 && status < 500 && !body?.access_token
const isRefused = (answer, what = '') => ok(isRefusal(answer), `${what} ${answer.status} ${JSON.stringify(answer.body)}`)

// ---- refresh tokens

// A family that is older than the time in which a token may be used again, when its turn comes.
const stolen = await person()
const family = [await session(stolen.client)]
for (let turn = 0; turn < 3; turn += 1) family.push((await refresh(family.at(-1).refresh_token)).body)
const born = Date.now()

await check('fifty refreshes at once lead to one living session', async () => {
  const ada = await person()
  let { refresh_token: token, access_token } = await session(ada.client)
  const id = claims(access_token).session_id
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(token)))
    for (const { status, body } of answers) {
      equal(status, 200, JSON.stringify(body))
      equal(claims(body.access_token).session_id, id)
    }
    const tokens = new Set(answers.map(({ body }) => body.refresh_token))
    equal(tokens.size, 1, `${tokens.size} different refresh tokens in round ${round}`)
    for (const { body } of answers.slice(0, 5)) equal((await ask('GET', '/user', undefined, { token: body.access_token })).status, 200)
    ;[token] = tokens
  }
})
await check('a refresh that ends with a sign-out leaves nothing alive', async () => {
  const ada = await person()
  const { refresh_token: token, access_token } = await session(ada.client)
  const answers = await Promise.all([...Array.from({ length: 20 }, () => refresh(token)), post('/logout?scope=global', undefined, { token: access_token })])
  equal(answers.at(-1).status, 204)
  for (const { status, body } of answers.slice(0, 20).filter(({ status }) => status === 200)) {
    equal(status, 200)
    isRefused(await refresh(body.refresh_token))
    isRefused(await ask('GET', '/user', undefined, { token: body.access_token }))
  }
  isRefused(await refresh(token))
})
await check('refresh tokens are nothing to guess or to mend', async () => {
  const ada = await person()
  const { refresh_token: token } = await session(ada.client)
  ok(token.length >= 12)
  for (const other of [token.toUpperCase(), token.slice(0, -1), `${token}a`, `${token} `, '', ' ', '%', '*', null, 0, [token], { $ne: '' }, undefined]) {
    if (other !== token) isRefused(await refresh(other), JSON.stringify(other))
  }
  equal((await refresh(token)).status, 200)
})

// ---- tokens

await check('forged tokens are refused', async () => {
  const ada = await person()
  const { access_token: good } = await session(ada.client)
  const [head, body, signature] = good.split('.')
  const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const { keys } = (await ask('GET', '/.well-known/jwks.json')).body
  const shared = (header, key) => {
    const text = `${b64(header)}.${body}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const { kid } = JSON.parse(Buffer.from(head, 'base64url'))
  const raised = b64({ ...claims(good), role: 'service_role' })
  const forged = [
    ...['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => [`${b64({ alg, kid })}.${raised}.`, `${b64({ alg })}.${raised}.${signature}`]),
    ...keys.flatMap((key) => [JSON.stringify(key), JSON.stringify({ keys: [key] }), key.x ?? key.n, Buffer.from(key.x ?? key.n, 'base64url')].flatMap((k) => [shared({ alg: 'HS256', kid }, k), shared({ alg: 'HS256' }, k)])),
    ...['', 'secret', publishable, 'null'].map((k) => shared({ alg: 'HS256' }, k)),
    shared({ alg: 'HS256', kid: '../../../../dev/null' }, ''),
    `${b64({ alg: 'ES256', kid: 'another' })}.${body}.${signature}`,
    `${b64({ alg: 'ES256', kid, jwk: keys[0] })}.${raised}.${signature}`,
    `${b64({ alg: 'ES256', jku: `${url}/auth/v1/.well-known/jwks.json` })}.${body}.${signature}`,
    `${b64({ alg: 'ES384', kid })}.${body}.${signature}`,
    `${head}.${raised}.${signature}`,
    `${head}.${body}.`,
    `${head}.${body}`,
    `${head}.${body}.${'A'.repeat(86)}`,
    `${good}.${signature}`,
    ` ${good} x`,
    'a'.repeat(40_000),
  ]
  for (const token of forged) {
    isRefused(await ask('GET', '/user', undefined, { token, key: publishable }).catch(() => ({ status: 431 })), token.slice(0, 120))
    isRefused(await ask('GET', '/admin/users', undefined, { token }).catch(() => ({ status: 431 })), token.slice(0, 120))
    const rows = await fetch(`${url}/rest/v1/todos`, { headers: { apikey: publishable, authorization: `Bearer ${token}` } })
    ok(rows.status >= 400 && rows.status < 500, `${rows.status} for ${token.slice(0, 120)}`)
  }
  equal((await ask('GET', '/user', undefined, { token: good })).status, 200)
})

// ---- fixation and take-over

await check('nobody chooses the session of another', async () => {
  const [mallory, ada] = [await person({ email: fresh('mallory') }), await person()]
  const given = await session(mallory.client)
  const { session_id: theirs } = claims(given.access_token)
  const body = { email: ada.email, password, session_id: theirs, refresh_token: given.refresh_token, access_token: given.access_token, id: mallory.id, sub: mallory.id, user_id: mallory.id, aal: 'aal2', role: 'service_role' }
  const headers = { cookie: `sb-access-token=${given.access_token}; sb-refresh-token=${given.refresh_token}; session=${theirs}` }
  const answer = await post('/token?grant_type=password', body, { token: given.access_token, headers })
  equal(answer.status, 200)
  const said = claims(answer.body.access_token)
  same([said.sub, said.aal, said.role], [ada.id, 'aal1', 'authenticated'])
  ok(said.session_id !== theirs && answer.body.refresh_token !== given.refresh_token)
  equal(answer.headers['set-cookie'], undefined)
  equal((await ask('GET', '/user', undefined, { token: given.access_token })).body.id, mallory.id)
})
await check('whoever registers an address before its owner does not get in with the owner', async () => {
  const stranger = 'a stranger 9 word'
  const [byCode, byPassword] = [fresh('owner'), fresh('owner')]
  for (const email of [byCode, byPassword]) {
    equal((await post('/signup', { email, password: stranger })).status, 200)
    await mail(email)
  }
  await rested()
  await post('/otp', { email: byCode, create_user: true })
  equal((await post('/verify', { type: 'email', email: byCode, token: (await mail(byCode)).code })).status, 200)
  isRefused(await signIn(byCode, stranger), 'after a code')
  await rested()
  await post('/signup', { email: byPassword, password })
  equal((await post('/verify', { type: 'email', email: byPassword, token: (await mail(byPassword)).code })).status, 200)
  isRefused(await signIn(byPassword, stranger), 'after a sign-up')
})
await check('a session alone does not move an account to another address', async () => {
  const ada = await person()
  const { access_token: token } = await session(ada.client)
  const evil = fresh('mallory')
  equal((await ask('PUT', '/user', { email: evil }, { token })).status, 200)
  const [old, young] = [await mail(ada.email), await mail(evil)]
  for (const type of ['signup', 'magiclink', 'recovery', 'invite', 'email', 'sms', 'phone_change']) {
    isRefused(await post('/verify', { type, email: evil, token: young.code }), type)
    isRefused(await post('/verify', { type, token_hash: hash(link(young)) }), type)
  }
  const first = await post('/verify', { type: 'email_change', token_hash: hash(link(young)) })
  same([first.status, first.body.access_token], [200, undefined])
  isRefused(await post('/verify', { type: 'email_change', token_hash: hash(link(young)) }), 'the same half twice')
  isRefused(await post('/verify', { type: 'email_change', email: ada.email, token: young.code }), 'one code for both')
  equal((await ask('GET', '/user', undefined, { token })).body.email, ada.email)
  isRefused(await signIn(evil))
  // A second change voids the first, whose mail may be read by the wrong people.
  await rested()
  const other = fresh('lovelace')
  await ask('PUT', '/user', { email: other }, { token })
  isRefused(await post('/verify', { type: 'email_change', token_hash: hash(link(old)) }), 'a half of another change')
  equal((await ask('GET', '/user', undefined, { token })).body.email, ada.email)
})
await check('an address that somebody has is nobody else\'s', async () => {
  const [ada, bob] = [await person(), await person({ email: fresh('bob') })]
  const { access_token: token } = await session(ada.client)
  const taken = await ask('PUT', '/user', { email: bob.email }, { token })
  await rested()
  const free = await ask('PUT', '/user', { email: fresh('bob') }, { token })
  same(shape(taken), shape(free))
  // One that is taken meanwhile cannot be confirmed.
  await rested()
  const late = fresh('late')
  await ask('PUT', '/user', { email: late }, { token })
  const young = await mail(late)
  await rested()
  await admin.createUser({ email: late, password, email_confirm: true })
  const old = (await waiting(ada.email)).at(-1)
  await post('/verify', { type: 'email_change', token_hash: hash(link(old)) })
  isRefused(await post('/verify', { type: 'email_change', token_hash: hash(link(young)) }))
  equal((await ask('GET', '/user', undefined, { token })).body.email, ada.email)
  equal((await signIn(bob.email)).body.user?.id, bob.id)
})

// ---- who has an account

/** An answer without what differs anyway: times, ids, tokens, addresses. Addresses of one length make answers of
one length. */
function shape({ status, headers, body }) {
  const plain = (value) => {
    if (Array.isArray(value)) return value.map(plain)
    if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)).map(([name, inner]) => [name, plain(inner)]))
    if (typeof value !== 'string') return value
    if (/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(value)) return 'an id'
    if (/^\d{4}-\d\d-\d\dT/.test(value)) return 'a time'
    return value.includes('@') ? 'an address' : value
  }
  const named = Object.entries(headers).filter(([name]) => !['date', 'x-request-id', 'retry-after'].includes(name))
  return { status, headers: Object.fromEntries(named.sort()), body: plain(body) }
}

const unconfirmed = async () => {
  const email = fresh('known')
  await post('/signup', { email, password })
  await mail(email)
  return email
}
const known = async () => data(await admin.createUser({ email: fresh('known'), password, email_confirm: true })).user.email
const withoutPassword = async () => data(await admin.createUser({ email: fresh('known'), email_confirm: true })).user.email
const banned = async () => {
  const { id, email } = data(await admin.createUser({ email: fresh('known'), password, email_confirm: true })).user
  await admin.updateUserById(id, { ban_duration: '1h' })
  return email
}
const ways = {
  'sign-up': (email) => post('/signup', { email, password: 'some 5 password' }),
  recover: (email) => post('/recover', { email }),
  otp: (email) => post('/otp', { email, create_user: true }),
  'otp for those who are there': (email) => post('/otp', { email, create_user: false }),
  magiclink: (email) => post('/magiclink', { email }),
  'resend of a sign-up': (email) => post('/resend', { type: 'signup', email }),
  'resend of a change': (email) => post('/resend', { type: 'email_change', email }),
  password: (email) => signIn(email, 'some 5 password'),
  code: (email) => post('/verify', { type: 'email', email, token: '123456' }),
  'PKCE otp': (email) => post('/otp', { email, code_challenge: 'x'.repeat(43), code_challenge_method: 's256' }),
}
for (const [way, act] of Object.entries(ways)) {
  await check(`no answer tells who has an account: ${way}`, async () => {
    const nobody = fresh('known')
    const others = []
    for (const [who, make] of Object.entries({ known, unconfirmed, withoutPassword, banned })) others.push([who, await make()])
    await rested()
    // Twice, because a limit on mails would tell as well.
    const wanted = [shape(await act(nobody)), shape(await act(nobody))]
    for (const [who, email] of others) {
      for (const turn of [0, 1]) same({ who, turn, ...shape(await act(email)) }, { who, turn, ...wanted[turn] })
    }
  })
}

/** The chance that two samples of one distribution differ so much (Mann and Whitney, two-sided, normal). */
function chance(a, b) {
  const all = [...a.map((value) => [value, 0]), ...b.map((value) => [value, 1])].sort(([x], [y]) => x - y)
  const sum = all.reduce((ranks, [, which], at) => (which === 0 ? ranks + at + 1 : ranks), 0)
  const u = sum - (a.length * (a.length + 1)) / 2
  const spread = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12)
  const z = Math.abs(u - (a.length * b.length) / 2) / spread
  // Abramowitz and Stegun, 7.1.26.
  const t = 1 / (1 + (0.3275911 * z) / Math.SQRT2)
  return ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp((-z * z) / 2)
}
const median = (values) => [...values].sort((x, y) => x - y)[values.length >> 1]
const timed = async (act) => {
  const start = performance.now()
  await act()
  return performance.now() - start
}
const people = []
// A few at a time: a server that has too many passwords to hash turns some away.
while (people.length < PAIRS) people.push(...(await Promise.all(Array.from({ length: 8 }, known))))
const waysTimed = {
  password: { status: 400, pairs: PAIRS },
  code: { status: 403, pairs: PAIRS },
  recover: { status: 200, pairs: MAIL_PAIRS },
  'otp for those who are there': { status: 200, pairs: MAIL_PAIRS },
  magiclink: { status: 200, pairs: MAIL_PAIRS },
  'resend of a sign-up': { status: 200, pairs: MAIL_PAIRS },
  'sign-up': { status: 200, pairs: MAIL_PAIRS },
}
for (const [way, { status, pairs }] of Object.entries(waysTimed)) {
  await check(`no time tells who has an account: ${way}`, async () => {
    await rested()
    const times = { known: [], unknown: [] }
    for (const email of people.slice(0, pairs)) {
      const pair = [['known', email], ['unknown', fresh('known')]]
      if (Math.random() < 0.5) pair.reverse()
      for (const [which, address] of pair) times[which].push(await timed(async () => equal((await ways[way](address)).status, status)))
    }
    const [one, other] = [median(times.known), median(times.unknown)]
    const p = chance(times.known, times.unknown)
    console.log(`${way}: known ${one.toFixed(2)} ms, unknown ${other.toFixed(2)} ms, p ${p.toPrecision(2)} of ${pairs} pairs`)
    ok(Math.abs(one - other) / Math.max(one, other) < 0.15 || p > 0.001, `known ${one.toFixed(2)} ms, unknown ${other.toFixed(2)} ms, p ${p}`)
  })
}

// ---- guessing

/** How many times the act goes before a limit stops it; the answer that stops it says for how long. */
async function stopped(act) {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const answer = await act(tries)
    if (answer.status === 429) {
      ok(/^\d+$/.test(answer.headers['retry-after']) && Number(answer.headers['retry-after']) > 0, `retry-after: ${answer.headers['retry-after']}`)
      return tries
    }
    isRefused(answer)
  }
  throw new Error(`${TRIES_MAX} tries, and no limit`)
}
await check('passwords of one account are not guessed from everywhere', async () => {
  const [ada, bob] = [await known(), await known()]
  const nobody = fresh('nobody')
  const tries = await stopped(() => signIn(ada, 'guess'))
  equal(await stopped(() => signIn(nobody, 'guess')), tries, 'the limit tells who has an account')
  equal((await signIn(ada)).status, 429, 'the right password is told from the wrong ones')
  equal((await signIn(bob)).status, 200, 'others are locked out')
})
if (outside) {
  await check('one address does not try the passwords of many accounts, whatever it says of itself', async () => {
    const claimed = (tries) => ({ 'x-forwarded-for': `10.0.0.${tries}`, 'x-real-ip': `10.0.0.${tries}`, forwarded: `for=10.0.0.${tries}` })
    await stopped((tries) => signIn(fresh('stuffed'), 'guess', { at: outside, headers: claimed(tries) }))
    equal((await signIn(await known(), password, { at: outside })).status, 429)
    equal((await signIn(await known())).status, 200, 'other addresses are locked out')
  })
} else {
  console.log('skipped: the limit of an address (LOKI_URL_OUTSIDE names none)')
}
await check('codes by mail are not guessed', async () => {
  for (const [path, type] of [['/otp', 'email'], ['/recover', 'recovery']]) {
    const email = await known()
    await post(path, { email })
    const { code: right } = await mail(email)
    let tries = 0
    while (tries < 50) {
      const wrong = String((Number(right) + 1 + tries) % 1_000_000).padStart(6, '0')
      const answer = await post('/verify', { type, email, token: wrong })
      isRefused(answer)
      tries += 1
      if (answer.status === 429) break
    }
    isRefused(await post('/verify', { type, email, token: right }), `the right code after ${tries} wrong ones`)
  }
})
await check('codes of an authenticator are not guessed', async () => {
  const ada = await person()
  const factor = await enrolled(ada.client)
  const own = await signedIn(ada.email)
  // A challenge is met from where it was asked for.
  const options = { token: (await session(own)).access_token, from: address() }
  await steady()
  const right = code(factor.totp.secret, 1)
  for (let tries = 0; tries < 10; tries += 1) {
    const challenge = await post(`/factors/${factor.id}/challenge`, {}, options)
    if (challenge.status === 429) continue
    isRefused(await post(`/factors/${factor.id}/verify`, { challenge_id: challenge.body.id, code: String((Number(right) + 1 + tries) % 1_000_000).padStart(6, '0') }, options))
  }
  const challenge = await post(`/factors/${factor.id}/challenge`, {}, options)
  isRefused(await post(`/factors/${factor.id}/verify`, { challenge_id: challenge.body.id ?? randomUUID(), code: right }, options), 'the right code after ten wrong ones')
})
await check('a code of an authenticator is good once', async () => {
  const ada = await person()
  const factor = await enrolled(ada.client)
  const from = address()
  const sessions = await Promise.all(Array.from({ length: 10 }, () => signedIn(ada.email)))
  const tokens = await Promise.all(sessions.map(async (own) => (await session(own)).access_token))
  const challenges = await Promise.all(tokens.map(async (token) => (await post(`/factors/${factor.id}/challenge`, {}, { token, from })).body.id))
  await steady()
  const right = code(factor.totp.secret)
  const verify = (at) => post(`/factors/${factor.id}/verify`, { challenge_id: challenges[at], code: right }, { token: tokens[at], from })
  const answers = await Promise.all(tokens.map((_, at) => verify(at)))
  equal(answers.filter(({ status }) => status === 200).length, 1, answers.map(({ status }) => status).join())
  answers.filter(({ status }) => status !== 200).forEach((answer) => isRefused(answer))
  // A new sign-in is not ended by the first, and must not be raised by the same code.
  const { access_token: token } = await session(await signedIn(ada.email))
  const { body: challenge } = await post(`/factors/${factor.id}/challenge`, {}, { token, from })
  const again = await post(`/factors/${factor.id}/verify`, { challenge_id: challenge.id, code: right }, { token, from })
  same([again.status, again.body.code], [422, 'mfa_verification_failed'])
})

// ---- where links lead

await check('links lead nowhere else', async () => {
  const verify = (query) => ask('GET', `/verify?token=nonsense&type=magiclink${query}`)
  const home = new URL((await verify('')).headers.location)
  const site = home.host
  const evil = [
    'https://evil.example', '//evil.example', '///evil.example', '\\\\evil.example', '/\\evil.example', '\\/evil.example', 'https:evil.example', 'https:/evil.example', 'https:///evil.example',
    `http://${site}@evil.example`, `http://${site}:80@evil.example`, `${home.origin}@evil.example`, `${home.origin}.evil.example`, `http://evil.example/${site}`, `http://evil.example#${site}`, `http://evil.example?${site}`,
    `http://evil.example\\@${site}`, `http://evil.example;${site}`, 'javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'java\tscript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'vbscript:x', 'file:///etc/passwd',
    `ftp://${site}/`, `blob:${home.origin}/x`, 'https://evil%E3%80%82example', 'https://evil\u3002example', 'https://\u24d4vil.example', `https://evil.example%00.${site}`, `${home.origin}\r\nlocation: https://evil.example`, `${home.origin}%0d%0ax-injected: 1`,
    'http://[::ffff:6.6.6.6]/', 'http://0x06060606/', '\thttps://evil.example', '%2f%2fevil.example', `https://evil.example/?a=${home.origin}/`, `http://*.${site}.evil.example`, `http://user:pass@evil.example:80/`, 'evil.example',
  ]
  const ada = await person()
  for (const to of evil) {
    const wanted = encodeURIComponent(to)
    const failed = await verify(`&redirect_to=${wanted}`)
    const made = (await admin.generateLink({ type: 'magiclink', email: ada.email, options: { redirectTo: to } })).data.properties
    const replaced = new URL(made.action_link)
    replaced.searchParams.set('redirect_to', to)
    for (const there of [failed, await ask('GET', `/verify${replaced.search}`), await ask('GET', `/authorize?provider=google&redirect_to=${wanted}`)]) {
      equal(there.headers['x-injected'], undefined, to)
      ok(there.status < 500, `${there.status} for ${to}`)
      // A provider that is not set is refused without leading anywhere.
      if (there.status >= 400) continue
      const found = new URL(there.headers.location)
      ok(found.origin === home.origin || /^https:\/\/accounts\.google\.com$/.test(found.origin), `${to} leads to ${there.headers.location}`)
    }
    ok(!/evil/.test(new URL(made.redirect_to || home.href).host), `${to}: ${made.redirect_to}`)
  }
  const email = await known()
  await post(`/otp?redirect_to=${encodeURIComponent('https://evil.example/')}`, { email })
  equal((await opened(link(await mail(email)))).to.origin, home.origin)
})

// ---- hostile text in every field

const strange = [
  "' or 1=1 --", `'; drop table "auth.users"; --`, '"; delete from auth.users; --', '$1', '%27%20or%201=1', 'x\r\nx-injected: 1', 'x@example.com\r\nBcc: evil@example.com', 'x@example.com,evil@example.com', '<script>alert(1)</script>@example.com',
  '\u0000', 'a\u0000b@example.com', '\ud800', '\u202e\uffff', '{{ .Token }}', '${7*7}', '../../etc/passwd', '%00%0d%0a', 'A'.repeat(20_000), '', ' ', 0, -1, 1e308, true, null, [], {}, ["' or 1=1"], { $ne: null }, [[[[]]]],
]
const fields = {
  '/signup': ['email', 'password', 'phone', 'data', 'code_challenge', 'code_challenge_method', 'channel', 'gotrue_meta_security'],
  '/token?grant_type=password': ['email', 'password', 'phone'],
  '/token?grant_type=refresh_token': ['refresh_token'],
  '/token?grant_type=pkce': ['auth_code', 'code_verifier'],
  '/token?grant_type=id_token': ['provider', 'id_token', 'access_token', 'nonce', 'client_id', 'issuer'],
  '/otp': ['email', 'phone', 'data', 'create_user', 'code_challenge', 'code_challenge_method', 'channel'],
  '/magiclink': ['email', 'data'],
  '/recover': ['email', 'code_challenge', 'code_challenge_method'],
  '/resend': ['email', 'type', 'phone'],
  '/verify': ['type', 'token', 'token_hash', 'email', 'phone', 'redirect_to'],
  '/sso': ['domain', 'provider_id'],
  '/passkeys/authentication/options': ['gotrue_meta_security'],
  '/passkeys/authentication/verify': ['challenge_id', 'credential'],
}
const ownFields = {
  'PUT /user': ['email', 'password', 'nonce', 'data', 'phone', 'app_metadata'],
  'POST /factors': ['factor_type', 'friendly_name', 'issuer', 'phone'],
  'POST /passkeys/registration/options': ['x'],
  'POST /passkeys/registration/verify': ['challenge_id', 'credential'],
}
const serviceFields = {
  'POST /admin/users': ['email', 'password', 'phone', 'user_metadata', 'app_metadata', 'role', 'ban_duration', 'id', 'email_confirm', 'nonce', 'password_hash'],
  'POST /admin/generate_link': ['type', 'email', 'new_email', 'password', 'data', 'redirect_to'],
  'POST /invite': ['email', 'data'],
}
const likely = {
  email: 'x@example.com', password, type: 'signup', token: '123456', factor_type: 'totp', friendly_name: 'x', grant_type: 'password', challenge_id: randomUUID(), auth_code: randomUUID(), provider: 'google',
}
const sound = ({ status, headers, body }, what, isLimited = false) => {
  // Where a limit answers, nothing was tried.
  ok(status < 500 && (isLimited || status !== 429), `${status} ${JSON.stringify(body)} for ${what}`)
  equal(headers['x-injected'], undefined, what)
}
/** A body that is right but for one field. */
const wrong = (names, field, value) => ({ ...Object.fromEntries(names.filter((name) => name in likely).map((name) => [name, name === 'email' ? fresh('x') : likely[name]])), [field]: value })

async function hurl(table, options, isLimited) {
  for (const [where, names] of Object.entries(table)) {
    const [method, path] = where.startsWith('/') ? ['POST', where] : where.split(' ')
    for (const field of names) {
      const answers = strange.map((value) => ask(method, path, wrong(names, field, value), options).then((answer) => sound(answer, `${method} ${path} ${field}=${JSON.stringify(value)?.slice(0, 60)}`, isLimited)))
      await Promise.all(answers)
    }
  }
}
await check('no text in a field breaks anything: for everybody', () => hurl(fields))
await check('no text in a field breaks anything: for users', async () => {
  const ada = await person()
  for (const [where, names] of Object.entries(ownFields)) {
    // A changed password ends sessions, so each gets one of its own.
    const own = await person()
    await hurl({ [where]: names }, { token: (await session(own.client)).access_token })
  }
  const { access_token: token } = await session(ada.client)
  const factor = data(await ada.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'x' }))
  // A few wrong codes lock a factor, so here limits answer as well.
  await hurl({ [`POST /factors/${factor.id}/challenge`]: ['channel', 'webauthn', 'factorId'], [`POST /factors/${factor.id}/verify`]: ['challenge_id', 'code', 'webauthn'] }, { token, from: address() }, true)
})
await check('no text in a field breaks anything: for the service', async () => {
  await hurl(serviceFields, { token: secret, key: secret })
  const { id } = await person()
  await hurl({ [`PUT /admin/users/${id}`]: serviceFields['POST /admin/users'] }, { token: secret, key: secret })
})
await check('no text in a path, a query or a header breaks anything', async () => {
  const texts = strange.filter((value) => typeof value === 'string' && value.length < 5_000).map((value) => encodeURIComponent(value.isWellFormed?.() === false ? 'x' : value)).concat('%ff%fe', '%', '%00', '..%2f..%2f', `${'a/'.repeat(200)}`)
  const ada = await person()
  const { access_token: own } = await session(ada.client)
  for (const text of texts) {
    const asked = [
      ...['GET', 'PUT', 'DELETE'].map((method) => ask(method, `/admin/users/${text}`, method === 'GET' ? undefined : {}, { token: secret, key: secret })),
      ask('GET', `/admin/users?page=${text}&per_page=${text}&filter=${text}&sort=${text}`, undefined, { token: secret, key: secret }),
      ask('GET', `/admin/users/${text}/factors`, undefined, { token: secret, key: secret }),
      ask('GET', `/admin/audit?page=${text}&query=${text}`, undefined, { token: secret, key: secret }),
      ask('DELETE', `/factors/${text}`, undefined, { token: own }),
      ask('POST', `/factors/${text}/verify`, { code: '123456' }, { token: own }),
      ask('DELETE', `/passkeys/${text}`, undefined, { token: own }),
      ask('PATCH', `/passkeys/${text}`, { friendly_name: 'x' }, { token: own }),
      ask('DELETE', `/user/identities/${text}`, undefined, { token: own }),
      ask('POST', `/token?grant_type=${text}`, { email: 'x' }),
      ask('POST', `/logout?scope=${text}`, {}, { token: 'none' }),
      ask('GET', `/verify?token=${text}&type=${text}&redirect_to=${text}&apikey=${text}`),
      ask('GET', `/authorize?provider=${text}&redirect_to=${text}&scopes=${text}&code_challenge=${text}&code_challenge_method=${text}`),
      ask('GET', `/callback?state=${text}&code=${text}&error=${text}`),
      ask('POST', `/${text}`, {}),
    ]
    for (const answer of asked) sound(await answer, text)
  }
  for (const text of ["' or 1=1 --", '\u00ff\u00fe', 'a'.repeat(6_000), ';', '0', '-1']) {
    for (const name of ['apikey', 'authorization', 'x-supabase-api-version', 'x-forwarded-for', 'user-agent', 'origin', 'referer', 'content-type', 'x-client-info', 'redirect_to', 'cookie']) {
      sound(await post('/token?grant_type=password', { email: fresh('x'), password: 'x' }, { headers: { [name]: text } }), `${name}: ${text.slice(0, 20)}`)
    }
  }
})
await check('what is no JSON, or too much of it, breaks nothing', async () => {
  const bodies = ['', '{', '[]', '"x"', 'null', '1', 'email=x', '{"email":1e999}', '{"email":"a","email":"b"}', '\u0000', '['.repeat(100_000), `{"a":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_001)}`, `{"data":{"a":"${'x'.repeat(3_000_000)}"},"email":"${fresh()}","password":"${password}"}`, '{"email":"\\ud800"}']
  for (const path of ['/signup', '/token?grant_type=password', '/token?grant_type=refresh_token', '/verify', '/recover', '/otp', '/resend']) {
    for (const body of bodies) {
      // A server may close the door on a body before it has seen the end of it.
      const answer = await post(path, body).catch((error) => (ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.stack), { status: 413, headers: {} }))
      sound(answer, `${path} ${body.slice(0, 40)}`)
    }
  }
  for (const method of ['PATCH', 'DELETE', 'PUT', 'OPTIONS', 'HEAD', 'TRACE']) sound(await ask(method, '/signup'), method)
})
await check('no mail went where it should not', async () => {
  for (const to of ['evil@example.com', 'x@example.com\r\nBcc: evil@example.com', 'x@example.com,evil@example.com', 'x@example.com, evil@example.com']) same(await waiting(to), [], to)
  const ada = await person()
  equal((await ask('GET', '/user', undefined, { token: (await session(ada.client)).access_token })).body.id, ada.id)
})

// ---- keys that change

// The harness names the command that makes a new key the current one.
const rotate = process.env.LOKI_ROTATE
if (rotate) {
  await check('keys change under load, and nobody notices', async () => {
    const kids = new Set()
    const everybody = await Promise.all(Array.from({ length: 4 }, person))
    const held = []
    let isOver = false
    const workers = everybody.map(async (own) => {
      let now = await session(own.client)
      while (!isOver) {
        held.push(now.access_token)
        equal((await ask('GET', '/user', undefined, { token: now.access_token })).status, 200)
        const rows = await fetch(`${url}/rest/v1/todos`, { headers: { apikey: publishable, authorization: `Bearer ${now.access_token}` } })
        equal(rows.status, 200, await rows.text())
        const next = await refresh(now.refresh_token)
        equal(next.status, 200, JSON.stringify(next.body))
        now = next.body
        const { kid } = JSON.parse(Buffer.from(now.access_token.split('.')[0], 'base64url'))
        kids.add(kid)
        const { keys } = (await ask('GET', '/.well-known/jwks.json')).body
        ok(keys.some((key) => key.kid === kid), 'it signs with a key that nobody knows yet')
      }
    })
    try {
      for (let turn = 0; turn < 3; turn += 1) {
        await promisify(exec)(rotate)
        await wait(700)
      }
    } finally {
      isOver = true
    }
    await Promise.all(workers)
    ok(kids.size >= 2, `${kids.size} keys signed`)
    const first = held.filter((_, at) => at % Math.ceil(held.length / 20) === 0)
    for (const token of first) equal((await ask('GET', '/user', undefined, { token })).status, 200, 'a token of an older key')
  })
} else {
  console.log('skipped: keys change under load (LOKI_ROTATE names no command)')
}

await check('a stolen refresh token ends its family', async () => {
  await wait(born + 11_000 - Date.now())
  const again = await refresh(family.at(-2).refresh_token)
  same([again.status, again.body.refresh_token], [200, family.at(-1).refresh_token], 'the parent of the active token')
  const replayed = await refresh(family[0].refresh_token)
  same([replayed.status, replayed.body.code], [400, 'refresh_token_already_used'])
  for (const { refresh_token, access_token } of family) {
    isRefused(await refresh(refresh_token), 'a token of the family')
    isRefused(await ask('GET', '/user', undefined, { token: access_token }))
  }
  equal((await signIn(stolen.email)).status, 200)
})

end()
