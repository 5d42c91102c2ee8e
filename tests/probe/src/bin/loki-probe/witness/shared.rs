//! Memory, semaphores, messages and keys that the witness shares with its user.

use std::fs;
use std::io;

use crate::sys::{Refusal, call, holds, text};

pub(super) struct Shared {
    segment: i32,
    semaphore: i32,
    messages: i32,
    key: Option<i64>,
    file: String,
    token: String,
}

const PRIVATE: i32 = 0;
const REMOVE: i32 = 0;
const USER_KEYRING: i32 = -4;

impl Shared {
    pub(super) fn make(token: &str) -> Result<Shared, Refusal> {
        let segment = call!(libc::SYS_shmget, PRIVATE, 4096, 0o600 | libc::IPC_CREAT)?;
        let start = call!(libc::SYS_shmat, segment, 0, 0)?;
        let target = std::ptr::with_exposed_provenance_mut::<u8>(start as usize);
        // SAFETY: the segment was attached just now and is a page long, longer than any token.
        unsafe { std::ptr::copy_nonoverlapping(token.as_ptr(), target, token.len()) };
        let semaphore = call!(libc::SYS_semget, PRIVATE, 1, 0o600 | libc::IPC_CREAT)?;
        let messages = call!(libc::SYS_msgget, PRIVATE, 0o600 | libc::IPC_CREAT)?;
        let name = format!("loki-probe-{token}");
        let (kind, described) = (text("user"), text(&name));
        let key = call!(libc::SYS_add_key, kind, described, token.as_ptr(), token.len(), USER_KEYRING);
        let file = format!("/dev/shm/{name}");
        fs::write(&file, token)?;
        Ok(Shared {
            segment: segment as i32,
            semaphore: semaphore as i32,
            messages: messages as i32,
            key: key.ok(),
            file,
            token: token.to_owned(),
        })
    }

    /// Where to find them.
    pub(super) fn report(&self) -> String {
        let Shared { segment, semaphore, messages, file, token, .. } = self;
        format!(
            "shm={segment} semaphore={semaphore} messages={messages} devshm={file} key=loki-probe-{token}"
        )
    }

    /// What was done to them.
    pub(super) fn hits(&self) -> io::Result<Vec<String>> {
        let mut hits = Vec::new();
        let get_value = 12;
        if call!(libc::SYS_semctl, self.semaphore, 0, get_value, 0)? != 0 {
            hits.push("semaphore".into());
        }
        let mut message = [0_u64; 2];
        if call!(libc::SYS_msgrcv, self.messages, message.as_mut_ptr(), 8, 0, libc::IPC_NOWAIT).is_ok() {
            hits.push("message-queue".into());
        }
        if !fs::read(&self.file)
            .is_ok_and(|bytes| holds(&bytes, &self.token) && bytes.len() == self.token.len())
        {
            hits.push("shared file".into());
        }
        Ok(hits)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // What cannot be taken away was taken away by an act.
        let _gone = call!(libc::SYS_shmctl, self.segment, REMOVE, 0);
        let _gone = call!(libc::SYS_semctl, self.semaphore, 0, REMOVE, 0);
        let _gone = call!(libc::SYS_msgctl, self.messages, REMOVE, 0);
        let _gone = fs::remove_file(&self.file);
        if let Some(key) = self.key {
            let unlink = 9;
            let _gone = call!(libc::SYS_keyctl, unlink, key, USER_KEYRING, 0, 0);
        }
    }
}
