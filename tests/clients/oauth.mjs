// Sign-in with a provider: the unmodified `@supabase/supabase-js` in Debian's Chromium, and a real provider.
//
// LOKI_OAUTH_PROVIDER is the name under which the provider of `oauth_provider.mjs` is registered, LOKI_OAUTH_ISSUER
// where it is, LOKI_OAUTH_SECRET its secret. Redirects to http://127.0.0.1:*/** are allowed, manual linking is on.
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createClient } from '@supabase/supabase-js'
import puppeteer from 'puppeteer-core'
import ws from 'ws'
import { check, end, equal, ok, refused, rows, same } from './kit.mjs'

const { LOKI_URL: url, LOKI_PUBLISHABLE: publishable, LOKI_SECRET: secret } = process.env
const { LOKI_OAUTH_ISSUER: issuer, LOKI_OAUTH_SECRET: clientSecret } = process.env
const provider = process.env.LOKI_OAUTH_PROVIDER ?? 'corporate'
const auth = `${url}/auth/v1`
// People of their own for each run, whatever the database has from runs before.
const run = randomBytes(3).toString('hex')
const named = (name) => `${name}-${run}`
const address = (name) => `${named(name)}@example.org`
const quiet = { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }, realtime: { transport: ws } }
const service = createClient(url, secret, quiet)
const apikey = { apikey: publishable }

// ---- an application: one page, in two ways

const packed = join(dirname(createRequire(import.meta.url).resolve('@supabase/supabase-js/package.json')), 'dist/umd/supabase.js')
const script = readFileSync(packed)
const page = `<!doctype html><title>app</title><script src="/supabase.js"></script><script>
  const flowType = location.pathname.startsWith('/implicit') ? 'implicit' : 'pkce'
  window.arrivedAt = location.href
  window.client = supabase.createClient(${JSON.stringify(url)}, ${JSON.stringify(publishable)}, { auth: { flowType, storageKey: flowType } })
  window.ready = client.auth.initialize()
</script>`
const app = createServer((request, response) => {
  const isScript = request.url === '/supabase.js'
  response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8' })
  response.end(isScript ? script : page)
})
await new Promise((done) => app.listen(0, '127.0.0.1', done))
const site = `http://127.0.0.1:${app.address().port}`

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })

/** Somebody with a browser of their own. */
async function person(act) {
  const context = await browser.createBrowserContext()
  const tab = await context.newPage()
  tab.setDefaultTimeout(20_000)
  try {
    return await act(tab)
  } finally {
    await context.close()
  }
}

/** Presses what leads to the next page. */
const press = (tab, selector) => Promise.all([tab.waitForNavigation(), tab.click(selector)])

/** Signs in at the provider, and agrees, until the browser is elsewhere. */
async function signInThere(tab, name) {
  await tab.waitForSelector('input[name=login]')
  await tab.type('input[name=login]', named(name))
  await tab.type('input[name=password]', 'any')
  await press(tab, 'button[type=submit]')
  if (tab.url().startsWith(issuer) && await tab.$('button[type=submit]')) await press(tab, 'button[type=submit]')
}

/** Off to the provider, from the page at `path`. */
async function leave(tab, path, options = {}) {
  await tab.goto(`${site}${path}`)
  await Promise.all([
    tab.waitForNavigation(),
    tab.evaluate(async (provider, options) => {
      await ready
      return (await client.auth.signInWithOAuth({ provider, options: { redirectTo: location.href, ...options } })).error
    }, provider, options),
  ])
}

/** What the client has, back at the application. */
async function session(tab) {
  await tab.waitForFunction((site) => location.href.startsWith(site) && window.ready, {}, site)
  return tab.evaluate(async () => {
    const first = await ready
    const { data } = await client.auth.getSession()
    return { error: first.error && { ...first.error, message: first.error.message }, session: data.session, arrivedAt, href: location.href }
  })
}

async function signIn(tab, path, name) {
  await leave(tab, path)
  await signInThere(tab, name)
  const back = await session(tab)
  equal(back.error, null, JSON.stringify(back.error))
  return back
}

const there = async (path, init) => {
  const answer = await fetch(`${auth}${path}`, { redirect: 'manual', ...init })
  return { answer, to: new URL(answer.headers.get('location') ?? 'none:'), cookie: answer.headers.get('set-cookie') }
}
const errorOf = (to) => {
  const both = [to.searchParams, new URLSearchParams(to.hash.slice(1))]
  const [query, fragment] = both.map((all) => [all.get('error'), all.get('error_code')])
  same(query, fragment)
  ok(both.every((all) => all.get('error_description')))
  return query
}

// ---- the code flow

let ada
await check('with PKCE', async () => {
  await person(async (tab) => {
    const back = await signIn(tab, '/pkce', 'ada')
    ok(new URL(back.arrivedAt).searchParams.get('code'), back.arrivedAt)
    equal(new URL(back.href).search, '', 'the code is gone')
    const { user, provider_token: theirs } = back.session
    ada = user.id
    same([user.email, user.role, user.app_metadata], [address('ada'), 'authenticated', { provider, providers: [provider] }])
    ok(user.email_confirmed_at && theirs)
    const [identity] = user.identities
    same([identity.provider, identity.id, identity.identity_data.name], [provider, named('ada'), `${named('ada')} of Example`])
    same([user.user_metadata.full_name, user.user_metadata.avatar_url], [`${named('ada')} of Example`, `https://example.org/${named('ada')}.png`])
    const claims = JSON.parse(Buffer.from(back.session.access_token.split('.')[1], 'base64url'))
    same([claims.sub, claims.aal, claims.amr[0].method], [ada, 'aal1', 'oauth'])
    // The session is one of row-level security.
    const added = await tab.evaluate(async () => client.from('lists').insert({ name: 'From the browser' }).select('user_id').single())
    equal(rows(added).user_id, ada)
    // The code was taken once.
    const code = new URL(back.arrivedAt).searchParams.get('code')
    const again = await fetch(`${auth}/token?grant_type=pkce`, { method: 'POST', headers: apikey, body: JSON.stringify({ auth_code: code, code_verifier: 'x'.repeat(56) }) })
    equal(again.status, 404)
    const refreshed = await tab.evaluate(async () => (await client.auth.refreshSession()).data.session?.user.id)
    equal(refreshed, ada)
  })
})
await check('without PKCE', async () => {
  await person(async (tab) => {
    const back = await signIn(tab, '/implicit', 'ada')
    const fragment = new URLSearchParams(new URL(back.arrivedAt).hash.slice(1))
    ok(fragment.get('access_token') && fragment.get('refresh_token') && fragment.get('provider_token'))
    same([fragment.get('token_type'), fragment.get('expires_in')], ['bearer', '3600'])
    equal(back.session.user.id, ada, 'the same person')
    ok(!back.href.includes('access_token'))
    same(await (await fetch(`${auth}/settings`, { headers: apikey })).json().then((all) => all.external[provider] ?? true), true)
  })
})
await check('somebody says no', async () => {
  await person(async (tab) => {
    await leave(tab, '/pkce')
    await tab.waitForSelector('input[name=login]')
    await press(tab, 'a[href$="/abort"]')
    const back = await session(tab)
    same(errorOf(new URL(back.arrivedAt)), ['access_denied', 'bad_oauth_callback'])
    equal(back.session, null)
    equal(back.error.name, 'AuthImplicitGrantRedirectError')
  })
})
await check('an address that the provider has not checked is not theirs', async () => {
  const { data } = await service.auth.admin.createUser({ email: address('unchecked'), password: 'correct horse', email_confirm: true })
  await person(async (tab) => {
    const { session: { user } } = await signIn(tab, '/pkce', 'unchecked')
    ok(user.id !== data.user.id)
    same([user.email, user.identities[0].identity_data.email_verified], ['', false])
  })
})
await check('an account with the same address is theirs', async () => {
  const { data } = await service.auth.admin.createUser({ email: address('bob'), password: 'correct horse', email_confirm: true })
  await person(async (tab) => {
    const { session: { user } } = await signIn(tab, '/pkce', 'bob')
    equal(user.id, data.user.id)
    same(user.app_metadata.providers.sort(), [provider, 'email'].sort())
  })
  const byPassword = await createClient(url, publishable, quiet).auth.signInWithPassword({ email: address('bob'), password: 'correct horse' })
  equal(byPassword.data.user?.id, data.user.id, 'the password still holds')
})
await check('whoever sat on an address loses it to its owner', async () => {
  const { data } = await service.auth.admin.createUser({ email: address('carol'), password: 'of a squatter' })
  await person(async (tab) => {
    const { session: { user } } = await signIn(tab, '/pkce', 'carol')
    same([user.id, user.identities.length, user.identities[0].provider], [data.user.id, 1, provider])
    ok(user.email_confirmed_at)
  })
  const squatter = await createClient(url, publishable, quiet).auth.signInWithPassword({ email: address('carol'), password: 'of a squatter' })
  equal(refused(squatter).code, 'invalid_credentials')
})

// ---- what must not work

await check('a state that nobody gave', async () => {
  const { to } = await there('/callback?state=nonsense&code=x')
  same(errorOf(to), ['invalid_request', 'bad_oauth_state'])
  same(errorOf((await there('/callback?code=x')).to), ['invalid_request', 'bad_oauth_state'])
})
await check('a state is good once, in the browser that it was given to', async () => {
  const begin = async () => {
    const { answer, to, cookie } = await there(`/authorize?provider=${provider}&redirect_to=${encodeURIComponent(`${site}/implicit`)}`, { headers: { host: new URL(url).host } })
    equal(answer.status, 302)
    ok(cookie.includes('HttpOnly') && cookie.includes('SameSite=Lax'))
    return { state: to.searchParams.get('state'), cookie: cookie.split(';')[0], to }
  }
  const first = await begin()
  same([first.to.origin, first.to.searchParams.get('code_challenge_method')], [issuer, 'S256'])
  ok(first.to.searchParams.get('nonce'))
  const elsewhere = await there(`/callback?state=${first.state}&code=x&iss=${issuer}`)
  same(errorOf(elsewhere.to), ['invalid_request', 'bad_oauth_state'])
  equal(elsewhere.to.origin, site)
  const again = await there(`/callback?state=${first.state}&code=x&iss=${issuer}`, { headers: { cookie: first.cookie } })
  same(errorOf(again.to), ['invalid_request', 'bad_oauth_state'])
  const mixedUp = await begin()
  const { to } = await there(`/callback?state=${mixedUp.state}&code=x&iss=https://evil.example`, { headers: { cookie: mixedUp.cookie } })
  same(errorOf(to), ['invalid_request', 'bad_oauth_callback'])
  const silent = await begin()
  const unnamed = await there(`/callback?state=${silent.state}&code=x`, { headers: { cookie: silent.cookie } })
  same(errorOf(unnamed.to), ['invalid_request', 'bad_oauth_callback'], 'the provider promises to name itself')
  const forged = await begin()
  const code = await there(`/callback?state=${forged.state}&code=x&iss=${issuer}`, { headers: { cookie: forged.cookie } })
  same(errorOf(code.to), ['invalid_request', 'bad_oauth_callback'])
})
await check('nobody is sent to an address that is not allowed', async () => {
  const { to, cookie } = await there(`/authorize?provider=${provider}&redirect_to=https://evil.example/`)
  const back = await there(`/callback?state=${to.searchParams.get('state')}&code=x`, { headers: { cookie: cookie.split(';')[0] } })
  ok(back.to.origin !== 'https://evil.example', back.to.href)
})
await check('a provider that is not there', async () => {
  const answer = await fetch(`${auth}/authorize?provider=nonsense`, { redirect: 'manual' })
  equal(answer.status, 400)
  same((await answer.json()).msg, 'Unsupported provider: provider is not enabled')
})

// ---- linking

await check('somebody anonymous becomes somebody', async () => {
  await person(async (tab) => {
    await tab.goto(`${site}/pkce`)
    const id = await tab.evaluate(async () => (await client.auth.signInAnonymously()).data.user.id)
    await Promise.all([
      tab.waitForNavigation(),
      tab.evaluate(async (provider) => (await client.auth.linkIdentity({ provider, options: { redirectTo: location.href } })).error, provider),
    ])
    await signInThere(tab, 'dora')
    const { error, session: { user } } = await session(tab)
    equal(error, null)
    same([user.id, user.is_anonymous, user.email], [id, false, address('dora')])
    const last = await tab.evaluate(async () => {
      const { data } = await client.auth.getUserIdentities()
      return (await client.auth.unlinkIdentity(data.identities[0])).error?.code
    })
    equal(last, 'single_identity_not_deletable')
  })
})
await check('an identity belongs to one user, and can be taken off', async () => {
  const email = address('erin')
  await service.auth.admin.createUser({ email, password: 'correct horse', email_confirm: true })
  await person(async (tab) => {
    await tab.goto(`${site}/pkce`)
    await tab.evaluate(async (email) => client.auth.signInWithPassword({ email, password: 'correct horse' }), email)
    const link = () => tab.evaluate(async (provider) => (await client.auth.linkIdentity({ provider, options: { redirectTo: location.href } })).error, provider)
    await Promise.all([tab.waitForNavigation(), link()])
    await signInThere(tab, 'ada')
    same(errorOf(new URL((await session(tab)).arrivedAt)), ['server_error', 'identity_already_exists'])
  })
  await person(async (tab) => {
    await signIn(tab, '/pkce', 'erin')
    const left = await tab.evaluate(async (provider) => {
      const { data } = await client.auth.getUserIdentities()
      const { error } = await client.auth.unlinkIdentity(data.identities.find((one) => one.provider === provider))
      return { error, left: (await client.auth.getUserIdentities()).data.identities.map((one) => one.provider) }
    }, provider)
    same(left, { error: null, left: ['email'] })
  })
})

// ---- an ID token from elsewhere

await check('an ID token that the application got by itself', async () => {
  const [verifier, nonce] = [randomBytes(32).toString('base64url'), randomBytes(16).toString('hex')]
  const hash = (text, as) => createHash('sha256').update(text).digest(as)
  const redirect_uri = `${site}/native`
  const query = new URLSearchParams({
    client_id: 'app', response_type: 'code', scope: 'openid email', redirect_uri, nonce: hash(nonce, 'hex'),
    code_challenge: hash(verifier, 'base64url'), code_challenge_method: 'S256',
  })
  const code = await person(async (tab) => {
    await tab.goto(`${issuer}/auth?${query}`)
    await signInThere(tab, 'ada')
    return new URL(tab.url()).searchParams.get('code')
  })
  const both = ['app', clientSecret].map((part) => encodeURIComponent(part).replaceAll('%20', '+')).join(':')
  const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier })
  const granted = await (await fetch(`${issuer}/token`, { method: 'POST', body, headers: { authorization: `Basic ${btoa(both)}` } })).json()
  const token = granted.id_token
  ok(token, JSON.stringify(granted))
  const client = createClient(url, publishable, quiet)
  const signedIn = await client.auth.signInWithIdToken({ provider, token, access_token: granted.access_token, nonce })
  equal(signedIn.error, null, JSON.stringify(signedIn.error))
  equal(signedIn.data.user.id, ada)
  for (const wrong of [
    { token, nonce: 'another' },
    { token },
    { token: `${token.slice(0, -4)}AAAA`, nonce },
    { token: `${btoa('{"alg":"none"}').replaceAll('=', '')}.${token.split('.')[1]}.`, nonce },
  ]) {
    equal(refused(await client.auth.signInWithIdToken({ provider, ...wrong })).code, 'invalid_credentials', JSON.stringify(wrong))
  }
})

// ---- a device without a browser

const asForm = (pairs) => ({ method: 'POST', headers: { ...apikey, 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(pairs) })
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const beginDevice = async () => (await fetch(`${auth}/device`, { method: 'POST', headers: { ...apikey, 'content-type': 'application/json' }, body: JSON.stringify({ provider }) })).json()
const poll = async (device_code) => {
  const answer = await fetch(`${auth}/token?grant_type=${deviceGrant}`, asForm({ device_code }))
  return { status: answer.status, body: await answer.json() }
}
/** Asks as often as a device may, until there is an answer. */
const wait = async ({ device_code, interval }) => {
  for (;;) {
    await new Promise((done) => setTimeout(done, interval * 1_000 + 100))
    const answer = await poll(device_code)
    if (answer.body.error !== 'authorization_pending') return answer
  }
}
/** Enters the code of a device, signs in, and says yes or no. */
async function enter(device, name, says) {
  await person(async (tab) => {
    await tab.goto(device.verification_uri_complete ?? device.verification_uri)
    if (!device.verification_uri_complete) await tab.type('input[name=user_code]', device.user_code)
    // The page sends a form by itself where the code is in the address.
    await tab.waitForSelector('form[id="op.deviceConfirmForm"]')
    if (says === 'no') return press(tab, 'button[name=abort]')
    await press(tab, 'button[type=submit]')
    await signInThere(tab, name)
  })
}
await check('a device waits until somebody enters its code', async () => {
  const device = await beginDevice()
  same(Object.keys(device).sort(), ['device_code', 'expires_in', 'interval', 'user_code', 'verification_uri', 'verification_uri_complete'])
  ok(device.verification_uri.startsWith(issuer) && device.expires_in <= 600 && device.interval >= 1)
  same(await poll(device.device_code).then(({ status, body }) => [status, body.error]), [400, 'authorization_pending'])
  same(await poll(device.device_code).then(({ status, body }) => [status, body.error]), [400, 'slow_down'])
  await enter(device, 'ada', 'yes')
  const { status, body } = await wait(device)
  equal(status, 200, JSON.stringify(body))
  same([body.user.id, body.token_type], [ada, 'bearer'])
  ok(body.refresh_token && body.provider_token)
  const client = createClient(url, publishable, quiet)
  equal((await client.auth.setSession(body)).data.user?.id, ada)
  same(await poll(device.device_code).then(({ status, body }) => [status, body.error]), [400, 'invalid_grant'])
})
await check('a device is told of a no', async () => {
  const device = await beginDevice()
  await enter(device, 'ada', 'no')
  const { status, body } = await wait(device)
  same([status, body.error], [400, 'access_denied'])
})
await check('a device code that nobody gave', async () => {
  same(await poll('nonsense').then(({ status, body }) => [status, body.error]), [400, 'invalid_grant'])
})

await browser.close()
app.close()
end()
