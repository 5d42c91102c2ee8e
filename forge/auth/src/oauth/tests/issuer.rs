//! A provider on this machine: an OpenID Connect issuer that checks what it is asked, and lies when told to.

use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use http::{Request, Response};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use rsa::pkcs8::EncodePrivateKey;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use crate::oauth::outbound::Web;
use crate::oauth::provider::{Credential, Provider, Registration};
use crate::oauth::{Oauth, tests::serve::Server};

/// 2026-01-02T03:04:05Z, when the scenes of the service begin.
pub(crate) const NOW: i64 = 1_767_323_045;
pub(crate) const CLIENT: &str = "app";
const SECRET: &str = "s&cret: %";
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9999/auth/v1/callback";
pub(crate) const ACCESS: &str = "access-token-of-ada";

/// Generating one takes a while, so all tests share it.
static RSA: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = rsa::RsaPrivateKey::new(&mut rand_core::OsRng, 2048).unwrap();
    key.to_pkcs8_der().unwrap().as_bytes().to_vec()
});

/// What the provider does, and what it has seen.
pub(crate) struct Script {
    /// What its document says beyond or other than the usual.
    pub(crate) document: Value,
    /// What its ID tokens claim beyond or other than the usual; `null` leaves a claim out.
    pub(crate) claims: Value,
    /// How they are signed.
    pub(crate) alg: &'static str,
    /// The key that they name.
    pub(crate) kid: Value,
    /// What `/userinfo` says.
    pub(crate) userinfo: Value,
    /// Answers in the place of the usual ones: path, status, body.
    pub(crate) instead: Vec<(&'static str, u16, Vec<u8>)>,
    /// The challenge and the nonce of the last request.
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    /// The paths that were asked.
    pub(crate) seen: Vec<String>,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) script: Arc<Mutex<Script>>,
    ec: Arc<EcdsaKeyPair>,
    ed: Arc<Ed25519KeyPair>,
    _server: Server,
}

impl Issuer {
    pub(crate) async fn start() -> Issuer {
        let script = Arc::new(Mutex::new(Script {
            document: json!({}),
            claims: json!({}),
            alg: "ES256",
            kid: json!("ec"),
            userinfo: json!({}),
            instead: Vec::new(),
            challenge: None,
            nonce: None,
            seen: Vec::new(),
        }));
        let random = SystemRandom::new();
        let signing = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let ec = Arc::new(EcdsaKeyPair::from_pkcs8(signing, der.as_ref(), &random).unwrap());
        let der = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ed = Arc::new(Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap());
        let (told, keys) = (Arc::clone(&script), (Arc::clone(&ec), Arc::clone(&ed)));
        let server = Server::start(move |base, request| answer(base, &told, &keys, &request)).await;
        Issuer { url: server.url.clone(), script, ec, ed, _server: server }
    }

    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Script)) {
        tell(&mut self.script.lock().unwrap());
    }

    /// How often a path was asked.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.script.lock().unwrap().seen.iter().filter(|seen| *seen == path).count()
    }

    /// The registration of the application here, under a name.
    pub(crate) fn registration(&self, name: &str) -> Registration {
        Registration {
            name: name.to_owned(),
            client_id: CLIENT.to_owned(),
            other_client_ids: vec!["app-mobile".to_owned()],
            credential: Credential::Secret(SECRET.to_owned()),
            issuer: Some(self.url.clone()),
            scopes: Vec::new(),
        }
    }

    pub(crate) fn provider(&self) -> Provider {
        Provider::new(self.registration("corporate")).unwrap()
    }

    /// What somebody's browser does with the address: the provider remembers the challenge and the nonce.
    pub(crate) fn visit(&self, url: &Url) -> Map<String, Value> {
        let query: Map<String, Value> = url.query_pairs().map(|(k, v)| (k.into_owned(), json!(v))).collect();
        let said = |name: &str| query.get(name).and_then(Value::as_str).map(str::to_owned);
        self.tell(|script| (script.challenge, script.nonce) = (said("code_challenge"), said("nonce")));
        query
    }

    /// An ID token as the script has it.
    pub(crate) fn id_token(&self) -> String {
        id_token(&self.url, &self.script.lock().unwrap(), &(Arc::clone(&self.ec), Arc::clone(&self.ed)))
    }
}

/// Speaks to providers by the real client, at a pinned time.
pub(crate) fn oauth(clock: &Arc<loki_store::FixedClock>) -> Oauth {
    Oauth::new(Arc::new(Web::new().unwrap()), Arc::clone(clock) as Arc<dyn loki_store::Clock>)
}

pub(crate) fn clock() -> Arc<loki_store::FixedClock> {
    let start = loki_store::Timestamp::from_second(NOW).unwrap();
    Arc::new(loki_store::FixedClock::new(start, std::time::Duration::ZERO))
}

type Pair = (Arc<EcdsaKeyPair>, Arc<Ed25519KeyPair>);

fn answer(base: &str, script: &Mutex<Script>, keys: &Pair, request: &Request<Bytes>) -> Response<Bytes> {
    let mut script = script.lock().unwrap();
    let path = request.uri().path().to_owned();
    script.seen.push(path.clone());
    if let Some(at) = script.instead.iter().position(|(instead, ..)| *instead == path) {
        let (_, status, body) = script.instead.remove(at);
        let moved = ("location", format!("{base}/elsewhere"));
        return Response::builder().status(status).header(moved.0, moved.1).body(body.into()).unwrap();
    }
    let (status, body) = match path.as_str() {
        "/.well-known/openid-configuration" | "/common/v2.0/.well-known/openid-configuration" => {
            (200, document(base, &script.document))
        }
        "/jwks" => (200, jwks(keys)),
        "/token" => token(base, &script, keys, request),
        "/userinfo" if bearer(request) == Some(ACCESS) => (200, script.userinfo.clone()),
        "/device" => {
            let device = json!({
                "device_code": "device-code", "user_code": "WDJB-MJHT", "expires_in": 600, "interval": 7,
                "verification_uri": format!("{base}/enter"),
                "verification_uri_complete": "javascript:alert(1)",
            });
            (200, device)
        }
        _ => (404, json!({})),
    };
    Response::builder().status(status).body(body.to_string().into()).unwrap()
}

fn document(base: &str, more: &Value) -> Value {
    let usual = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "userinfo_endpoint": format!("{base}/userinfo"),
        "jwks_uri": format!("{base}/jwks"),
        "device_authorization_endpoint": format!("{base}/device"),
    });
    laid_over(usual, more)
}

fn token(base: &str, script: &Script, keys: &Pair, request: &Request<Bytes>) -> (u16, Value) {
    let form: Map<String, Value> =
        form_urlencoded::parse(request.body()).map(|(k, v)| (k.into_owned(), json!(v))).collect();
    // Both parts are encoded as forms are, so that the colon in the secret is none between the two.
    let basic = STANDARD.encode("app:s%26cret%3A+%25");
    let header = request.headers().get("authorization").and_then(|header| header.to_str().ok());
    if header != Some(&format!("Basic {basic}")) {
        return (401, json!({ "error": "invalid_client", "error_description": "who\nis that?" }));
    }
    let granted = match form["grant_type"].as_str().unwrap() {
        "authorization_code" => {
            let challenge = BASE64.encode(Sha256::digest(form["code_verifier"].as_str().unwrap()));
            form["code"] == "the-code"
                && form["redirect_uri"] == CALLBACK
                && script.challenge.as_deref() == Some(&challenge)
        }
        grant => {
            grant == "urn:ietf:params:oauth:grant-type:device_code" && form["device_code"] == "device-code"
        }
    };
    if !granted {
        return (400, json!({ "error": "invalid_grant" }));
    }
    let tokens = json!({
        "access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh",
        "id_token": id_token(base, script, keys),
    });
    (200, tokens)
}

fn bearer(request: &Request<Bytes>) -> Option<&str> {
    request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

fn jwks((ec, ed): &Pair) -> Value {
    let (x, y) = ec.public_key().as_ref()[1..].split_at(32);
    let rsa = ring::rsa::KeyPair::from_pkcs8(&RSA).unwrap();
    let rsa: ring::rsa::PublicKeyComponents<Vec<u8>> = rsa.public().into();
    let (n, e) = (BASE64.encode(&rsa.n), BASE64.encode(&rsa.e));
    json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": BASE64.encode(x), "y": BASE64.encode(y) },
        { "kty": "RSA", "kid": "rsa", "n": n, "e": e },
        { "kty": "RSA", "kid": "rsa-for-rs256", "alg": "RS256", "n": n, "e": e },
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": BASE64.encode(ed.public_key().as_ref()) },
        { "kty": "oct", "kid": "shared", "k": BASE64.encode([7; 32]) },
        { "kty": "RSA", "kid": "for-encryption", "use": "enc", "n": n, "e": e },
        "no key at all",
    ] })
}

fn id_token(base: &str, script: &Script, keys: &Pair) -> String {
    let usual = json!({
        "iss": base, "aud": CLIENT, "sub": "ada-1", "exp": NOW + 300, "iat": NOW, "nonce": script.nonce,
        "email": "Ada@Example.org", "email_verified": true, "name": "Ada Lovelace",
        "at_hash": at_hash(script.alg, ACCESS),
    });
    let claims = laid_over(usual, &script.claims);
    let header = laid_over(json!({ "alg": script.alg }), &json!({ "kid": script.kid }));
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = sign(script.alg, text.as_bytes(), keys);
    format!("{text}.{}", BASE64.encode(signature))
}

fn at_hash(alg: &str, token: &str) -> String {
    match alg {
        "EdDSA" => BASE64.encode(&sha2::Sha512::digest(token)[..32]),
        _ => BASE64.encode(&Sha256::digest(token)[..16]),
    }
}

fn sign(alg: &str, text: &[u8], (ec, ed): &Pair) -> Vec<u8> {
    let random = SystemRandom::new();
    let rsa = |padding: &'static dyn signature::RsaEncoding| {
        let pair = ring::rsa::KeyPair::from_pkcs8(&RSA).unwrap();
        let mut out = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &random, text, &mut out).unwrap();
        out
    };
    match alg {
        "ES256" => ec.sign(&random, text).unwrap().as_ref().to_vec(),
        "EdDSA" => ed.sign(text).as_ref().to_vec(),
        "RS256" => rsa(&signature::RSA_PKCS1_SHA256),
        "PS256" => rsa(&signature::RSA_PSS_SHA256),
        // With what everybody can read taken for a secret.
        "HS256" => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, ec.public_key().as_ref());
            ring::hmac::sign(&key, text).as_ref().to_vec()
        }
        _ => Vec::new(),
    }
}

/// An object with the members of another one over it; `null` takes away.
fn laid_over(mut under: Value, over: &Value) -> Value {
    let map = under.as_object_mut().unwrap();
    for (name, value) in over.as_object().unwrap() {
        map.insert(name.clone(), value.clone());
    }
    map.retain(|_, value| !value.is_null());
    under
}
