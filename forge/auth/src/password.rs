//! Passwords: argon2id (RFC 9106) at OWASP's parameters, on threads of their own.
//!
//! A hash takes tens of milliseconds of a processor and 19 MiB, and that is the point of it. So it is made by a
//! few threads that yield to everything else, and what does not fit into their queue is refused at once: a storm
//! of sign-ins makes sign-ins slow, and nothing else.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use crate::error::{AuthError, Code};
use crate::random;
use crate::settings::Settings;

/// Bytes of a password: more is work without use.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;
/// KiB, passes and lanes of new hashes (OWASP, Password Storage Cheat Sheet).
const PARAMETERS: (u32, u32, u32) = (19_456, 2, 1);
/// KiB and passes of hashes from elsewhere that are still verified.
const FOREIGN_MAX: (u32, u32, u32) = (65_536, 10, 4);
/// Hashes that wait.
const WAITING_MAX: usize = 64;
/// Threads at the most. One processor is left to everybody else where there is more than one: whoever wakes up finds
/// it free, and need not wait for the end of a hash's turn, which niceness does not shorten.
const THREADS_MAX: usize = 4;
/// How far the threads stand back (nice(2)).
const NICE: i32 = 10;
const HASH_BYTES: usize = 32;

/// Makes and verifies hashes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hasher {
    jobs: SyncSender<Job>,
    /// A hash of nobody's password, so that somebody who is not there takes as long as somebody who is.
    nobody: Arc<str>,
}

struct Job {
    password: String,
    work: Work,
    answer: oneshot::Sender<Option<String>>,
}

enum Work {
    Make([u8; 16]),
    /// The answer is the hash itself where it fits.
    Verify(String),
}

/// A hash, taken apart.
struct Parsed {
    parameters: (u32, u32, u32),
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Hasher {
    /// Starts the threads. They end when the last copy is gone.
    pub(crate) fn start() -> Result<Hasher, AuthError> {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (processors - 1).clamp(1, THREADS_MAX);
        let failed = |_| AuthError::new(Code::UnexpectedFailure);
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new().name("forge-auth-hash".to_owned());
            thread.spawn(move || work(&waiting)).map_err(failed)?;
        }
        let salt = random::bytes::<16>()?;
        let nobody = format_hash(PARAMETERS, &salt, &random::bytes::<HASH_BYTES>()?);
        Ok(Hasher { jobs, nobody: nobody.into() })
    }

    /// The hash of a password, in the PHC string format.
    pub(crate) async fn make(&self, password: &str) -> Result<String, AuthError> {
        let made = self.ask(password, Work::Make(random::bytes()?)).await?;
        made.ok_or_else(|| AuthError::new(Code::UnexpectedFailure))
    }

    /// Whether a password has this hash. Without a hash it has not, after the same time.
    pub(crate) async fn fits(&self, password: &str, hash: Option<&str>) -> Result<bool, AuthError> {
        let against = hash.unwrap_or(&self.nobody).to_owned();
        let fits = self.ask(password, Work::Verify(against)).await?.is_some();
        Ok(fits && hash.is_some())
    }

    async fn ask(&self, password: &str, work: Work) -> Result<Option<String>, AuthError> {
        let (answer, answered) = oneshot::channel();
        let job = Job { password: password.to_owned(), work, answer };
        let crowded = |_| AuthError::new(Code::OverRequestRateLimit).after(1);
        self.jobs.try_send(job).map_err(crowded)?;
        answered.await.map_err(|_| AuthError::new(Code::UnexpectedFailure))
    }
}

/// What is wrong with a new password, if anything.
pub(crate) fn judge(settings: &Settings, password: &str) -> Result<(), AuthError> {
    let least = settings.password_length_min.max(1);
    if password.len() > PASSWORD_BYTES_MAX {
        let message = format!("Password cannot be longer than {PASSWORD_BYTES_MAX} bytes");
        return Err(AuthError::invalid(message));
    }
    let mut reasons = Vec::new();
    if password.chars().count() < least {
        reasons.push("length");
    }
    let has_one_of = |set: &String| password.chars().any(|c| set.contains(c));
    if !settings.password_characters.iter().all(has_one_of) {
        reasons.push("characters");
    }
    match reasons.as_slice() {
        [] => Ok(()),
        ["characters"] => {
            let sets = settings.password_characters.join(", ");
            let message = format!("Password should contain at least one character of each: {sets}");
            Err(AuthError::weak(message, &reasons))
        }
        _ => Err(AuthError::weak(format!("Password should be at least {least} characters."), &reasons)),
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    // Where this is refused, hashes are only less polite.
    rustix::process::setpriority_process(None, NICE).unwrap_or_default();
    let mut memory = Vec::new();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if job.answer.is_closed() {
            continue; // Whoever asked is gone.
        }
        let done = match &job.work {
            Work::Make(salt) => hash(&job.password, PARAMETERS, salt, HASH_BYTES, &mut memory)
                .map(|hash| format_hash(PARAMETERS, salt, &hash)),
            Work::Verify(text) => parse(text).and_then(|known| {
                let length = known.hash.len();
                let ours = hash(&job.password, known.parameters, &known.salt, length, &mut memory)?;
                let same: bool = ours.ct_eq(&known.hash).into();
                same.then(|| text.clone())
            }),
        };
        job.answer.send(done).unwrap_or_default();
    }
}

fn hash(
    password: &str,
    (kibibytes, passes, lanes): (u32, u32, u32),
    salt: &[u8],
    length: usize,
    memory: &mut Vec<Block>,
) -> Option<Vec<u8>> {
    let params = Params::new(kibibytes, passes, lanes, Some(length)).ok()?;
    memory.resize(params.block_count().max(memory.len()), Block::default());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = vec![0; length];
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut out, memory.as_mut_slice()).ok()?;
    Some(out)
}

fn format_hash((kibibytes, passes, lanes): (u32, u32, u32), salt: &[u8], hash: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={kibibytes},t={passes},p={lanes}${}${}",
        BASE64.encode(salt),
        BASE64.encode(hash)
    )
}

/// Takes a hash apart, if it is one that is verified here.
fn parse(text: &str) -> Option<Parsed> {
    let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
    let (parameters, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = parameters.split(',').map(|pair| pair.split_once('='));
    let mut number = |name: &str, max: u32| {
        let (found, value) = numbers.next()??;
        value.parse::<u32>().ok().filter(|value| found == name && (1..=max).contains(value))
    };
    let parameters = (number("m", FOREIGN_MAX.0)?, number("t", FOREIGN_MAX.1)?, number("p", FOREIGN_MAX.2)?);
    let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
    let fits = parts.next().is_none() && (8..=64).contains(&salt.len()) && (16..=64).contains(&hash.len());
    fits.then_some(Parsed { parameters, salt, hash })
}

/// Whether a hash from elsewhere can be verified here.
pub(crate) fn is_hash(text: &str) -> bool {
    parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other() {
        let hasher = Hasher::start().unwrap();
        let hash = hasher.make("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.fits("correct horse", Some(&hash)).await.unwrap());
        assert!(!hasher.fits("correct horsf", Some(&hash)).await.unwrap());
        assert!(!hasher.fits("correct horse", None).await.unwrap());
        assert_ne!(hash, hasher.make("correct horse").await.unwrap(), "salted");
    }

    /// From the reference implementation of argon2 (`echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1`).
    #[tokio::test]
    async fn hashes_from_elsewhere_are_verified() {
        let hasher = Hasher::start().unwrap();
        let foreign =
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(hasher.fits("password", Some(foreign)).await.unwrap());
        assert!(!hasher.fits("passwore", Some(foreign)).await.unwrap());
    }

    #[test]
    fn hashes_that_would_take_too_much_are_none() {
        let good = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(is_hash(good));
        for (from, to) in [
            ("m=65536", "m=4000000"),
            ("t=2", "t=99"),
            ("p=1", "p=0"),
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=65536,t=2", "t=2,m=65536"),
            ("$c29tZXNhbHQ$", "$$"),
        ] {
            assert!(!is_hash(&good.replace(from, to)), "{to}");
        }
        assert!(!is_hash(&format!("{good}$")) && !is_hash(""));
    }

    #[test]
    fn weak_passwords_say_why() {
        let settings = Settings {
            password_length_min: 8,
            password_characters: vec!["0123456789".to_owned()],
            ..Settings::default()
        };
        let reasons = |password: &str| {
            let error = judge(&settings, password).unwrap_err();
            error.more.unwrap().1["reasons"].as_array().unwrap().len()
        };
        assert_eq!(judge(&settings, "password1"), Ok(()));
        assert_eq!((reasons("short1"), reasons("longenough"), reasons("x")), (1, 1, 2));
        assert_eq!(judge(&settings, &"1".repeat(300)).unwrap_err().code, Code::ValidationFailed);
    }
}
