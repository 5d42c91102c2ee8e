//! Protected places that are not there yet.
//!
//! A mount can only cover what exists. What changes nothing for git is made before the call, and taken away
//! after the last call that stands on it: removing it under a mount would remove the mount. Anything else
//! that appears where nothing may is taken away after the call.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, ResolveFlags, flock};

use crate::outcome::{Denial, DenialKind};
use crate::plan::{Failure, Place, Plan, doing, is_within};
use crate::policy::Access;

/// What was prepared before the call.
#[derive(Debug)]
pub(super) struct Guards {
    /// The names of what calls have made, locked for as long as this one stands on it.
    made: File,
    /// Paths that must still not be there afterwards.
    absent: Vec<PathBuf>,
    /// Whether an empty `.git` stands where there is no repository.
    pub(super) stands_for_repository: bool,
}

/// Names below `.git` that may be made: git takes them for what they are without.
const EMPTY_FOLDERS: [&str; 5] = ["", "hooks", "modules", "worktrees", "info"];
const FILES: [(&str, &str); 3] = [("config", ""), ("config.worktree", ""), ("commondir", ".\n")];

/// Those of them that are taken away again. The others stay, empty, as git itself leaves many of them: to make
/// and remove them around every call would cost every command several changes of the disk.
const TAKEN_AWAY: [&str; 2] = ["", "commondir"];

/// Bytes of the list of what was made at most.
const MADE_BYTES_MAX: u64 = 1 << 20;

impl Guards {
    /// Looks at every protected or hidden place within one that may be written, and turns the plan's places
    /// into those that are to be covered: such as exist now.
    pub(super) fn prepare(plan: &mut Plan) -> Result<Guards, Failure> {
        let roots: Vec<PathBuf> = writable(&plan.places).map(|place| place.path.clone()).collect();
        let mut guards = Guards {
            made: made_by_calls(plan).map_err(doing("open the list of guards"))?,
            absent: Vec::new(),
            stands_for_repository: false,
        };
        let mut places: Vec<Place> = Vec::new();
        for place in plan.places.drain(..) {
            let guarded = matches!(place.access, Access::Hide | Access::Protect);
            match innermost(&roots, &place.path).filter(|_| guarded) {
                Some(root) => {
                    let covered = guards.cover(root, &place.path)?;
                    places.extend(covered.map(|path| Place { path, access: place.access }));
                }
                None => places.push(place),
            }
        }
        plan.places = places;
        Ok(guards)
    }

    /// What can be covered to guard `path`: itself, or the nearest thing above it that is no folder.
    fn cover(&mut self, root: &Path, path: &Path) -> Result<Option<PathBuf>, Failure> {
        let git = root.join(".git");
        if is_within(path, &git) && is_empty_folder(&git) {
            // There is no repository: it was made for another place of this call, or by another call.
            self.stands_for_repository = true;
            return Ok(Some(git));
        }
        let Ok(below) = path.strip_prefix(root) else { return Ok(None) };
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
                    let made = self.make(&git, &at).map_err(doing(format!("prepare `{}`", at.display())))?;
                    if !made {
                        self.absent.push(path.to_owned());
                    } else if at == git {
                        self.stands_for_repository = true;
                    }
                    return Ok(made.then_some(at));
                }
                Err(error) => return Err(Failure::new(format!("look at `{}`", at.display()), &error)),
            }
        }
        Ok(Some(at))
    }

    /// Makes a thing where that changes nothing for anybody. False where it would.
    fn make(&mut self, git: &Path, path: &Path) -> io::Result<bool> {
        let Ok(name) = path.strip_prefix(git) else { return Ok(false) };
        let file = FILES.iter().find(|(known, _)| Path::new(known) == name);
        if file.is_none() && !EMPTY_FOLDERS.iter().any(|known| Path::new(known) == name) {
            return Ok(false);
        }
        if TAKEN_AWAY.iter().any(|known| Path::new(known) == name) {
            // Noted before it is made, so that it is taken away whatever happens in between.
            self.note(path)?;
        }
        let made = match file {
            Some((_, text)) => File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())),
            None => fs::create_dir(path),
        };
        match made {
            // Another call was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
            other => other.map(|()| true),
        }
    }

    /// Takes away what appeared where nothing may, and what was made where no other call stands on it.
    /// Nothing of this call runs any more.
    pub(super) fn sweep(mut self) -> Vec<Denial> {
        // Where it cannot be done now, the next call does it.
        let _later = self.take_away_made();
        let gone = self.absent.iter().filter(|path| take_away(path));
        let denial = |path: &PathBuf| Denial {
            kind: DenialKind::Protected,
            subject: path.display().to_string(),
            count: 1,
        };
        gone.map(denial).collect()
    }

    /// Adds a path to the list. What was made once is made by most calls after: the list keeps its name.
    fn note(&mut self, path: &Path) -> io::Result<()> {
        if self.noted()?.iter().any(|known| known == path) {
            return Ok(());
        }
        self.made.write_all(&[path.as_os_str().as_bytes(), b"\0"].concat())
    }

    fn noted(&mut self) -> io::Result<Vec<PathBuf>> {
        self.made.seek(SeekFrom::Start(0))?;
        let mut list = Vec::new();
        (&self.made).take(MADE_BYTES_MAX).read_to_end(&mut list)?;
        let paths = list.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(|path| PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()))).collect())
    }

    fn take_away_made(&mut self) -> io::Result<()> {
        flock(&self.made, FlockOperation::NonBlockingLockExclusive)?;
        let mut paths = self.noted()?;
        paths.sort();
        for path in paths.iter().rev() {
            let name = path.file_name().unwrap_or_default();
            let text = FILES.iter().find(|(known, _)| Path::new(known) == Path::new(name));
            // What is no longer as it was made belongs to somebody else now.
            let _kept = match text {
                Some((_, text)) if fs::read(path).is_ok_and(|there| there == text.as_bytes()) => {
                    fs::remove_file(path)
                }
                Some(_) => Ok(()),
                None => fs::remove_dir(path),
            };
        }
        Ok(())
    }
}

/// The list of what calls have made, with a share in its lock.
fn made_by_calls(plan: &Plan) -> io::Result<File> {
    let folder = plan.home.parent().unwrap_or(&plan.home);
    let mut options = File::options();
    let file = options.read(true).append(true).create(true).mode(0o600).open(folder.join("guards"))?;
    flock(&file, FlockOperation::LockShared)?;
    Ok(file)
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
        .filter(|root| is_within(path, root) && path != root.as_path())
        .max_by_key(|root| root.components().count())
        .map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;
    use crate::plan::WayOut;
    use crate::policy::Preset;

    /// A project with these protected places, and its plan.
    fn plan(top: &Path, protected: &[&str]) -> Plan {
        fs::create_dir_all(top.join("project")).unwrap();
        fs::create_dir_all(top.join("state/home")).unwrap();
        let place = |path: PathBuf, access| Place { path, access };
        let mut places = vec![place(top.join("project"), Access::Write)];
        places.extend(protected.iter().map(|path| place(top.join("project").join(path), Access::Protect)));
        Plan {
            level: Level::Isolated,
            landlock_abi: 7,
            command: Vec::new(),
            environment: Vec::new(),
            folder: top.join("project"),
            places,
            links: Vec::new(),
            home: top.join("state/home"),
            tmp: top.join("state/tmp"),
            limits: Preset::Build.policy().limits,
            authorities: None,
            way_out: WayOut::None,
            door: None,
            announces: false,
            listens: false,
        }
    }

    const GIT: [&str; 3] = [".git/hooks", ".git/config", ".git/commondir"];

    #[test]
    fn an_empty_folder_stands_where_there_is_no_repository() {
        let top = tempfile::tempdir().unwrap();
        let mut plan = plan(top.path(), &GIT);
        let guards = Guards::prepare(&mut plan).unwrap();
        let git = top.path().join("project/.git");
        assert!(guards.stands_for_repository && is_empty_folder(&git));
        assert!(plan.places[1..].iter().all(|place| place.path == git), "{:?}", plan.places);
        assert_eq!(guards.sweep(), []);
        assert!(!git.exists());
    }

    #[test]
    fn what_a_repository_lacks_is_made_and_taken_away_again() {
        let top = tempfile::tempdir().unwrap();
        let mut plan = plan(top.path(), &GIT);
        let git = top.path().join("project/.git");
        fs::create_dir(&git).unwrap();
        fs::write(git.join("config"), "[core]\n").unwrap();
        let guards = Guards::prepare(&mut plan).unwrap();
        assert!(!guards.stands_for_repository);
        assert_eq!(fs::read_to_string(git.join("commondir")).unwrap(), ".\n");
        let covered: Vec<PathBuf> = plan.places[1..].iter().map(|place| place.path.clone()).collect();
        assert_eq!(covered, GIT.map(|path| top.path().join("project").join(path)));
        guards.sweep();
        let mut left: Vec<_> = fs::read_dir(&git).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["config", "hooks"], "an empty folder of hooks means the same as none");
    }

    #[test]
    fn what_another_call_stands_on_stays_until_that_has_ended() {
        let top = tempfile::tempdir().unwrap();
        let (mut first, mut second) = (plan(top.path(), &GIT), plan(top.path(), &GIT));
        let git = top.path().join("project/.git");
        let first = Guards::prepare(&mut first).unwrap();
        let second = Guards::prepare(&mut second).unwrap();
        first.sweep();
        assert!(git.exists(), "the second call's mount is on it");
        second.sweep();
        assert!(!git.exists());
        // What a call left that was killed is taken away by the next one.
        fs::create_dir(&git).unwrap();
        let mut third = plan(top.path(), &GIT);
        drop(Guards::prepare(&mut third).unwrap());
        let mut list = File::options().append(true).open(top.path().join("state/guards")).unwrap();
        list.write_all(&[git.as_os_str().as_bytes(), b"\0"].concat()).unwrap();
        Guards::prepare(&mut plan(top.path(), &GIT)).unwrap().sweep();
        assert!(!git.exists());
    }

    #[test]
    fn a_repository_that_was_made_meanwhile_by_somebody_else_stays() {
        let top = tempfile::tempdir().unwrap();
        let mut plan = plan(top.path(), &GIT);
        let guards = Guards::prepare(&mut plan).unwrap();
        let head = top.path().join("project/.git/HEAD");
        fs::write(&head, "ref: refs/heads/main\n").unwrap();
        guards.sweep();
        assert!(head.exists());
    }

    #[test]
    fn anything_else_that_appears_is_taken_away_and_told() {
        let top = tempfile::tempdir().unwrap();
        let mut plan = plan(top.path(), &[".envrc", ".vscode"]);
        let guards = Guards::prepare(&mut plan).unwrap();
        assert_eq!(plan.places.len(), 1, "there is nothing to cover");
        let project = top.path().join("project");
        fs::write(project.join(".envrc"), "evil").unwrap();
        fs::create_dir(project.join(".vscode")).unwrap();
        let denials = guards.sweep();
        assert_eq!(denials.len(), 2, "{denials:?}");
        assert!(!project.join(".envrc").exists() && !project.join(".vscode").exists());
        assert!(project.join(".vscode.loki-removed").is_dir());
    }

    #[test]
    fn a_link_cannot_be_protected() {
        let top = tempfile::tempdir().unwrap();
        let mut plan = plan(top.path(), &GIT);
        std::os::unix::fs::symlink("/tmp", top.path().join("project/.git")).unwrap();
        let refused = Guards::prepare(&mut plan).unwrap_err();
        assert!(refused.to_string().contains("symbolic link"), "{refused}");
    }
}
