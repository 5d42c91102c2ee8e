//! A folder of files in place of a mail server: what a project has that has set up none.
//!
//! Each mail is one JSON file, written whole. Its name begins with its time, so names sort as mails came. The
//! newest 1,000 are kept. The folder is its owner's alone: whoever reads these mails is every user.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use loki_store::{Clock, replace_file};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{BODY_BYTES_MAX, Kind, Mail, MailError, Mailer};

/// Mails that are kept.
pub const MAILS_MAX: usize = 1_000;
/// The bytes of a file: two bodies, each of whose bytes may be escaped, and what is around them.
const FILE_BYTES_MAX: u64 = 12 * BODY_BYTES_MAX as u64 + 65_536;
const VERSION: u32 = 1;
/// An id, such as `20261201-040506-123456-0a1b2c3d`: the time in UTC, and eight random digits.
const ID: &str = "dddddddd-dddddd-dddddd-xxxxxxxx";
const EXTENSION: &str = ".json";

/// Why the mailbox could not be used.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
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
    /// Others can look into it.
    #[error("`{}` can be read by others than its owner", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
    },
    /// A file is no mail.
    #[error("`{}` is no mail", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There is no such mail.
    #[error("there is no mail `{id}`")]
    Unknown {
        /// What was asked for, cut to 64 characters.
        id: String,
    },
    /// There is no randomness for a name.
    #[error("failed to name a mail")]
    Name,
    /// The task that writes was stopped.
    #[error("a mail was not written: the task ended")]
    Stopped,
}

/// A mail as it lies in the mailbox.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// When it was sent, such as `2026-12-01T04:05:06.123456Z`.
    pub time: String,
    /// Whom it is to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Why it was written.
    pub kind: Kind,
    /// Its plain body.
    pub text: String,
    /// Its HTML body.
    pub html: String,
    /// The addresses in it; the first is the one to follow.
    pub links: Vec<String>,
    /// The code in it.
    pub code: Option<String>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("kind", &self.kind).field("to", &self.to).finish_non_exhaustive()
    }
}

/// A folder of mails.
#[derive(Clone)]
pub struct Mailbox {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Mailbox {
    /// The mailbox in `folder`, which is made when the first mail comes. A folder that others can look into is
    /// refused.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Mailbox, MailboxError> {
        let mailbox = Mailbox { folder: folder.to_owned(), clock };
        mailbox.check()?;
        Ok(mailbox)
    }

    /// The ids of the mails in it, the newest first, at most [`MAILS_MAX`].
    pub fn list(&self) -> Result<Vec<String>, MailboxError> {
        let mut ids: Vec<String> = self.names()?.iter().filter_map(|name| id_of(name)).collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.truncate(MAILS_MAX);
        Ok(ids)
    }

    /// The mail with this id.
    pub fn read(&self, id: &str) -> Result<Kept, MailboxError> {
        let unknown = || MailboxError::Unknown { id: id.chars().take(64).collect() };
        let name = format!("{id}{EXTENSION}");
        if id_of(&name).is_none() {
            return Err(unknown());
        }
        let path = self.folder.join(name);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(unknown()),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed("read", &path))?;
        let kept: Option<Kept> = serde_json::from_slice(&bytes).ok();
        kept.filter(|kept| kept.version == VERSION).ok_or(MailboxError::Damaged { path })
    }

    /// Puts a mail into it and says under which id. Waits for the disk.
    pub fn put(&self, mail: &Mail) -> Result<String, MailboxError> {
        self.check()?;
        let private = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        private.map_err(failed("create", &self.folder))?;
        let now = self.clock.now();
        let mut random = [0; 4];
        SystemRandom::new().fill(&mut random).map_err(|_| MailboxError::Name)?;
        let time = now.strftime("%Y%m%d-%H%M%S-%6f");
        let id = format!("{time}-{:08x}", u32::from_be_bytes(random));
        let kept = Kept {
            version: VERSION,
            time: format!("{now:.6}"),
            to: mail.to().to_string(),
            subject: mail.subject().to_owned(),
            kind: mail.kind(),
            text: mail.text().to_owned(),
            html: mail.html().to_owned(),
            links: mail.links().to_vec(),
            code: mail.code().map(str::to_owned),
        };
        let path = self.folder.join(format!("{id}{EXTENSION}"));
        let bytes = serde_json::to_vec_pretty(&kept).map_err(|error| failed("write", &path)(error.into()))?;
        replace_file(&path, &bytes, 0o600).map_err(failed("write", &path))?;
        self.prune()?;
        Ok(id)
    }

    /// Removes the oldest mails beyond what is kept, and what a process that died left of one as old.
    fn prune(&self) -> Result<(), MailboxError> {
        let kept = self.list()?;
        let Some(oldest) = kept.get(MAILS_MAX - 1) else { return Ok(()) };
        for name in self.names()? {
            let id = name.trim_start_matches('.').split('.').next().unwrap_or_default();
            let ours = id_of(&format!("{id}{EXTENSION}")).is_some();
            if ours && id < oldest.as_str() {
                let path = self.folder.join(&name);
                match fs::remove_file(&path) {
                    Ok(()) => {}
                    // Another process tidies up as well.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed("remove", &path)(error)),
                }
            }
        }
        Ok(())
    }

    /// The names of the files in the folder; none where there is no folder.
    fn names(&self) -> Result<Vec<String>, MailboxError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("read", &self.folder))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }

    fn check(&self) -> Result<(), MailboxError> {
        match fs::metadata(&self.folder) {
            Ok(meta) if meta.permissions().mode() & 0o077 == 0 => Ok(()),
            Ok(_) => Err(MailboxError::Open { path: self.folder.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("look at", &self.folder)(error)),
        }
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let (mailbox, mail) = (self.clone(), mail.clone());
        let written = tokio::task::spawn_blocking(move || mailbox.put(&mail)).await;
        written.map_err(|_| MailboxError::Stopped)??;
        Ok(())
    }
}

/// The id in the name of a file, if it is one of ours.
fn id_of(name: &str) -> Option<String> {
    let id = name.strip_suffix(EXTENSION)?;
    let fits = |(byte, form): (u8, u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        form => byte == form,
    };
    (id.len() == ID.len() && id.bytes().zip(ID.bytes()).all(fits)).then(|| id.to_owned())
}

fn failed(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MailboxError {
    let path = path.to_owned();
    move |source| MailboxError::File { attempt, path, source }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use loki_store::FixedClock;

    use super::super::address::Address;
    use super::*;

    fn clock() -> Arc<FixedClock> {
        Arc::new(FixedClock::new("2026-12-01T04:05:06.123456Z".parse().unwrap(), Duration::from_micros(1)))
    }

    fn mail(subject: &str) -> Mail {
        let to = Address::parse("ann@example.org").unwrap();
        let text = "Go to https://app.example/x or enter 314159".to_owned();
        let mail = Mail::new(Kind::MagicLink, to, subject.to_owned(), text, "<p>x</p>".to_owned());
        mail.unwrap().with_tokens(Some("314159"), None)
    }

    fn mailbox(folder: &Path) -> Mailbox {
        Mailbox::open(&folder.join("mail"), clock()).unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = mailbox(dir.path());
        assert_eq!(mailbox.list().unwrap(), Vec::<String>::new());
        mailbox.send(&mail("one")).await.unwrap();
        mailbox.send(&mail("two")).await.unwrap();
        let ids = mailbox.list().unwrap();
        let subjects: Vec<String> = ids.iter().map(|id| mailbox.read(id).unwrap().subject).collect();
        assert_eq!(subjects, ["two", "one"], "the newest first");
        let kept = mailbox.read(&ids[1]).unwrap();
        assert_eq!(
            (kept.time.as_str(), kept.to.as_str()),
            ("2026-12-01T04:05:06.123456Z", "ann@example.org")
        );
        assert_eq!(
            (kept.links, kept.code),
            (vec!["https://app.example/x".to_owned()], Some("314159".to_owned()))
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.path().join("mail")), 0o700);
        assert_eq!(mode(&dir.path().join("mail").join(format!("{}.json", ids[0]))), 0o600);
    }

    #[test]
    fn a_mailbox_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = mailbox(dir.path());
        mailbox.put(&mail("one")).unwrap();
        fs::set_permissions(dir.path().join("mail"), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(mailbox.put(&mail("two")), Err(MailboxError::Open { .. })));
        assert!(matches!(Mailbox::open(&dir.path().join("mail"), clock()), Err(MailboxError::Open { .. })));
    }

    #[test]
    fn an_id_leads_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = mailbox(dir.path());
        let id = mailbox.put(&mail("one")).unwrap();
        fs::write(dir.path().join("20261201-040506-123456-0a0b0c0d.json"), "{}").unwrap();
        for id in [
            "",
            "../20261201-040506-123456-0a0b0c0d",
            "/etc/passwd",
            "20261201-040506-123456-0a0b0c0d",
            &id[1..],
            &id.to_uppercase(),
        ] {
            let read = mailbox.read(id);
            assert!(matches!(read, Err(MailboxError::Unknown { .. })), "{id}: {read:?}");
        }
    }

    #[test]
    fn what_is_no_mail_is_told_or_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = mailbox(dir.path());
        let id = mailbox.put(&mail("one")).unwrap();
        fs::write(dir.path().join("mail/notes.txt"), "x").unwrap();
        assert_eq!(mailbox.list().unwrap(), [id.as_str()]);
        let path = dir.path().join("mail").join(format!("{id}.json"));
        let newer = fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2");
        for text in ["{", "{}", &newer] {
            fs::write(&path, text).unwrap();
            assert!(matches!(mailbox.read(&id), Err(MailboxError::Damaged { .. })));
        }
    }

    #[test]
    fn the_newest_thousand_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = mailbox(dir.path());
        let first = mailbox.put(&mail("first")).unwrap();
        let folder = dir.path().join("mail");
        // Older than those that follow and written directly: a thousand syncs of the disk would take their time.
        for n in 0..MAILS_MAX {
            fs::write(folder.join(format!("30000101-000000-{n:06}-00000000.json")), "{}").unwrap();
        }
        let left = folder.join(format!(".{first}.json.new"));
        fs::write(&left, "half").unwrap();
        fs::write(folder.join("0.txt"), "of somebody else").unwrap();
        let last = Mailbox::open(
            &folder,
            Arc::new(FixedClock::new("3001-01-01T00:00:00Z".parse().unwrap(), Duration::ZERO)),
        );
        let last = last.unwrap().put(&mail("last")).unwrap();
        let ids = mailbox.list().unwrap();
        assert_eq!(ids.len(), MAILS_MAX);
        assert!(!ids.contains(&first) && !left.exists());
        assert!(folder.join("0.txt").exists());
        assert!(fs::read_dir(&folder).unwrap().count() <= MAILS_MAX + 1);
        assert_eq!(ids[0], last);
    }
}
