// Passkeys and second factors by WebAuthn: the unmodified `@supabase/supabase-js` in Chromium, with an
// authenticator that the browser pretends to have.
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import puppeteer from 'puppeteer-core'
import { claims, client, data, person, publishable, secret, url } from './auth_kit.mjs'
import { check, end, equal, ok, refused, same } from './kit.mjs'

/** Where the application is, as the server is told: `site_url`. */
const site = process.env.LOKI_SITE ?? 'http://localhost:5173'
const chromium = process.env.LOKI_CHROMIUM ?? '/usr/bin/chromium'
const library = await readFile(new URL('./node_modules/@supabase/supabase-js/dist/umd/supabase.js', import.meta.url))
const { admin } = client({ key: secret, auth: { experimental: { passkey: true } } }).auth

const html = `<!doctype html><meta charset="utf-8"><title>Todos</title><script src="/supabase.js"></script><script>
  const [url, key] = ${JSON.stringify([url, publishable])}
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false, experimental: { passkey: true } }
  const clients = {}
  window.as = (name) => (clients[name] ??= supabase.createClient(url, key, { auth: { ...auth, storageKey: name } }).auth)
  window.plain = ({ data, error }) => ({ data: JSON.parse(JSON.stringify(data ?? null)), error: error && { name: error.name, code: error.code, status: error.status, message: error.message } })
</script>`

function serve(origin) {
  const server = createServer((request, response) => {
    const isLibrary = request.url === '/supabase.js'
    response.setHeader('content-type', isLibrary ? 'text/javascript' : 'text/html')
    response.end(isLibrary ? library : html)
  })
  return new Promise((resolve) => server.listen(Number(new URL(origin).port || 80), 'localhost', () => resolve(server)))
}

const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: ['--headless=new', '--no-sandbox', '--disable-gpu'] })
const page = await browser.newPage()
const cdp = await page.createCDPSession()
await cdp.send('WebAuthn.enable', { enableUI: false })
const servers = [await serve(site)]
await page.goto(site)

/** A new authenticator in the place of the one before. It says yes to everything. */
let authenticatorId = null
async function authenticator() {
  if (authenticatorId) await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
  const options = { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  authenticatorId = (await cdp.send('WebAuthn.addVirtualAuthenticator', { options })).authenticatorId
}
const credentials = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials

/** Calls a method of the client in the page; the name says whose client. */
const call = (name, method, argument) =>
  page.evaluate(async (name, method, argument) => {
    const path = method.split('.')
    const last = path.pop()
    const on = path.reduce((at, part) => at[part], window.as(name))
    return window.plain(await on[last](argument))
  }, name, method, argument)

let pages = 0
/** Somebody whose client in the page has signed in with a password. Gives the name of that client, too. */
async function inPage(options) {
  const who = await person(options)
  const name = `page-${(pages += 1)}`
  data(await call(name, 'signInWithPassword', { email: who.email, password: 'correct horse 7 battery' }))
  return { ...who, name }
}

/** Runs the act and gives the body that the client posted to this path meanwhile. */
async function posted(path, act) {
  const seen = []
  const note = (request) => request.method() === 'POST' && request.url().endsWith(path) && seen.push(request.postData())
  page.on('request', note)
  const answer = await act()
  page.off('request', note)
  equal(seen.length, 1, `${seen.length} requests to ${path}`)
  return { answer, body: JSON.parse(seen[0]) }
}

async function post(path, body, token) {
  const headers = { apikey: publishable, 'content-type': 'application/json', 'x-supabase-api-version': '2024-01-01' }
  if (token) headers.authorization = `Bearer ${token}`
  const answer = await fetch(`${url}/auth/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: await answer.json().catch(() => null) }
}

const b64 = (bytes) => Buffer.from(bytes).toString('base64url')
const sha256 = (bytes) => createHash('sha256').update(bytes).digest()

/** An answer to options for a sign-in, with the key of a credential that the browser keeps: rightly signed,
whatever is in it. Flags: 1 somebody is there, 4 they are who they are. */
function assertion({ credentialId, privateKey, userHandle }, { challenge }, wrong = {}) {
  const { origin = site, type = 'webauthn.get', rpId = new URL(site).hostname, flags = 5, counter = 100, over = challenge, crossOrigin = false } = wrong
  const client = Buffer.from(JSON.stringify({ type, challenge: over, origin, crossOrigin }))
  const about = Buffer.concat([sha256(rpId), Buffer.from([flags]), Buffer.alloc(4)])
  about.writeUInt32BE(counter, 33)
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' })
  const signature = sign('sha256', Buffer.concat([about, sha256(client)]), key)
  const id = b64(Buffer.from(credentialId, 'base64'))
  const response = { clientDataJSON: b64(client), authenticatorData: b64(about), signature: b64(signature), userHandle: b64(Buffer.from(userHandle, 'base64')) }
  return { id, rawId: id, type: 'public-key', authenticatorAttachment: 'cross-platform', clientExtensionResults: {}, response }
}

await check('a passkey is registered and signs in', async () => {
  await authenticator()
  const ada = await inPage()
  const made = data(await call(ada.name, 'registerPasskey'))
  ok(made.id && Date.parse(made.created_at) > 0)
  const [kept] = await credentials()
  same([kept.isResidentCredential, kept.rpId], [true, new URL(site).hostname])
  const answer = data(await call('stranger', 'signInWithPasskey'))
  equal(answer.user.id, ada.id)
  const said = claims(answer.session.access_token)
  same([said.sub, said.role], [ada.id, 'authenticated'])
  ok(['webauthn', 'passkey', 'mfa/webauthn'].includes(said.amr[0].method), JSON.stringify(said.amr))
  const mine = data(await call('stranger', 'getUser'))
  equal(mine.user.id, ada.id)
  equal(data(await call('again', 'signInWithPasskey')).user.id, ada.id)
})
await check('passkeys are listed, named and removed', async () => {
  await authenticator()
  const ada = await inPage()
  const { id } = data(await call(ada.name, 'registerPasskey'))
  equal(data(await call(ada.name, 'passkey.update', { passkeyId: id, friendlyName: 'Key of Ada' })).friendly_name, 'Key of Ada')
  refused(await call(ada.name, 'passkey.update', { passkeyId: id, friendlyName: 'x'.repeat(121) }))
  const list = data(await call(ada.name, 'passkey.list'))
  same(list.map((one) => [one.id, one.friendly_name]), [[id, 'Key of Ada']])
  ok(!JSON.stringify(list).includes('public_key') && !JSON.stringify(list).includes('counter'))
  const bob = await inPage()
  same(data(await call(bob.name, 'passkey.list')), [])
  refused(await call(bob.name, 'passkey.delete', { passkeyId: id }))
  refused(await call(bob.name, 'passkey.update', { passkeyId: id, friendlyName: 'mine' }))
  data(await call('used', 'signInWithPasskey'))
  ok(Date.parse(data(await call(ada.name, 'passkey.list'))[0].last_used_at) > 0)
  data(await call(ada.name, 'passkey.delete', { passkeyId: id }))
  same(data(await call(ada.name, 'passkey.list')), [])
  refused(await call('late', 'signInWithPasskey'))
})
await check('one authenticator holds one passkey of a user', async () => {
  await authenticator()
  const ada = await inPage()
  data(await call(ada.name, 'registerPasskey'))
  const again = refused(await call(ada.name, 'registerPasskey'))
  ok(/already|registered|InvalidState/i.test(`${again.name} ${again.code} ${again.message}`), JSON.stringify(again))
  equal(data(await call(ada.name, 'passkey.list')).length, 1)
})
await check('the service lists and removes them', async () => {
  await authenticator()
  const ada = await inPage()
  const { id } = data(await call(ada.name, 'registerPasskey'))
  same(data(await admin.passkey.listPasskeys({ userId: ada.id })).map((one) => one.id), [id])
  data(await admin.passkey.deletePasskey({ userId: ada.id, passkeyId: id }))
  refused(await call('gone', 'signInWithPasskey'))
})
await check('nobody registers one for nobody', async () => {
  await authenticator()
  equal(refused(await call('nobody', 'registerPasskey')).name, 'AuthSessionMissingError')
  ok([401, 403].includes((await post('/passkeys/registration/options', {})).status))
  refused(await call('nobody', 'signInWithPasskey'))
})
await check('an answer is good once', async () => {
  await authenticator()
  const ada = await inPage()
  const token = (await page.evaluate(async (name) => (await window.as(name).getSession()).data.session.access_token, ada.name))
  const registered = await posted('/passkeys/registration/verify', () => call(ada.name, 'registerPasskey'))
  data(registered.answer)
  ok((await post('/passkeys/registration/verify', registered.body, token)).status >= 400)
  const used = await posted('/passkeys/authentication/verify', () => call('once', 'signInWithPasskey'))
  data(used.answer)
  const again = await post('/passkeys/authentication/verify', used.body)
  ok(again.status >= 400 && again.status < 500 && !again.body?.access_token, JSON.stringify(again))
  // Under another challenge it is no answer either.
  const other = await post('/passkeys/authentication/options', {})
  const moved = await post('/passkeys/authentication/verify', { ...used.body, challenge_id: other.body.challenge_id })
  ok(moved.status >= 400 && moved.status < 500, JSON.stringify(moved))
})
await check('an answer that says something else is none, though it is rightly signed', async () => {
  await authenticator()
  const ada = await inPage()
  data(await call(ada.name, 'registerPasskey'))
  const [kept] = await credentials()
  let counter = kept.signCount + 10
  const verify = async (wrong = {}, mend = () => {}) => {
    const { body: given } = await post('/passkeys/authentication/options', {})
    equal(given.options.userVerification, 'required')
    const credential = assertion(kept, given.options, { counter: (counter += 1), ...wrong })
    mend(credential, given)
    return post('/passkeys/authentication/verify', { challenge_id: given.challenge_id, credential })
  }
  const good = await verify()
  equal(good.body.user?.id, ada.id, JSON.stringify(good))
  const { body: other } = await post('/passkeys/authentication/options', {})
  const lies = {
    'another origin': [{ origin: 'https://evil.example' }],
    'an origin like ours': [{ origin: `${site}.evil.example` }],
    'another port': [{ origin: `http://localhost:${Number(new URL(site).port) + 1}` }],
    'another scheme': [{ origin: site.replace(/^http:/, 'https:') }],
    'another relying party': [{ rpId: 'evil.example' }],
    'another act': [{ type: 'webauthn.create' }],
    'another challenge of ours': [{ over: other.options.challenge }],
    'a challenge of its own': [{ over: b64(Buffer.alloc(32, 7)) }],
    'nobody verified': [{ flags: 1 }],
    'nobody present': [{ flags: 4 }],
    'neither': [{ flags: 0 }],
    'the same counter': [{ counter: kept.signCount + 11 }],
    'a lower counter': [{ counter: 1 }],
    'no counter any more': [{ counter: 0 }],
    'another signature': [{}, (it) => (it.response.signature = `${it.response.signature.slice(0, -6)}AAAAAA`)],
    'no signature': [{}, (it) => (it.response.signature = '')],
    'another user': [{}, (it) => (it.response.userHandle = b64('1111111111111111'))],
    'an unknown passkey': [{}, (it) => (it.id = it.rawId = b64(Buffer.alloc(32, 7)))],
    'a challenge of a registration': [{}, (it, given) => (given.challenge_id = registration.challenge_id)],
  }
  const token = await page.evaluate(async (name) => (await window.as(name).getSession()).data.session.access_token, ada.name)
  const { body: registration } = await post('/passkeys/registration/options', {}, token)
  for (const [name, [wrong, mend]] of Object.entries(lies)) {
    const answer = await verify(wrong, mend)
    ok(answer.status >= 400 && answer.status < 500 && !answer.body?.access_token, `${name}: ${JSON.stringify(answer)}`)
  }
  equal((await verify()).body.user?.id, ada.id)
})
await check('a counter that goes back is a copy', async () => {
  await authenticator()
  const ada = await inPage()
  data(await call(ada.name, 'registerPasskey'))
  for (const name of ['first', 'second']) data(await call(`${name} of ${ada.name}`, 'signInWithPasskey'))
  const [kept] = await credentials()
  ok(kept.signCount >= 2, `counter ${kept.signCount}`)
  await cdp.send('WebAuthn.removeCredential', { authenticatorId, credentialId: kept.credentialId })
  await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...kept, signCount: 0 } })
  const { answer } = await posted('/passkeys/authentication/verify', () => call('copy', 'signInWithPasskey'))
  ok(answer.error?.status >= 400 && answer.error.status < 500, JSON.stringify(answer))
})
await check('another origin is refused, though it has the same name', async () => {
  await authenticator()
  const ada = await inPage()
  data(await call(ada.name, 'registerPasskey'))
  const elsewhere = `http://localhost:${Number(new URL(site).port) + 1}`
  servers.push(await serve(elsewhere))
  await page.goto(elsewhere)
  try {
    const answer = await page.evaluate(async () => {
      const own = window.as('elsewhere')
      const { data: given } = await own.passkey.startAuthentication()
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(given.options)
      const credential = (await navigator.credentials.get({ publicKey })).toJSON()
      return { credential, challenge_id: given.challenge_id }
    })
    equal(JSON.parse(Buffer.from(answer.credential.response.clientDataJSON, 'base64url')).origin, elsewhere)
    const verified = await post('/passkeys/authentication/verify', answer)
    ok(verified.status >= 400 && verified.status < 500 && !verified.body?.access_token, JSON.stringify(verified))
  } finally {
    await page.goto(site)
  }
})
// ---- as a second factor

await check('WebAuthn is a second factor', async () => {
  await authenticator()
  const ada = await inPage()
  const raised = data(await call(ada.name, 'mfa.webauthn.register', { friendlyName: 'key' }))
  equal(claims(raised.access_token).aal, 'aal2')
  const [factor] = data(await call(ada.name, 'mfa.listFactors')).webauthn
  same([factor.factor_type, factor.status, factor.friendly_name], ['webauthn', 'verified', 'key'])
  const again = `${ada.name}-again`
  data(await call(again, 'signInWithPassword', { email: ada.email, password: 'correct horse 7 battery' }))
  const level = data(await call(again, 'mfa.getAuthenticatorAssuranceLevel'))
  same([level.currentLevel, level.nextLevel], ['aal1', 'aal2'])
  const { answer, body } = await posted(`/factors/${factor.id}/verify`, () => call(again, 'mfa.webauthn.authenticate', { factorId: factor.id }))
  const { access_token: token } = data(answer)
  const said = claims(token)
  equal(said.aal, 'aal2')
  ok(said.amr.some(({ method }) => /webauthn/.test(method)), JSON.stringify(said.amr))
  const replayed = await post(`/factors/${factor.id}/verify`, body, token)
  ok(replayed.status >= 400 && replayed.status < 500, JSON.stringify(replayed))
  equal(data(await call(again, 'mfa.unenroll', { factorId: factor.id })).id, factor.id)
})
await check('a second factor alone signs nobody in', async () => {
  await authenticator()
  const ada = await inPage()
  data(await call(ada.name, 'mfa.webauthn.register', { friendlyName: 'key' }))
  refused(await call('alone', 'signInWithPasskey'))
  const bob = await inPage()
  const [factor] = data(await call(ada.name, 'mfa.listFactors')).webauthn
  refused(await call(bob.name, 'mfa.webauthn.authenticate', { factorId: factor.id }))
})

await browser.close()
servers.forEach((server) => server.close())
end()
