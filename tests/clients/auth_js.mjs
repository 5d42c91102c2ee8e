// People sign up, sign in and are administered with the unmodified `@supabase/supabase-js`.
import { admin, claims, client, code, data, enrolled, fresh, hash, link, mail, opened, password, person, publishable, rested, service, session, signedIn, steady, taking, url, waiting } from './auth_kit.mjs'
import { check, end, equal, ok, refused, rows, same } from './kit.mjs'

const nobody = client()

/** The error of an answer that must have one, with this code. */
function denied(answer, wanted, status) {
  const error = refused(answer)
  equal(error.code, wanted, error.message)
  if (status) equal(error.status, status)
  return error
}

/** Somebody who signed up and has not shown yet that the address is theirs. */
async function unconfirmed(options = {}) {
  const email = fresh()
  const own = client(options)
  const { user, session: none } = data(await own.auth.signUp({ email, password }))
  equal(none, null)
  return { email, id: user.id, client: own, auth: own.auth }
}

/** Whether the session of a client is alive at the server. */
async function isAlive(own) {
  const { error } = await own.auth.getUser()
  if (error) equal(error.name, 'AuthSessionMissingError', error.message)
  return error === null
}

// ---- signing up

await check('sign-up gives no session until the address is confirmed', async () => {
  const own = client()
  const email = fresh()
  const { user, session: none } = data(await own.auth.signUp({ email: email.toUpperCase(), password, options: { data: { name: 'Ada' } } }))
  equal(none, null)
  same([user.email, user.role, user.aud, user.user_metadata.name], [email, 'authenticated', 'authenticated', 'Ada'])
  ok(!user.email_confirmed_at)
  denied(await own.auth.signInWithPassword({ email, password }), 'email_not_confirmed', 400)
  equal(await session(own), null)
})
await check('the code of the mail confirms it, once', async () => {
  const { email, id, auth } = await unconfirmed()
  const events = []
  auth.onAuthStateChange((event) => void events.push(event))
  const { code: token } = await mail(email)
  denied(await auth.verifyOtp({ email, token: token === '000000' ? '000001' : '000000', type: 'email' }), 'otp_expired', 403)
  const answer = data(await auth.verifyOtp({ email, token, type: 'email' }))
  equal(answer.user.id, id)
  ok(answer.user.email_confirmed_at && answer.session.refresh_token)
  ok(events.includes('SIGNED_IN'))
  denied(await client().auth.verifyOtp({ email, token, type: 'email' }), 'otp_expired', 403)
  await signedIn(email)
})
await check('so does the link, once', async () => {
  const { email, id } = await unconfirmed()
  const sent = link(await mail(email))
  const there = await opened(sent)
  equal(there.fragment.get('type'), 'signup')
  const own = await taking(there)
  equal(data(await own.auth.getUser()).user.id, id)
  const again = await opened(sent)
  same([again.fragment.get('error'), again.fragment.get('error_code')], ['access_denied', 'otp_expired'])
  equal(again.fragment.get('access_token'), null)
})
await check('so does the hash of the link', async () => {
  const { email, id, auth } = await unconfirmed()
  const answer = data(await auth.verifyOtp({ token_hash: hash(link(await mail(email))), type: 'signup' }))
  equal(answer.session.user.id, id)
})
await check('another mail is sent on demand, and the one before holds no longer', async () => {
  const { email, auth } = await unconfirmed()
  const first = await mail(email)
  await rested()
  data(await auth.resend({ type: 'signup', email }))
  const second = await mail(email)
  denied(await auth.verifyOtp({ token_hash: hash(link(first)), type: 'signup' }), 'otp_expired')
  ok(data(await auth.verifyOtp({ email, token: second.code, type: 'signup' })).session)
})
await check('what is no address or a weak password is refused', async () => {
  const weak = denied(await nobody.auth.signUp({ email: fresh(), password: '123' }), 'weak_password', 422)
  same([weak.name, weak.reasons], ['AuthWeakPasswordError', ['length']])
  denied(await nobody.auth.signUp({ email: 'nonsense', password }), 'validation_failed', 400)
  refused(await nobody.auth.signUp({ email: fresh(), password: '' }))
})

// ---- signing in

await check('a password gives a session', async () => {
  const { email, id } = await person({ user_metadata: { name: 'Ada' } })
  const { user, session: given } = data(await nobody.auth.signInWithPassword({ email, password }))
  equal(user.id, id)
  same(given.user, user)
  same([given.token_type, typeof given.refresh_token], ['bearer', 'string'])
  ok(Math.abs(given.expires_at - Date.now() / 1000 - given.expires_in) < 5)
  const said = claims(given.access_token)
  same([said.sub, said.email, said.role, said.aud, said.aal, said.is_anonymous], [id, email, 'authenticated', 'authenticated', 'aal1', false])
  same([said.amr.map(({ method }) => method), said.exp], [['password'], given.expires_at])
  same([said.user_metadata.name, said.app_metadata.provider], ['Ada', 'email'])
  ok(said.session_id && said.iss.endsWith('/auth/v1'), said.iss)
  await nobody.auth.signOut({ scope: 'local' })
})
await check('a wrong one does not, nor an unknown address', async () => {
  const { email } = await person()
  const wrong = denied(await nobody.auth.signInWithPassword({ email, password: 'wrong' }), 'invalid_credentials', 400)
  equal(wrong.message, 'Invalid login credentials')
  const unknown = denied(await nobody.auth.signInWithPassword({ email: fresh(), password }), 'invalid_credentials', 400)
  equal(unknown.message, wrong.message)
})
await check('who somebody is follows from the token', async () => {
  const ada = await person()
  const { access_token: token } = await session(ada.client)
  equal(data(await nobody.auth.getUser(token)).user.id, ada.id)
  equal(refused(await nobody.auth.getUser()).name, 'AuthSessionMissingError')
  denied(await nobody.auth.getUser('a.b.c'), 'bad_jwt', 403)
})
await check('the user has what clients expect', async () => {
  const ada = await person({ user_metadata: { name: 'Ada' } })
  const { user } = data(await ada.auth.getUser())
  for (const time of ['created_at', 'updated_at', 'last_sign_in_at', 'email_confirmed_at', 'confirmed_at']) {
    ok(Math.abs(Date.parse(user[time]) - Date.now()) < 600_000, `${time}: ${user[time]}`)
  }
  same([user.app_metadata.provider, user.app_metadata.providers, user.is_anonymous, user.phone ?? ''], ['email', ['email'], false, ''])
  const { identities } = data(await ada.auth.getUserIdentities())
  equal(identities.length, 1)
  const [identity] = identities
  same([identity.provider, identity.user_id, identity.identity_data.email, identity.identity_data.sub], ['email', ada.id, ada.email, ada.id])
  ok(identity.identity_id && identity.id)
  same(user.identities, identities)
  const { error } = await ada.auth.unlinkIdentity(identity)
  ok(['manual_linking_disabled', 'single_identity_not_deletable'].includes(error.code), error.code)
})

// ---- changing oneself

await check('data are merged', async () => {
  const ada = await person({ user_metadata: { name: 'Ada', town: 'Graz' } })
  const events = []
  ada.auth.onAuthStateChange((event) => void events.push(event))
  const { user } = data(await ada.auth.updateUser({ data: { town: null, age: 36 } }))
  same([user.user_metadata.name, user.user_metadata.town, user.user_metadata.age], ['Ada', undefined, 36])
  ok(events.includes('USER_UPDATED'))
  equal(data(await ada.auth.getUser()).user.user_metadata.age, 36)
  equal(claims(data(await ada.auth.refreshSession()).session.access_token).user_metadata.age, 36)
})
await check('nobody gives themselves rights', async () => {
  const ada = await person()
  await ada.auth.updateUser({ data: {}, role: 'service_role', app_metadata: { admin: true }, aud: 'x', id: 'x', is_anonymous: true })
  const { user } = data(await ada.auth.getUser())
  same([user.id, user.role, user.aud, user.app_metadata.admin, user.is_anonymous], [ada.id, 'authenticated', 'authenticated', undefined, false])
})
await check('a new password ends every other session', async () => {
  const ada = await person()
  const other = await signedIn(ada.email)
  denied(await ada.auth.updateUser({ password }), 'same_password', 422)
  denied(await ada.auth.updateUser({ password: '123' }), 'weak_password', 422)
  ok(await isAlive(other))
  data(await ada.auth.updateUser({ password: 'another 8 word' }))
  same([await isAlive(ada.client), await isAlive(other)], [true, false])
  denied(await nobody.auth.signInWithPassword({ email: ada.email, password }), 'invalid_credentials')
  await signedIn(ada.email, 'another 8 word')
})
await check('a new address is confirmed at both', async () => {
  const ada = await person()
  const next = fresh('lovelace')
  const { user } = data(await ada.auth.updateUser({ email: next }))
  same([user.email, user.new_email], [ada.email, next])
  const [old, young] = [await mail(ada.email), await mail(next)]
  const first = data(await ada.auth.verifyOtp({ token_hash: hash(link(old)), type: 'email_change' }))
  same(first, { user: null, session: null })
  equal(data(await ada.auth.getUser()).user.email, ada.email)
  const second = data(await ada.auth.verifyOtp({ email: next, token: young.code, type: 'email_change' }))
  same([second.user.id, second.user.email, second.user.new_email ?? ''], [ada.id, next, ''])
  denied(await nobody.auth.signInWithPassword({ email: ada.email, password }), 'invalid_credentials')
  await signedIn(next)
  equal(data(await ada.auth.getUserIdentities()).identities[0].identity_data.email, next)
})
await check('so it is with the links, in the other order', async () => {
  const ada = await person()
  const next = fresh('lovelace')
  data(await ada.auth.updateUser({ email: next }))
  const first = await opened(link(await mail(next)))
  ok(/other email/.test(first.fragment.get('message') ?? first.query.get('message')), first.to.href)
  equal(first.fragment.get('access_token'), null)
  const second = await opened(link(await mail(ada.email)))
  equal(second.fragment.get('type'), 'email_change')
  equal(data(await (await taking(second)).auth.getUser()).user.email, next)
})
await check('another mail about the change is sent on demand', async () => {
  const ada = await person()
  const next = fresh('lovelace')
  data(await ada.auth.updateUser({ email: next }))
  await Promise.all([mail(ada.email), mail(next)])
  await rested()
  data(await ada.auth.resend({ type: 'email_change', email: ada.email }))
  const [old, young] = [await mail(ada.email), await mail(next)]
  data(await ada.auth.verifyOtp({ email: ada.email, token: old.code, type: 'email_change' }))
  equal(data(await ada.auth.verifyOtp({ email: next, token: young.code, type: 'email_change' })).user.email, next)
})
await check('a nonce by mail confirms a new password', async () => {
  const ada = await person()
  data(await ada.auth.reauthenticate())
  const { code: nonce } = await mail(ada.email)
  denied(await ada.auth.updateUser({ password: 'another 8 word', nonce: nonce === '000000' ? '000001' : '000000' }), 'reauthentication_not_valid')
  data(await ada.auth.updateUser({ password: 'another 8 word', nonce }))
  await signedIn(ada.email, 'another 8 word')
  denied(await ada.auth.updateUser({ password: 'a third 9 word', nonce }), 'reauthentication_not_valid')
})

// ---- sessions

await check('a session is refreshed', async () => {
  const ada = await person()
  const events = []
  ada.auth.onAuthStateChange((event) => void events.push(event))
  const before = await session(ada.client)
  const { session: after } = data(await ada.auth.refreshSession())
  ok(after.refresh_token !== before.refresh_token)
  const [one, two] = [claims(before.access_token), claims(after.access_token)]
  same([two.session_id, two.sub, two.amr], [one.session_id, ada.id, one.amr])
  ok(events.includes('TOKEN_REFRESHED'))
  // The parent of the active token leads to the active one: an answer may have been lost.
  equal(data(await client().auth.refreshSession({ refresh_token: before.refresh_token })).session.refresh_token, after.refresh_token)
  denied(await client().auth.refreshSession({ refresh_token: 'nonsense' }), 'refresh_token_not_found', 400)
})
await check('a session that is over is refreshed unasked', async () => {
  const ada = await person()
  const kept = new Map()
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name) }
  const stale = await session(ada.client)
  kept.set('kept', JSON.stringify({ ...stale, expires_at: Math.floor(Date.now() / 1000) - 5 }))
  const own = client({ auth: { persistSession: true, storage, storageKey: 'kept' } })
  const renewed = await session(own)
  ok(renewed.access_token !== stale.access_token && renewed.expires_at > Date.now() / 1000)
  equal(JSON.parse(kept.get('kept')).refresh_token, renewed.refresh_token)
  equal(data(await own.auth.getUser()).user.id, ada.id)
})
await check('a session that is over soon is refreshed by the clock', async () => {
  const ada = await person()
  const soon = { ...(await session(ada.client)), expires_at: Math.floor(Date.now() / 1000) + 20 }
  const kept = new Map([['soon', JSON.stringify(soon)]])
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name) }
  const own = client({ auth: { persistSession: true, autoRefreshToken: true, storage, storageKey: 'soon' } })
  const renewed = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('it is not refreshed')), 10_000)
    own.auth.onAuthStateChange((event, given) => {
      if (event !== 'TOKEN_REFRESHED') return
      clearTimeout(late)
      resolve(given)
    })
  })
  await own.auth.stopAutoRefresh()
  ok(renewed.refresh_token !== soon.refresh_token)
})
await check('sign-out ends this session, the others, or all', async () => {
  const ada = await person()
  const [one, two, three] = [ada.client, await signedIn(ada.email), await signedIn(ada.email)]
  const gone = await session(one)
  const left = async () => Promise.all([two, three].map(isAlive))
  data({ data: null, ...(await one.auth.signOut({ scope: 'local' })) })
  equal(await session(one), null)
  equal(refused(await client().auth.getUser(gone.access_token)).name, 'AuthSessionMissingError')
  denied(await client().auth.refreshSession({ refresh_token: gone.refresh_token }), 'refresh_token_not_found', 400)
  same(await left(), [true, true])
  await two.auth.signOut({ scope: 'others' })
  same(await left(), [true, false])
  const four = await signedIn(ada.email)
  await two.auth.signOut()
  same([await session(two), await isAlive(four)], [null, false])
})

// ---- without a password

await check('a forgotten password is replaced by mail', async () => {
  const ada = await person()
  data(await nobody.auth.resetPasswordForEmail(ada.email))
  const own = client()
  const events = []
  own.auth.onAuthStateChange((event) => void events.push(event))
  const sent = await mail(ada.email)
  const answer = data(await own.auth.verifyOtp({ email: ada.email, token: sent.code, type: 'recovery' }))
  equal(answer.user.id, ada.id)
  ok(events.includes('PASSWORD_RECOVERY'))
  data(await own.auth.updateUser({ password: 'another 8 word' }))
  await signedIn(ada.email, 'another 8 word')
  // The link of the same mail is used up with its code.
  equal((await opened(link(sent))).fragment.get('error_code'), 'otp_expired')
})
await check('so it is with the link', async () => {
  const ada = await person()
  data(await nobody.auth.resetPasswordForEmail(ada.email))
  const there = await opened(link(await mail(ada.email)))
  equal(there.fragment.get('type'), 'recovery')
  data(await (await taking(there)).auth.updateUser({ password: 'another 8 word' }))
  await signedIn(ada.email, 'another 8 word')
})
await check('a code by mail signs in, and up', async () => {
  const ada = await person()
  for (const email of [ada.email, fresh('new')]) {
    same(data(await nobody.auth.signInWithOtp({ email, options: { data: { name: 'Ada' } } })), { user: null, session: null })
    const { code: token } = await mail(email)
    const answer = data(await client().auth.verifyOtp({ email, token, type: 'email' }))
    equal(answer.user.email, email)
    ok(answer.user.email_confirmed_at && answer.session)
  }
})
await check('nobody is made who should not be', async () => {
  const [known, unknown] = [await person(), fresh('new')]
  const options = { shouldCreateUser: false }
  const answers = []
  for (const email of [unknown, known.email]) answers.push(await nobody.auth.signInWithOtp({ email, options }))
  same(answers[0], answers[1])
  await mail(known.email)
  same(await waiting(unknown), [])
  ok(!(data(await admin.listUsers({ perPage: 1000 })).users.some(({ email }) => email === unknown)))
})
await check('a magic link signs in', async () => {
  const ada = await person()
  data(await nobody.auth.signInWithOtp({ email: ada.email }))
  const there = await opened(link(await mail(ada.email)))
  equal(there.fragment.get('type'), 'magiclink')
  const own = await taking(there)
  equal(data(await own.auth.getUser()).user.id, ada.id)
  const { amr } = claims((await session(own)).access_token)
  ok(['otp', 'magiclink'].includes(amr[0].method), amr[0].method)
})
await check('so does its hash, without the link', async () => {
  const ada = await person()
  data(await nobody.auth.signInWithOtp({ email: ada.email }))
  const token_hash = hash(link(await mail(ada.email)))
  denied(await nobody.auth.verifyOtp({ token_hash: token_hash.replace(/.$/, (last) => (last === '0' ? '1' : '0')), type: 'email' }), 'otp_expired')
  equal(data(await client().auth.verifyOtp({ token_hash, type: 'email' })).user.id, ada.id)
})

// ---- PKCE

const pkce = { auth: { flowType: 'pkce' } }

await check('PKCE: a magic link gives a code, which only its client can use, once', async () => {
  const ada = await person()
  const own = client(pkce)
  data(await own.auth.signInWithOtp({ email: ada.email }))
  const there = await opened(link(await mail(ada.email)))
  const given = there.query.get('code')
  ok(given && !there.to.hash, there.to.href)
  const thief = client(pkce)
  data(await thief.auth.signInWithOtp({ email: fresh('thief') }))
  const { error } = await thief.auth.exchangeCodeForSession(given)
  equal(error.code, 'bad_code_verifier', error.message)
  const answer = await own.auth.exchangeCodeForSession(given)
  if (answer.error) {
    // A code that somebody else tried may be void; then a new one works.
    await rested()
    data(await own.auth.signInWithOtp({ email: ada.email }))
    data(await own.auth.exchangeCodeForSession((await opened(link(await mail(ada.email)))).query.get('code')))
  }
  equal((await session(own)).user.id, ada.id)
  equal(refused(await own.auth.exchangeCodeForSession(given)).name, 'AuthPKCECodeVerifierMissingError')
})
await check('PKCE: a code is used up', async () => {
  const ada = await person()
  const kept = new Map()
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name) }
  const own = client({ auth: { ...pkce.auth, storage, persistSession: true, storageKey: 'pkce' } })
  data(await own.auth.signInWithOtp({ email: ada.email }))
  const verifier = kept.get('pkce-code-verifier')
  const given = (await opened(link(await mail(ada.email)))).query.get('code')
  data(await own.auth.exchangeCodeForSession(given))
  kept.set('pkce-code-verifier', verifier)
  denied(await own.auth.exchangeCodeForSession(given), 'flow_state_not_found', 404)
})
await check('PKCE: sign-up and recovery', async () => {
  const { email, id, auth } = await unconfirmed(pkce)
  const given = (await opened(link(await mail(email)))).query.get('code')
  equal(data(await auth.exchangeCodeForSession(given)).session.user.id, id)
  await auth.signOut()
  data(await auth.resetPasswordForEmail(email))
  const recovery = (await opened(link(await mail(email)))).query.get('code')
  const answer = data(await auth.exchangeCodeForSession(recovery))
  same([answer.user.id, answer.redirectType], [id, 'recovery'])
})

// ---- nobody in particular

await check('an anonymous user becomes a permanent one', async () => {
  const own = client()
  const { user, session: given } = data(await own.auth.signInAnonymously({ options: { data: { guest: 1 } } }))
  same([user.is_anonymous, user.email ?? '', user.user_metadata.guest, claims(given.access_token).is_anonymous], [true, '', 1, true])
  same(user.identities ?? [], [])
  rows(await own.from('todos').insert({ title: 'as a guest' }))
  const email = fresh('guest')
  data(await own.auth.updateUser({ email }))
  const { code: token } = await mail(email)
  const after = data(await own.auth.verifyOtp({ email, token, type: 'email_change' }))
  same([after.user.id, after.user.email, after.user.is_anonymous], [user.id, email, false])
  data(await own.auth.updateUser({ password }))
  const again = await signedIn(email)
  equal(claims((await session(again)).access_token).is_anonymous, false)
  same(rows(await again.from('todos').select('title')), [{ title: 'as a guest' }])
})

// ---- second factors

await check('a second factor by an authenticator', async () => {
  const ada = await person()
  const level = async () => {
    const { currentLevel, nextLevel, currentAuthenticationMethods } = data(await ada.auth.mfa.getAuthenticatorAssuranceLevel())
    return [currentLevel, nextLevel, currentAuthenticationMethods.map(({ method }) => method).sort()]
  }
  same(await level(), ['aal1', 'aal1', ['password']])
  const factor = data(await ada.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone', issuer: 'Todos' }))
  same([factor.type, factor.friendly_name], ['totp', 'phone'])
  ok(/^data:image\/svg\+xml;utf-8,(<\?xml[^>]*>\s*)?<svg/.test(factor.totp.qr_code), factor.totp.qr_code.slice(0, 80))
  const uri = new URL(factor.totp.uri)
  same([uri.protocol, uri.host, uri.searchParams.get('secret'), uri.searchParams.get('issuer')], ['otpauth:', 'totp', factor.totp.secret, 'Todos'])
  same(data(await ada.auth.mfa.listFactors()).totp, [])
  await steady()
  const challenge = data(await ada.auth.mfa.challenge({ factorId: factor.id }))
  ok(challenge.id && challenge.expires_at > Date.now() / 1000)
  const right = code(factor.totp.secret, -1)
  const answer = { factorId: factor.id, challengeId: challenge.id }
  denied(await ada.auth.mfa.verify({ ...answer, code: right === '000000' ? '000001' : '000000' }), 'mfa_verification_failed', 422)
  const raised = data(await ada.auth.mfa.verify({ ...answer, code: right }))
  same([raised.token_type, raised.user.id, claims(raised.access_token).aal], ['bearer', ada.id, 'aal2'])
  same(await level(), ['aal2', 'aal2', ['password', 'totp']])
  equal(claims(data(await ada.auth.refreshSession()).session.access_token).aal, 'aal2')
  const [one] = data(await ada.auth.mfa.listFactors()).totp
  same([one.id, one.status, one.factor_type, one.friendly_name], [factor.id, 'verified', 'totp', 'phone'])
})
await check('whoever has one needs it at the next sign-in', async () => {
  const ada = await person()
  const factor = await enrolled(ada.client)
  const again = await signedIn(ada.email)
  const { currentLevel, nextLevel } = data(await again.auth.mfa.getAuthenticatorAssuranceLevel())
  same([currentLevel, nextLevel], ['aal1', 'aal2'])
  denied(await again.auth.mfa.unenroll({ factorId: factor.id }), 'insufficient_aal')
  denied(await again.auth.updateUser({ password: 'another 8 word' }), 'insufficient_aal')
  refused(await again.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'second' }))
  await steady()
  data(await again.auth.mfa.challengeAndVerify({ factorId: factor.id, code: code(factor.totp.secret, 1) }))
  equal(claims((await session(again)).access_token).aal, 'aal2')
  equal(data(await again.auth.mfa.unenroll({ factorId: factor.id })).id, factor.id)
  same(data(await again.auth.mfa.listFactors()).all, [])
  equal(claims(data(await again.auth.refreshSession()).session.access_token).aal, 'aal1')
})
await check('factors have names of their own, and are nobody else\'s', async () => {
  const [ada, bob] = [await person(), await person({ email: fresh('bob') })]
  const factor = await enrolled(ada.client)
  denied(await ada.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' }), 'mfa_factor_name_conflict', 422)
  denied(await bob.auth.mfa.challenge({ factorId: factor.id }), 'mfa_factor_not_found')
  denied(await bob.auth.mfa.unenroll({ factorId: factor.id }), 'mfa_factor_not_found')
  refused(await ada.auth.mfa.enroll({ factorType: 'phone', phone: '+4366012345678', friendlyName: 'calls' }))
  ok(await isAlive(ada.client))
})

// ---- administration

await check('users are made, read and changed', async () => {
  const email = fresh('made')
  const { user } = data(await admin.createUser({ email, password, email_confirm: true, user_metadata: { name: 'Made' }, app_metadata: { team: 7 } }))
  same([user.email, user.user_metadata.name, user.app_metadata.team, user.app_metadata.provider], [email, 'Made', 7, 'email'])
  denied(await admin.createUser({ email, password }), 'email_exists', 422)
  denied(await admin.createUser({ email: fresh(), password: '1' }), 'weak_password', 422)
  equal(data(await admin.getUserById(user.id)).user.email, email)
  denied(await admin.getUserById('00000000-0000-4000-8000-000000000000'), 'user_not_found', 404)
  const next = fresh('moved')
  const changed = data(await admin.updateUserById(user.id, { email: next, email_confirm: true, password: 'another 8 word', app_metadata: { level: 3 }, user_metadata: { name: null } })).user
  same([changed.email, changed.app_metadata.team, changed.app_metadata.level, changed.user_metadata.name], [next, 7, 3, undefined])
  const own = await signedIn(next, 'another 8 word')
  equal(claims((await session(own)).access_token).app_metadata.team, 7)
  denied(await nobody.auth.signInWithPassword({ email, password }), 'invalid_credentials')
  const bare = data(await admin.createUser({ email: fresh('bare') })).user
  denied(await nobody.auth.signInWithPassword({ email: bare.email, password: '' || password }), 'invalid_credentials')
})
await check('users are listed by pages', async () => {
  for (let made = 0; made < 3; made += 1) data(await admin.createUser({ email: fresh('page'), email_confirm: true }))
  const { total } = data(await admin.listUsers())
  ok(total >= 3)
  const perPage = Math.ceil(total / 3)
  const seen = new Set()
  for (let page = 1; page; ) {
    const answer = data(await admin.listUsers({ page, perPage }))
    same([answer.aud, answer.total], ['authenticated', total])
    equal(answer.lastPage, Math.ceil(total / perPage))
    answer.users.forEach(({ id }) => seen.add(id))
    page = answer.nextPage
  }
  equal(seen.size, total)
  same(data(await admin.listUsers({ page: 9000, perPage: 50 })).users, [])
})
await check('a ban shuts somebody out, until it is lifted', async () => {
  const ada = await person()
  ok(Date.parse(data(await admin.updateUserById(ada.id, { ban_duration: '24h' })).user.banned_until) > Date.now() + 23 * 3_600_000)
  denied(await nobody.auth.signInWithPassword({ email: ada.email, password }), 'user_banned')
  refused(await ada.auth.refreshSession())
  data(await nobody.auth.signInWithOtp({ email: ada.email }))
  data(await admin.updateUserById(ada.id, { ban_duration: 'none' }))
  await signedIn(ada.email)
})
await check('a deleted user is gone, softly or for good', async () => {
  const [hard, soft] = [await person(), await person()]
  data(await admin.deleteUser(hard.id))
  denied(await admin.getUserById(hard.id), 'user_not_found', 404)
  refused(await hard.auth.getUser())
  refused(await hard.auth.refreshSession())
  data(await admin.deleteUser(soft.id, true))
  const left = data(await admin.getUserById(soft.id)).user
  ok(left.deleted_at && left.email !== soft.email, JSON.stringify(left))
  for (const { email } of [hard, soft]) {
    denied(await nobody.auth.signInWithPassword({ email, password }), 'invalid_credentials')
    equal((await person({ email })).email, email)
  }
  refused(await admin.deleteUser(hard.id))
})
await check('an invitation makes somebody', async () => {
  const email = fresh('invited')
  const { user } = data(await admin.inviteUserByEmail(email, { data: { name: 'Guest' } }))
  same([user.email, user.user_metadata.name], [email, 'Guest'])
  ok(user.invited_at)
  const { code: token } = await mail(email)
  const own = client()
  equal(data(await own.auth.verifyOtp({ email, token, type: 'invite' })).user.id, user.id)
  data(await own.auth.updateUser({ password }))
  await signedIn(email)
  await rested()
  denied(await admin.inviteUserByEmail(email), 'email_exists', 422)
})
await check('links of every kind are made, and sent to nobody', async () => {
  const known = { confirm: await person(), reset: await person(), change: await person() }
  const next = fresh('next')
  const wanted = [
    [{ type: 'signup', email: fresh('l'), password }, 'signup'],
    [{ type: 'invite', email: fresh('l'), options: { data: { name: 'L' } } }, 'invite'],
    [{ type: 'magiclink', email: known.confirm.email }, 'magiclink'],
    [{ type: 'recovery', email: known.reset.email }, 'recovery'],
    [{ type: 'email_change_current', email: known.change.email, newEmail: next }, 'email_change'],
  ]
  for (const [parameters, type] of wanted) {
    const { properties, user } = data(await admin.generateLink(parameters))
    equal(user.email, parameters.email)
    equal(properties.verification_type, parameters.type)
    ok(/^\d{6,10}$/.test(properties.email_otp) && properties.hashed_token && 'redirect_to' in properties)
    equal(hash(properties.action_link), properties.hashed_token)
    const there = await opened(properties.action_link)
    if (type !== 'email_change') {
      equal(there.fragment.get('type'), type)
      equal(data(await (await taking(there)).auth.getUser()).user.id, user.id)
    }
    same(await waiting(parameters.email), [], parameters.type)
  }
  const { properties } = data(await admin.generateLink({ type: 'email_change_new', email: known.change.email, newEmail: next }))
  const moved = data(await client().auth.verifyOtp({ token_hash: properties.hashed_token, type: 'email_change' }))
  ok(moved.user === null || moved.user.email === next)
  const otp = data(await admin.generateLink({ type: 'magiclink', email: known.confirm.email })).properties
  equal(data(await client().auth.verifyOtp({ email: known.confirm.email, token: otp.email_otp, type: 'email' })).user.id, known.confirm.id)
  denied(await admin.generateLink({ type: 'recovery', email: fresh() }), 'user_not_found', 404)
  same(await waiting(next), [])
})
await check('sessions are ended for somebody', async () => {
  const ada = await person()
  const other = await signedIn(ada.email)
  const { access_token: token } = await session(ada.client)
  equal((await admin.signOut(token, 'others')).error, null)
  same([await isAlive(ada.client), await isAlive(other)], [true, false])
  equal((await admin.signOut(token, 'global')).error, null)
  equal(await isAlive(ada.client), false)
})
await check('factors are listed and taken away', async () => {
  const ada = await person()
  const factor = await enrolled(ada.client)
  const { factors } = data(await admin.mfa.listFactors({ userId: ada.id }))
  same(factors.map(({ id, status, secret }) => [id, status, secret]), [[factor.id, 'verified', undefined]])
  data(await admin.mfa.deleteFactor({ userId: ada.id, id: factor.id }))
  same(data(await admin.mfa.listFactors({ userId: ada.id })).factors, [])
  const again = await signedIn(ada.email)
  equal(data(await again.auth.mfa.getAuthenticatorAssuranceLevel()).nextLevel, 'aal1')
})
await check('only the service administers', async () => {
  const ada = await person()
  for (const own of [nobody, ada.client]) {
    const headers = { apikey: publishable, authorization: `Bearer ${(await session(own))?.access_token ?? publishable}` }
    for (const [method, path] of [['GET', '/admin/users'], ['GET', `/admin/users/${ada.id}`], ['DELETE', `/admin/users/${ada.id}`], ['POST', '/admin/users'], ['POST', '/admin/generate_link'], ['POST', '/invite'], ['GET', '/admin/audit'], ['GET', `/admin/users/${ada.id}/factors`]]) {
      const body = method === 'GET' ? undefined : JSON.stringify({ email: fresh(), password, type: 'magiclink' })
      const answer = await fetch(`${url}/auth/v1${path}`, { method, headers, body })
      ok([401, 403].includes(answer.status), `${method} ${path}: ${answer.status}`)
    }
  }
  ok(await isAlive(ada.client))
})

// ---- what tokens are for

await check('claims are verified without asking, by the public keys', async () => {
  const asked = []
  const own = client({ global: { fetch: (input, init) => (asked.push(new URL(input).pathname), fetch(input, init)) }, auth: { storageKey: 'claims' } })
  const ada = await person()
  const { access_token: token } = await session(ada.client)
  const { claims: said, header } = data(await own.auth.getClaims(token))
  same([said.sub, said.email, said.role, said.aal], [ada.id, ada.email, 'authenticated', 'aal1'])
  ok(header.kid && ['ES256', 'RS256'].includes(header.alg), JSON.stringify(header))
  same(asked, ['/auth/v1/.well-known/jwks.json'])
  const [head, body, signature] = token.split('.')
  const other = Buffer.from(JSON.stringify({ ...said, role: 'service_role' })).toString('base64url')
  equal(refused(await own.auth.getClaims(`${head}.${other}.${signature}`)).message, 'Invalid JWT signature')
  equal(data(await own.auth.getClaims(`${head}.${body}.${signature}`)).claims.sub, ada.id)
  same(asked, ['/auth/v1/.well-known/jwks.json'])
})
await check('rows are their owners\'', async () => {
  const [ada, bob] = [await person(), await person({ email: fresh('bob') })]
  const made = rows(await ada.client.from('todos').insert({ title: 'of Ada' }).select('id,user_id').single())
  equal(made.user_id, ada.id)
  rows(await bob.client.from('todos').insert({ title: 'of Bob' }))
  same(rows(await ada.client.from('todos').select('title')), [{ title: 'of Ada' }])
  same(rows(await bob.client.from('todos').select('title')), [{ title: 'of Bob' }])
  same(rows(await bob.client.from('todos').update({ title: 'x' }).eq('id', made.id).select()), [])
  same(rows(await bob.client.from('todos').delete().eq('id', made.id).select()), [])
  equal((await bob.client.from('todos').insert({ title: 'x', user_id: ada.id })).error.code, '42501')
  same(rows(await nobody.from('todos').select('title')), [])
  ok(rows(await service.from('todos').select('title').eq('user_id', ada.id)).length === 1)
  await ada.auth.signOut()
  same(rows(await ada.client.from('todos').select('title')), [])
})
await check('the tables of users are nobody\'s rows', async () => {
  const ada = await person()
  for (const own of [nobody, ada.client, service]) {
    for (const name of ['auth.users', 'users', 'auth.sessions', 'auth.refresh_tokens']) {
      equal(refused(await own.from(name).select('*')).code, 'PGRST205')
    }
    equal((await own.schema('auth').from('users').select('*')).error.code, 'PGRST106')
  }
})
await check('what may be asked without a key', async () => {
  const get = async (path, headers = {}) => (await fetch(`${url}/auth/v1${path}`, { headers })).json()
  const settings = await get('/settings', { apikey: publishable })
  same([settings.external.email, settings.external.anonymous_users, settings.disable_signup, settings.mailer_autoconfirm], [true, true, false, false])
  ok((await get('/health', { apikey: publishable })).name)
  const { keys } = await get('/.well-known/jwks.json')
  ok(keys.length > 0 && keys.every((key) => !('d' in key) && !('k' in key)))
})

end()
