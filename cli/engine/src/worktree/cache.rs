//! Remembers the hashes of files that have not changed since they were read.
//!
//! It only saves time: what is damaged or missing is made anew. Several processes may look at a work tree
//! at a time, and any of them may die: each writes a file of its own and puts it in place whole.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use git2::Oid;
use sha2::{Digest, Sha256};

use super::beneath::Stamp;

const MAGIC: &[u8; 8] = b"lokisee1";
const DIGEST: usize = 32;
const OID: usize = 20;

/// The hashes of the files that were seen, by path.
pub(super) struct Cache {
    known: HashMap<Vec<u8>, (Stamp, Oid)>,
    next: Vec<u8>,
    shared: PathBuf,
    own: PathBuf,
    /// When this look began, by the clock of the file system.
    began: i64,
}

impl Cache {
    /// What is remembered in the `state` folder.
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        clear(state)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let own = state.join(format!("snapshot-{}.{number}.index", process::id()));
        fs::write(&own, b"")?;
        let meta = fs::symlink_metadata(&own)?;
        let began = meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec());
        let shared = state.join("snapshot.index");
        let known = fs::read(&shared).ok().and_then(|bytes| parse(&bytes)).unwrap_or_default();
        Ok(Self { known, next: MAGIC.to_vec(), shared, own, began })
    }

    /// The hash of a file that has not changed since.
    pub(super) fn get(&self, path: &[u8], stamp: &Stamp) -> Option<Oid> {
        self.known.get(path).filter(|(known, _)| known == stamp).map(|(_, id)| *id)
    }

    /// Remembers a hash. A file that changed just now may change again without a trace in its times, so
    /// it is read again the next time.
    pub(super) fn put(&mut self, path: &[u8], stamp: &Stamp, id: Oid) {
        let Ok(length) = u32::try_from(path.len()) else { return };
        if stamp.changed >= self.began || stamp.modified >= self.began {
            return;
        }
        self.next.extend(length.to_le_bytes());
        self.next.extend(path);
        self.next.extend(stamp.mode.to_le_bytes());
        for number in [stamp.size, stamp.modified as u64, stamp.changed as u64, stamp.device, stamp.inode] {
            self.next.extend(number.to_le_bytes());
        }
        self.next.extend(id.as_bytes());
    }

    /// Puts what was remembered in place.
    pub(super) fn close(mut self) -> io::Result<()> {
        let digest = Sha256::digest(&self.next);
        self.next.extend(digest);
        fs::write(&self.own, &self.next)?;
        fs::rename(&self.own, &self.shared)
    }
}

/// Removes what processes left that are gone, or that had our number before us.
fn clear(state: &Path) -> io::Result<()> {
    for entry in fs::read_dir(state)?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = file.strip_prefix("snapshot-") else { continue };
        let Some(pid) = rest.split('.').next().and_then(|pid| pid.parse::<u32>().ok()) else { continue };
        let is_live = if pid == process::id() {
            // Ours have a number: another thread may be at work.
            rest.split('.').nth(1).is_some_and(|number| number.parse::<u64>().is_ok())
        } else {
            Path::new(&format!("/proc/{pid}")).exists()
        };
        if !is_live {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn parse(bytes: &[u8]) -> Option<HashMap<Vec<u8>, (Stamp, Oid)>> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut known = HashMap::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(*taken(&mut rest)?);
        let (path, after) = rest.split_at_checked(length as usize)?;
        rest = after;
        let mode = u32::from_le_bytes(*taken(&mut rest)?);
        let size = u64::from_le_bytes(*taken(&mut rest)?);
        let modified = i64::from_le_bytes(*taken(&mut rest)?);
        let changed = i64::from_le_bytes(*taken(&mut rest)?);
        let device = u64::from_le_bytes(*taken(&mut rest)?);
        let inode = u64::from_le_bytes(*taken(&mut rest)?);
        let id = Oid::from_bytes(taken::<OID>(&mut rest)?).ok()?;
        known.insert(path.to_vec(), (Stamp { mode, size, modified, changed, device, inode }, id));
    }
    Some(known)
}

fn taken<'b, const N: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(first)
}
