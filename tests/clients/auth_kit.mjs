// What the scripts about sign-in share: clients, fresh people, the mailbox, codes of an authenticator.
import { createHmac, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { equal, ok } from './kit.mjs'

export const { LOKI_URL: url, LOKI_PUBLISHABLE: publishable, LOKI_SECRET: secret, LOKI_MAILBOX: mailbox } = process.env
export const password = 'correct horse 7 battery'
/** Milliseconds that a mail may take. */
const MAIL_MAX = 10_000
/** Milliseconds between two mails of one kind to one address, and a few more. */
const MAIL_PAUSE = 1_200
/** Seconds for which a code of an authenticator holds. */
const STEP = 30

/** A client that remembers a session for as long as it lives, and refreshes it only when told to. */
export function client({ key = publishable, auth = {}, ...more } = {}) {
  const quiet = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
  // Node.js before 22 has no WebSocket of its own, which the client wants to see even where it opens none.
  return createClient(url, key, { ...more, auth: { ...quiet, ...auth }, realtime: { transport: ws } })
}

export const service = client({ key: secret })
export const { admin } = service.auth

/** An address that nobody has used. */
export const fresh = (name = 'ada') => `${name}.${randomBytes(6).toString('hex')}@example.com`

/** The data of an answer without an error. */
export function data({ data, error }) {
  equal(error, null, `${error?.status} ${error?.code}: ${error?.message}`)
  return data
}

/** Somebody with a confirmed address, signed in. */
export async function person(attributes = {}) {
  const email = attributes.email ?? fresh()
  const made = data(await admin.createUser({ email, password, email_confirm: true, ...attributes }))
  const own = await signedIn(email, attributes.password)
  return { id: made.user.id, email, client: own, auth: own.auth }
}

/** A client in which this person has signed in. */
export async function signedIn(email, secretWord = password, options = {}) {
  const own = client(options)
  data(await own.auth.signInWithPassword({ email, password: secretWord }))
  return own
}

/** The session that a client has. */
export const session = async (own) => data(await own.auth.getSession()).session

/** The claims of a token, unverified. */
export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString())

// ---- the mailbox

const known = new Map()
const taken = new Set()

async function mails() {
  // The folder comes with the first mail.
  const names = await readdir(mailbox).catch((error) => (error.code === 'ENOENT' ? [] : Promise.reject(error)))
  for (const name of names.filter((name) => name.endsWith('.json') && !known.has(name))) {
    try {
      known.set(name, JSON.parse(await readFile(join(mailbox, name), 'utf8')))
    } catch (error) {
      if (error.code !== 'ENOENT') throw error // The oldest mails go.
    }
  }
  return [...known].sort(([a, one], [b, two]) => one.time.localeCompare(two.time) || a.localeCompare(b))
}

/** The mails to an address that nobody has taken yet, the oldest first. They stay. */
export async function waiting(to) {
  return (await mails()).filter(([name, mail]) => mail.to === to && !taken.has(name)).map(([, mail]) => mail)
}

/** Returns once another mail of the same kind may go to the same address. */
export const rested = () => new Promise((resolve) => setTimeout(resolve, MAIL_PAUSE))

/** The oldest mail to an address that nobody has taken yet. Waits for it. */
export async function mail(to) {
  for (const until = Date.now() + MAIL_MAX; ;) {
    const found = (await mails()).find(([name, one]) => one.to === to && !taken.has(name))
    if (found) {
      taken.add(found[0])
      return found[1]
    }
    ok(Date.now() < until, `no mail to ${to}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The link of a mail that ends at the server's own door. */
export function link(sent) {
  const found = sent.links.find((one) => new URL(one).pathname.endsWith('/auth/v1/verify'))
  ok(found, `no link to verify in ${JSON.stringify(sent.links)}`)
  return found
}

/** The hash of a link, for `verifyOtp`. */
export const hash = (found) => new URL(found).searchParams.get('token')

/** Where a link leads. It is on this server, whatever name its site has. */
export async function opened(found) {
  const { pathname, search } = new URL(found)
  const answer = await fetch(`${url}${pathname}${search}`, { redirect: 'manual' })
  ok([302, 303].includes(answer.status), `${found} gives ${answer.status}: ${await answer.text()}`)
  const to = new URL(answer.headers.get('location'))
  return { to, query: to.searchParams, fragment: new URLSearchParams(to.hash.slice(1)) }
}

/** A client with the session that a link gave. */
export async function taking({ fragment }) {
  const own = client()
  equal(fragment.get('error_description'), null)
  equal(fragment.get('token_type'), 'bearer')
  ok(Number(fragment.get('expires_in')) > 0 && Number(fragment.get('expires_at')) > Date.now() / 1000)
  data(await own.auth.setSession({ access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token') }))
  return own
}

// ---- an authenticator (RFC 6238)

function base32(text) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...text.replace(/=+$/, '')].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
}

/** The code of a secret, so many steps from now. */
export function code(secretText, steps = 0) {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / STEP) + steps))
  const mac = createHmac('sha1', base32(secretText)).update(counter).digest()
  const at = mac[19] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** Returns at a time from which the step of codes lasts for a while. */
export async function steady() {
  const left = STEP * 1000 - (Date.now() % (STEP * 1000))
  if (left < 6_000) await new Promise((resolve) => setTimeout(resolve, left + 50))
}

/** Gives somebody who is signed in a second factor, and the session with it. */
export async function enrolled(own, friendlyName = 'phone') {
  const factor = data(await own.auth.mfa.enroll({ factorType: 'totp', friendlyName }))
  await steady()
  const challenge = data(await own.auth.mfa.challenge({ factorId: factor.id }))
  data(await own.auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: code(factor.totp.secret, -1) }))
  return factor
}
