//! An authenticator in software, for tests: it signs whatever it is told to, also what a real one and a real
//! browser would refuse.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// A key, and how the next ceremony goes.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: Option<String>,
    /// The page that it is used on.
    pub(crate) origin: String,
    /// The domain it signs for, where it is not that of the options.
    pub(crate) domain: Option<String>,
    /// What it counts; goes on by one with every answer.
    pub(crate) counter: u32,
    /// Whether it counts at all; otherwise it always says 0.
    pub(crate) counts: bool,
    /// Whether it knows its user, and not only that there is one.
    pub(crate) verifies: bool,
    /// Whether it says that it keeps its passkeys; `None` where it says nothing.
    pub(crate) keeps: Option<bool>,
    /// Whether it tells for which user it answers.
    pub(crate) tells_user: bool,
}

impl Authenticator {
    /// One that is used on `origin`, verifies its user, keeps passkeys and counts from 1.
    pub(crate) fn on(origin: &str) -> Authenticator {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let id = digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec();
        Authenticator {
            key,
            id,
            user: None,
            origin: origin.to_owned(),
            domain: None,
            counter: 0,
            counts: true,
            verifies: true,
            keeps: Some(true),
            tells_user: true,
        }
    }

    /// `navigator.credentials.create` and `toJSON`.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        self.user = options["user"]["id"].as_str().map(str::to_owned);
        let domain = options["rp"]["id"].as_str().unwrap();
        let mut data = self.data(domain, ATTESTED);
        data.extend([0; 16]);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose_key());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend((data.len() as u16).to_be_bytes());
        object.extend(data);
        json!({
            "id": BASE64.encode(&self.id),
            "rawId": BASE64.encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": match self.keeps {
                Some(keeps) => json!({ "credProps": { "rk": keeps } }),
                None => json!({}),
            },
            "response": {
                "clientDataJSON": BASE64.encode(self.client_data("webauthn.create", options)),
                "attestationObject": BASE64.encode(object),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// `navigator.credentials.get` and `toJSON`.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(options["rpId"].as_str().unwrap(), 0);
        let mut signed = data.clone();
        signed.extend(digest(&SHA256, client_data.as_bytes()).as_ref());
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": BASE64.encode(&self.id),
            "rawId": BASE64.encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": BASE64.encode(client_data),
                "authenticatorData": BASE64.encode(data),
                "signature": BASE64.encode(signature),
                "userHandle": self.user.clone().filter(|_| self.tells_user),
            },
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
    }

    fn data(&mut self, domain: &str, flags: u8) -> Vec<u8> {
        self.counter = if self.counts { self.counter + 1 } else { 0 };
        let domain = self.domain.as_deref().unwrap_or(domain);
        let mut data = digest(&SHA256, domain.as_bytes()).as_ref().to_vec();
        data.push(flags | PRESENT | if self.verifies { VERIFIED } else { 0 });
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn cose_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        key.extend(&point[1..33]);
        key.extend(b"\x22\x58\x20");
        key.extend(&point[33..65]);
        key
    }
}
