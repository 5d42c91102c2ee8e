//! Goes through folders: sorted, bounded, without following links, leaving out what git ignores.

use std::ffi::CString;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use loki_sandbox::policy::{Access, Files};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, statat};

use super::ignored::Rules;
use super::{FileError, Place, Project, beneath, names};

/// Entries that a walk looks at in all.
pub const WALKED_MAX: usize = 200_000;
/// Folders within each other that a walk enters.
const DEPTH_MAX: usize = 64;

/// Something that a walk came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path from the root. Not always UTF-8.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
    /// A symbolic link, which no tool follows.
    Link,
    /// A pipe, a socket or a device.
    Special,
}

/// What a walk could not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// Folders that could not be opened.
    pub closed: u64,
    /// True where there were more than [`WALKED_MAX`] entries; the rest were not looked at.
    pub cut: bool,
}

impl Entry {
    /// The entry as a place; none where its name is no UTF-8, so that no tool can name it.
    pub fn place(&self) -> Option<Place> {
        Place::found(&self.path)
    }
}

struct Todo {
    entry: Entry,
    depth: usize,
    rules: Option<Rc<Rules>>,
}

/// Shows `visit` what is below `start`, at most `depth_max` folders deep (1: only what is in it), each folder
/// before what is in it. What git ignores is left out, but not `start` itself; so are folders of loki's and
/// git's own and what the policy hides. `visit` may end it.
pub(super) fn walk(
    project: &Project,
    start: &Place,
    depth_max: usize,
    visit: &mut dyn FnMut(Entry) -> ControlFlow<()>,
) -> Result<Walked, FileError> {
    let files = project.rules.places.as_ref().map(|places| project.rules.policy.files_at(places));
    let mut walk = Walk { project, files, seen: 0, walked: Walked::default() };
    let depth_max = depth_max.min(DEPTH_MAX);
    let rules = rules_at(project, start);
    let mut todo = Vec::new();
    walk.fill(start.path().as_bytes(), 1, rules.as_ref(), &mut todo)?;
    while let Some(Todo { entry, depth, rules }) = todo.pop() {
        let folder = (entry.kind == Kind::Folder && depth < depth_max).then(|| entry.path.clone());
        if visit(entry).is_break() {
            break;
        }
        let Some(folder) = folder else { continue };
        let rules = Rules::within(project, &folder, rules);
        if walk.fill(&folder, depth + 1, rules.as_ref(), &mut todo).is_err() {
            walk.walked.closed += 1;
        }
    }
    Ok(walk.walked)
}

struct Walk<'a> {
    project: &'a Project,
    files: Option<Files<'a>>,
    seen: usize,
    walked: Walked,
}

impl Walk<'_> {
    /// Puts what is in a folder on the pile, the last one first.
    fn fill(
        &mut self,
        folder: &[u8],
        depth: usize,
        rules: Option<&Rc<Rules>>,
        todo: &mut Vec<Todo>,
    ) -> Result<(), FileError> {
        let mut entries = self.entries(folder)?;
        entries.sort_unstable_by(|left, right| right.path.cmp(&left.path));
        let kept = entries.into_iter().filter(|entry| {
            let is_folder = entry.kind == Kind::Folder;
            !rules.is_some_and(|rules| rules.leave_out(&entry.path, is_folder))
        });
        todo.extend(kept.map(|entry| Todo { entry, depth, rules: rules.cloned() }));
        Ok(())
    }

    fn entries(&mut self, folder: &[u8]) -> Result<Vec<Entry>, FileError> {
        let place = Place::found(folder).unwrap_or_else(Place::top);
        let failed = |errno| FileError::of(errno, &place);
        let opened = self.opened(folder).map_err(failed)?;
        let mut entries = Vec::new();
        for found in Dir::read_from(&opened).map_err(failed)? {
            // An entry that cannot be read ends the folder: the kernel would say the same again.
            let Ok(found) = found else { break };
            let name = found.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if self.seen == WALKED_MAX {
                self.walked.cut = true;
                break;
            }
            self.seen += 1;
            let path = if folder.is_empty() { name.to_owned() } else { [folder, b"/", name].concat() };
            if names::whose(&path).is_none() && self.is_readable(&path) {
                let kind = kind_of(&opened, &found);
                entries.extend(kind.map(|kind| Entry { path, kind }));
            }
        }
        Ok(entries)
    }

    fn opened(&self, folder: &[u8]) -> rustix::io::Result<OwnedFd> {
        let path =
            if folder.is_empty() { CString::from(c".") } else { CString::new(folder).unwrap_or_default() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        beneath(self.project.root.as_fd(), path.as_c_str(), flags, Mode::empty())
    }

    fn is_readable(&self, path: &[u8]) -> bool {
        let Some(files) = &self.files else { return true };
        Place::found(path).is_none_or(|place| self.project.access(Some(files), &place, Access::Read).is_ok())
    }
}

/// The patterns that count in a folder, with those of every folder above it.
fn rules_at(project: &Project, place: &Place) -> Option<Rc<Rules>> {
    let mut rules = Rules::of_root(project);
    for (at, _) in place.path().match_indices('/').chain([(place.path().len(), "")]) {
        if at > 0 {
            rules = Rules::within(project, &place.path().as_bytes()[..at], rules);
        }
    }
    rules
}

/// What an entry is; none where it has gone meanwhile.
fn kind_of(folder: &OwnedFd, found: &rustix::fs::DirEntry) -> Option<Kind> {
    match found.file_type() {
        FileType::Directory => Some(Kind::Folder),
        FileType::Symlink => Some(Kind::Link),
        FileType::RegularFile | FileType::Unknown => {
            let stat = statat(folder, found.file_name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File(u64::try_from(stat.st_size).unwrap_or(0)),
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                _ => Kind::Special,
            })
        }
        _ => Some(Kind::Special),
    }
}
