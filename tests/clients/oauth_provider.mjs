// The real `oidc-provider` on loopback, with one application registered: its code flow, PKCE, and the flow for devices.
// It tells where it is by one line of JSON, and goes on until it is ended.
// Whoever signs in by `name` is `name@example.org`; a name with `unchecked` in it has an address nobody has checked.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const key = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: alg.toLowerCase(),
})
const client = {
  client_id: 'app',
  // Encoded in a header otherwise than it is written.
  client_secret: 'a+secret: 100% of it',
  // A native application may come back to any port of this machine.
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/auth/v1/callback', 'http://localhost/auth/v1/callback', 'http://127.0.0.1/native'],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  token_endpoint_auth_method: 'client_secret_basic',
  id_token_signed_response_alg: process.env.ID_TOKEN_ALG ?? 'ES256',
}

const server = createServer()
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${server.address().port}`
const provider = new Provider(issuer, {
  clients: [client],
  jwks: { keys: [key('ec', { namedCurve: 'P-256' }, 'ES256'), key('rsa', { modulusLength: 2048 }, 'RS256')] },
  cookies: { keys: ['of a test'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture', 'preferred_username'] },
  features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.org`,
      email_verified: !id.includes('unchecked'),
      name: `${id} of Example`,
      preferred_username: id,
      picture: `https://example.org/${id}.png`,
    }),
  }),
  ttl: { AccessToken: 600, AuthorizationCode: 60, DeviceCode: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
})
provider.on('server_error', (_, error) => console.error(error))
server.on('request', provider.callback())
console.log(JSON.stringify({ issuer, client_id: client.client_id, client_secret: client.client_secret }))
