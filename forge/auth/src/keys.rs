//! The key ring of a project: one file that only its owner can read.
//!
//! Two opaque keys (`sb_publishable_…`, `sb_secret_…`), one secret for HS256 with the two tokens that older
//! clients take for keys, and key pairs that sign: one is current, others were before or will be next.

mod import;
mod material;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use loki_store::{Clock, LockError, ProcessLock, Timestamp, replace_file};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use material::{Algorithm, SigningKey, State};

use crate::token::{Signer, TokenError, sign_shared};

const FILE: &str = "keys.json";
const LOCK: &str = "lock";
const VERSION: u32 = 1;
/// Key pairs that are kept, revoked ones included.
const SIGNING_MAX: usize = 16;
/// Bytes of the name that an imported key brings.
const KID_BYTES_MAX: usize = 128;
/// Seconds for which the two tokens that are keys hold: ten years.
const LEGACY_SECONDS: i64 = 10 * 365 * 86_400;
/// The bytes of a secret for HS256 at least, as RFC 7518, 3.2 wants it.
pub const SHARED_BYTES_MIN: usize = 32;

/// Every key of a project. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    version: u32,
    /// When they were made, in seconds since 1970.
    created_at: i64,
    /// The key that may be in browsers: it is nobody in particular.
    pub publishable: String,
    /// The key of the backend itself: no policy binds it.
    pub secret: String,
    /// The secret of HS256.
    pub jwt_secret: String,
    /// Key pairs that sign, the newest first.
    pub signing: Vec<SigningKey>,
    /// What closes secrets that are kept, and marks refresh tokens. It never changes.
    #[serde(default)]
    pub(crate) seal: String,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A folder or file could not be used.
    #[error("failed to {attempt} `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others can read it.
    #[error("`{}` can be read by others than its owner", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It is no key ring.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A later loki wrote it.
    #[error("the keys have format {found}, this loki reads up to {VERSION}")]
    Newer {
        /// Its format.
        found: u32,
    },
    /// A key could not be made.
    #[error("failed to make a key")]
    Make,
    /// What should be imported is no private key for ES256 or RS256.
    #[error("failed to read a private key for ES256 or RS256 from a JWK or PEM")]
    Import,
    /// Another key has this name.
    #[error("there is a signing key `{kid}` already")]
    Taken {
        /// What was named.
        kid: String,
    },
    /// There is no room for another key pair.
    #[error("there are {SIGNING_MAX} signing keys, and none of them is revoked")]
    Full,
    /// Another process changes them: two changes at once would lose one, and with it a revocation.
    #[error("failed to have the keys alone")]
    Busy(#[source] LockError),
    /// There is no such key.
    #[error("there is no signing key `{kid}`")]
    Unknown {
        /// What was named.
        kid: String,
    },
    /// The current key cannot go.
    #[error("the signing key `{kid}` is the current one")]
    Current {
        /// What was named.
        kid: String,
    },
    /// The secret is too short to be one.
    #[error("a secret for HS256 has at least {SHARED_BYTES_MIN} bytes")]
    Short,
    /// A token could not be signed.
    #[error("failed to sign a token")]
    Sign(#[from] TokenError),
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("signing", &self.signing).finish_non_exhaustive()
    }
}

impl Keys {
    fn make(now: Timestamp) -> Result<Keys, KeysError> {
        Ok(Keys {
            version: VERSION,
            created_at: now.as_second(),
            publishable: format!("sb_publishable_{}", material::random(24)?),
            secret: format!("sb_secret_{}", material::random(32)?),
            jwt_secret: material::random(48)?,
            signing: vec![SigningKey::make(Algorithm::Es256, State::Current, now)?],
            seal: material::random(32)?,
        })
    }

    /// The token that older clients take for the publishable key.
    pub fn anon_jwt(&self) -> Result<String, KeysError> {
        self.legacy("anon")
    }

    /// The token that older clients take for the secret key.
    pub fn service_jwt(&self) -> Result<String, KeysError> {
        self.legacy("service_role")
    }

    fn legacy(&self, role: &str) -> Result<String, KeysError> {
        let claims = json!({
            "iss": "loki", "role": role, "iat": self.created_at, "exp": self.created_at + LEGACY_SECONDS,
        });
        Ok(sign_shared(&claims, self.jwt_secret.as_bytes())?)
    }

    /// The key pair that signs now.
    pub fn current(&self) -> Option<&SigningKey> {
        self.signing.iter().find(|key| key.state == State::Current)
    }

    /// What signs tokens now.
    pub fn signer(&self) -> Result<Signer, KeysError> {
        Ok(self.current().ok_or(KeysError::Make)?.signer()?)
    }

    /// The public halves of every key pair that is not revoked, as a JWK set (RFC 7517).
    pub fn jwks(&self) -> Value {
        let live = self.signing.iter().filter(|key| key.state != State::Revoked);
        json!({ "keys": live.map(SigningKey::public_jwk).collect::<Vec<_>>() })
    }
}

/// A key ring in a folder.
pub struct KeyRing {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    loaded: RwLock<(Arc<Keys>, Stamp)>,
    changing: Mutex<()>,
}

/// What tells one version of the file from another.
type Stamp = (u64, i64, i64);

impl KeyRing {
    /// The keys in `dir`, made where there are none.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<KeyRing, KeysError> {
        let path = dir.join(FILE);
        if !path.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(file("create", dir))?;
            save(&path, &Keys::make(clock.now())?)?;
        }
        let loaded = load(&path)?;
        let ring = KeyRing {
            path,
            clock,
            loaded: RwLock::new((Arc::new(loaded.0), loaded.1)),
            changing: Mutex::default(),
        };
        if ring.keys().seal.is_empty() {
            // A ring from before there were users.
            let seal = material::random(32)?;
            ring.change(|keys| {
                if keys.seal.is_empty() {
                    keys.seal = seal;
                }
                Ok(())
            })?;
        }
        Ok(ring)
    }

    /// The keys.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Reads the file again where another process has changed it; says whether it has.
    pub fn refresh(&self) -> Result<bool, KeysError> {
        let stamp = stamp(&self.path)?;
        if self.loaded.read().unwrap_or_else(PoisonError::into_inner).1 == stamp {
            return Ok(false);
        }
        let (keys, stamp) = load(&self.path)?;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(keys), stamp);
        Ok(true)
    }

    /// Makes a new key pair the current one. The one before still verifies, until it is revoked.
    pub fn rotate(&self, algorithm: Algorithm) -> Result<Arc<Keys>, KeysError> {
        let key = SigningKey::make(algorithm, State::Current, self.clock.now())?;
        self.change(|keys| add(keys, key))
    }

    /// Makes a key pair that waits in `standby`, so that whoever keeps the JWK set for a while knows it before
    /// it signs.
    pub fn stand_by(&self, algorithm: Algorithm) -> Result<Arc<Keys>, KeysError> {
        let key = SigningKey::make(algorithm, State::Standby, self.clock.now())?;
        self.change(|keys| add(keys, key))
    }

    /// Takes a key pair from elsewhere, a private JWK or PEM (at most 32 KiB), into `standby`. It keeps the
    /// `kid` of its JWK.
    pub fn import(&self, text: &str) -> Result<Arc<Keys>, KeysError> {
        let mut pair = import::read(text)?;
        let named = pair.kid.take().filter(|kid| !kid.is_empty() && kid.len() <= KID_BYTES_MAX);
        let kid = named.map_or_else(|| material::random(12), Ok)?;
        let key = SigningKey::import(pair, kid, State::Standby, self.clock.now())?;
        self.change(|keys| add(keys, key))
    }

    /// Makes a key pair of the ring the current one, unless it is revoked. The one before still verifies.
    pub fn promote(&self, kid: &str) -> Result<Arc<Keys>, KeysError> {
        self.change(|keys| {
            let unknown = || KeysError::Unknown { kid: kid.to_owned() };
            let is_it = |key: &SigningKey| key.kid == kid && key.state != State::Revoked;
            let at = keys.signing.iter().position(is_it).ok_or_else(unknown)?;
            retire(keys);
            keys.signing[at].state = State::Current;
            Ok(())
        })
    }

    /// From now on nothing that this key signed holds.
    pub fn revoke(&self, kid: &str) -> Result<Arc<Keys>, KeysError> {
        self.change(|keys| {
            let unknown = || KeysError::Unknown { kid: kid.to_owned() };
            let key = keys.signing.iter_mut().find(|key| key.kid == kid).ok_or_else(unknown)?;
            if key.state == State::Current {
                return Err(KeysError::Current { kid: kid.to_owned() });
            }
            key.state = State::Revoked;
            Ok(())
        })
    }

    /// Takes another secret for HS256, such as that of a project that moves here. What the old one signed
    /// holds no longer.
    pub fn set_jwt_secret(&self, secret: &str) -> Result<Arc<Keys>, KeysError> {
        if secret.len() < SHARED_BYTES_MIN {
            return Err(KeysError::Short);
        }
        self.change(|keys| {
            secret.clone_into(&mut keys.jwt_secret);
            Ok(())
        })
    }

    /// Makes new opaque keys. The old ones open nothing any more.
    pub fn renew(&self) -> Result<Arc<Keys>, KeysError> {
        let fresh = Keys::make(self.clock.now())?;
        self.change(|keys| {
            keys.publishable = fresh.publishable;
            keys.secret = fresh.secret;
            Ok(())
        })
    }

    fn change(&self, act: impl FnOnce(&mut Keys) -> Result<(), KeysError>) -> Result<Arc<Keys>, KeysError> {
        let _here = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = ProcessLock::acquire(&self.path.with_file_name(LOCK), self.clock.as_ref());
        let _alone = lock.map_err(KeysError::Busy)?;
        self.refresh()?;
        let mut keys = self.keys().as_ref().clone();
        act(&mut keys)?;
        save(&self.path, &keys)?;
        self.refresh()?;
        Ok(self.keys())
    }
}

/// Puts a key pair into the ring, in the place of the oldest revoked one where there is no room.
fn add(keys: &mut Keys, key: SigningKey) -> Result<(), KeysError> {
    if keys.signing.iter().any(|other| other.kid == key.kid) {
        return Err(KeysError::Taken { kid: key.kid });
    }
    if keys.signing.len() >= SIGNING_MAX {
        let oldest = keys.signing.iter().rposition(|other| other.state == State::Revoked);
        keys.signing.remove(oldest.ok_or(KeysError::Full)?);
    }
    if key.state == State::Current {
        retire(keys);
    }
    keys.signing.insert(0, key);
    Ok(())
}

fn retire(keys: &mut Keys) {
    for key in keys.signing.iter_mut().filter(|key| key.state == State::Current) {
        key.state = State::Previous;
    }
}

fn load(path: &Path) -> Result<(Keys, Stamp), KeysError> {
    let stamp = stamp(path)?;
    let mode = fs::metadata(path).map_err(file("look at", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeysError::Open { path: path.to_owned() });
    }
    let text = fs::read(path).map_err(file("read", path))?;
    let damaged = |source| KeysError::Damaged { path: path.to_owned(), source };
    let keys: Keys = serde_json::from_slice(&text).map_err(damaged)?;
    if keys.version > VERSION {
        return Err(KeysError::Newer { found: keys.version });
    }
    Ok((keys, stamp))
}

fn save(path: &Path, keys: &Keys) -> Result<(), KeysError> {
    let damaged = |source| KeysError::Damaged { path: path.to_owned(), source };
    let text = serde_json::to_vec_pretty(keys).map_err(damaged)?;
    replace_file(path, &text, 0o600).map_err(file("write", path))
}

fn stamp(path: &Path) -> Result<Stamp, KeysError> {
    let meta = fs::metadata(path).map_err(file("look at", path))?;
    Ok((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

fn file(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeysError {
    let path = path.to_owned();
    move |source| KeysError::File { attempt, path, source }
}

#[cfg(test)]
mod tests;
