//! Protected places that are not there yet.
//!
//! A mount can only cover what exists. What git would make anyway, empty, is made before the call and
//! taken away after it where it is still empty; anything else that appears is taken away after the call.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};

use crate::outcome::{Denial, DenialKind};
use crate::plan::{Failure, Place, doing};
use crate::policy::Access;

/// What was prepared before the call.
#[derive(Debug, Default)]
pub(super) struct Guards {
    /// Folders and files that were made, outermost first.
    made: Vec<PathBuf>,
    /// Paths that must still not be there afterwards.
    absent: Vec<PathBuf>,
}

/// Names below `.git` that may be made empty: git takes them for what they are without.
const EMPTY_FOLDERS: [&str; 5] = [".git", ".git/hooks", ".git/modules", ".git/worktrees", ".git/info"];
const EMPTY_FILES: [&str; 2] = [".git/config", ".git/config.worktree"];

impl Guards {
    /// Looks at every protected or hidden place within one that may be written, and returns them as they
    /// are to be covered: those that exist now.
    pub(super) fn prepare(places: &mut Vec<Place>) -> Result<Guards, Failure> {
        let roots: Vec<PathBuf> = writable(places).map(|place| place.path.clone()).collect();
        let mut guards = Guards::default();
        let mut covered = Vec::new();
        for place in places.iter().filter(|place| place.access <= Access::Protect && place.access != Access::Read) {
            let Some(root) = innermost(&roots, &place.path) else { continue };
            if let Some(path) = guards.cover(root, &place.path)? {
                covered.push(Place { path, access: place.access });
            }
        }
        let kept = |place: &Place| {
            place.access == Access::Read || place.access == Access::Write || innermost(&roots, &place.path).is_none()
        };
        places.retain(kept);
        places.extend(covered);
        Ok(guards)
    }

    /// What can be covered to guard `path`: itself, or the nearest thing above it that is no folder.
    fn cover(&mut self, root: &Path, path: &Path) -> Result<Option<PathBuf>, Failure> {
        let Ok(below) = path.strip_prefix(root) else { return Ok(None) };
        let git = root.join(".git");
        if path.starts_with(&git) && is_empty_folder(&git) {
            // There is no repository: made for an earlier place, or left by a call that was killed.
            if !self.made.contains(&git) {
                self.made.push(git.clone());
            }
            return Ok(Some(git));
        }
        let mut at = root.to_owned();
        for part in below {
            at.push(part);
            match fs::symlink_metadata(&at) {
                Ok(meta) if meta.is_symlink() => {
                    let cause = "it is a symbolic link, which cannot be protected";
                    return Err(Failure::new(format!("protect `{}`", at.display()), &cause));
                }
                Ok(meta) if meta.is_dir() => {}
                // A file where a folder was expected, such as the `.git` of a linked work tree.
                Ok(_) => return Ok(Some(at)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !self.make(root, &at).map_err(doing(format!("prepare `{}`", at.display())))? {
                        self.absent.push(path.to_owned());
                        return Ok(None);
                    }
                    if at.ends_with(".git") {
                        return Ok(Some(at)); // All of it: there is no repository yet.
                    }
                }
                Err(error) => return Err(Failure::new(format!("look at `{}`", at.display()), &error)),
            }
        }
        Ok(Some(at))
    }

    /// Makes an empty thing where that changes nothing for anybody. False where it would.
    fn make(&mut self, root: &Path, path: &Path) -> io::Result<bool> {
        let is = |names: &[&str]| names.iter().any(|name| root.join(name) == path);
        if is(&EMPTY_FOLDERS) {
            fs::create_dir(path)?;
        } else if is(&EMPTY_FILES) {
            drop(File::create_new(path)?);
        } else {
            return Ok(false);
        }
        self.made.push(path.to_owned());
        Ok(true)
    }

    /// Takes away what was made and is still empty, and what appeared where nothing may be. Everything
    /// that could put it there again has ended, and no mount covers anything any more.
    pub(super) fn sweep(self) -> Vec<Denial> {
        for path in self.made.iter().rev() {
            let empty_file = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.size() == 0);
            // What is no longer empty belongs to somebody else now.
            let _kept = if empty_file { fs::remove_file(path) } else { fs::remove_dir(path) };
        }
        let mut denials = Vec::new();
        for path in self.absent {
            if take_away(&path) {
                denials.push(Denial {
                    kind: DenialKind::Protected,
                    subject: path.display().to_string(),
                    count: 1,
                });
            }
        }
        denials
    }
}

fn is_empty_folder(path: &Path) -> bool {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    is_folder && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Removes what is at `path`, never following a link on the way. True where something was there.
fn take_away(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::openat2(CWD, folder, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) else {
        return false; // The folder is not there, or is another one: nobody will look for it below a link.
    };
    match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) => true,
        Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {
            // A folder cannot stand where a file is read; moved out of the way, it is kept for people.
            let aside = format!("{}.loki-removed", name.to_string_lossy());
            rustix::fs::renameat(&folder, name, &folder, aside.as_str()).is_ok()
        }
        Err(_) => false,
    }
}

/// The places that may be written.
pub(super) fn writable(places: &[Place]) -> impl Iterator<Item = &Place> {
    places.iter().filter(|place| place.access == Access::Write)
}

/// The innermost of `roots` that `path` is below.
fn innermost<'a>(roots: &'a [PathBuf], path: &Path) -> Option<&'a Path> {
    roots
        .iter()
        .filter(|root| path.starts_with(root) && path != root.as_path())
        .max_by_key(|root| root.components().count())
        .map(PathBuf::as_path)
}
