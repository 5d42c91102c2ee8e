//! Writes the files of a tree: back into the work tree, or into an empty folder.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use git2::{Odb, Oid, Repository};

use super::beneath::{Folder, Paths};
use super::objects::{Changed, EXECUTABLE, LINK, Node, REPOSITORY, Taken};
use super::rules::Rules;
use super::scan::{joined, rules_of};
use super::{WorktreeError, git_error, write_error};

/// Links that are followed to find out where one leads.
const LINKS_MAX: usize = 40;

/// Makes the work tree at `root` what the second of two trees says, given how the first, which it equals,
/// differs from it. Returns how many files changed.
pub(super) fn apply(
    repository: &Repository,
    root: &Path,
    then: Oid,
    changes: &[Changed],
) -> Result<usize, WorktreeError> {
    let odb = repository.odb().map_err(git_error("open the objects of the snapshots"))?;
    let mut paths = Paths::below(Folder::open(root).map_err(|source| write_error(root, source))?);
    let mut ignored = Ignored { repository, root, tree: then, known: HashMap::new() };
    let mut count = 0;
    for change in changes.iter().filter(|change| change.after.is_none()) {
        // What the snapshot ignored was there before it, perhaps: it is not ours to remove.
        let is_repository = change.before.is_some_and(|before| before.mode == REPOSITORY);
        if is_repository || ignored.holds(&change.path)? {
            continue;
        }
        let path = shown(&change.path);
        remove(&mut paths, path).map_err(|source| write_error(path, source))?;
        count += 1;
    }
    paths.forget();
    for change in changes {
        // A repository inside the project, as snapshots used to have it: its files are its own.
        let Some(node) = change.after.filter(|node| node.mode != REPOSITORY) else { continue };
        let path = shown(&change.path);
        write(&odb, &mut paths, path, node)?.map_err(|source| write_error(path, source))?;
        count += 1;
    }
    Ok(count)
}

/// Writes what was taken into an empty folder, which is made where there is none.
pub(super) fn fill(odb: &Odb<'_>, into: &Path, taken: &Taken) -> Result<(), WorktreeError> {
    let failed = |source| write_error(into, source);
    match fs::symlink_metadata(into) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => return Err(failed(io::Error::new(io::ErrorKind::NotADirectory, "it is no folder"))),
        Err(_absent) => fs::create_dir_all(into).map_err(failed)?,
    }
    let folder = Folder::open(into).map_err(failed)?;
    if !folder.names().map_err(failed)?.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::DirectoryNotEmpty, "it is not empty")));
    }
    let links = Links::of(odb, taken)?;
    let mut paths = Paths::below(folder);
    for file in &taken.files {
        if file.node.mode == LINK && links.leads_out(&file.path) {
            continue;
        }
        let path = shown(&file.path);
        write(odb, &mut paths, path, file.node)?.map_err(|source| write_error(path, source))?;
    }
    Ok(())
}

/// The rules that held in the project when a tree was taken.
struct Ignored<'i> {
    repository: &'i Repository,
    root: &'i Path,
    tree: Oid,
    known: HashMap<Vec<u8>, Rules>,
}

impl Ignored<'_> {
    fn holds(&mut self, path: &[u8]) -> Result<bool, WorktreeError> {
        let mut rules = self.rules(b"")?;
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let folder = &path[..end];
            let is_repository = self.root.join(shown(folder)).join(".git").symlink_metadata().is_ok();
            if rules.ignored(folder, true) && !is_repository {
                return Ok(true);
            }
            rules = self.rules(folder)?;
        }
        Ok(rules.ignored(path, false))
    }

    fn rules(&mut self, folder: &[u8]) -> Result<Rules, WorktreeError> {
        if let Some(known) = self.known.get(folder) {
            return Ok(known.clone());
        }
        let at = self.root.join(shown(folder));
        let above = folder.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |end| &folder[..end]);
        let rules = match folder.is_empty() || at.join(".git").symlink_metadata().is_ok() {
            true => rules_of(self.root, folder),
            false => self.rules(above)?,
        };
        let git = git_error("read the snapshot's tree");
        let tree = self.repository.find_tree(self.tree).map_err(git)?;
        let list = tree.get_path(shown(&joined(folder, b".gitignore"))).ok();
        let list = list.and_then(|entry| self.repository.find_blob(entry.id()).ok());
        let rules = list.map_or_else(|| rules.clone(), |list| rules.with(folder, list.content()));
        self.known.insert(folder.to_vec(), rules.clone());
        Ok(rules)
    }
}

fn remove(paths: &mut Paths, path: &Path) -> io::Result<()> {
    let gone =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    match paths.parent(path).and_then(|(folder, name)| folder.remove(name)) {
        Err(error) if !gone(&error) => return Err(error),
        _ => {}
    }
    // A folder that this emptied was not in the snapshot: git knows files only.
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        paths.forget();
        if paths.parent(folder).and_then(|(above, name)| above.remove_folder(name)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Writes one file. The outer error is the store's, the inner one the file system's.
fn write(odb: &Odb<'_>, paths: &mut Paths, path: &Path, node: Node) -> Result<io::Result<()>, WorktreeError> {
    let object = odb.read(node.id).map_err(git_error("read a file of the snapshot"))?;
    let mut put = || -> io::Result<()> {
        let (folder, name) = paths.made_parent(path)?;
        let before = match folder.stamp(name) {
            Ok(found) if found.is_folder() => {
                // Holds nothing of the project's any more; if it holds something else, that stays.
                folder.remove_folder(name)?;
                None
            }
            Ok(found) => {
                folder.remove(name)?;
                found.is_file().then_some(found)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if node.mode == LINK {
            return folder.create_link(name, object.data());
        }
        let is_executable = node.mode == EXECUTABLE;
        let mut file = folder.create(name, if is_executable { 0o777 } else { 0o666 })?;
        file.write_all(object.data())?;
        // Whom else a file was open to is not in the snapshot, so that stays as it is.
        let Some(before) = before else { return Ok(()) };
        let bits = before.mode & 0o666;
        let bits = if is_executable { bits | (bits & 0o444) >> 2 | 0o100 } else { bits };
        file.set_permissions(fs::Permissions::from_mode(bits))
    };
    Ok(put())
}

/// The links of a tree, to find out where they lead without following them.
struct Links {
    targets: HashMap<Vec<u8>, Vec<u8>>,
    folders: HashSet<Vec<u8>>,
}

impl Links {
    fn of(odb: &Odb<'_>, taken: &Taken) -> Result<Self, WorktreeError> {
        let mut links = Self { targets: HashMap::new(), folders: HashSet::new() };
        for file in taken.files.iter().filter(|file| file.node.mode == LINK) {
            let target = odb.read(file.node.id).map_err(git_error("read a link of the snapshot"))?;
            links.targets.insert(file.path.clone(), target.data().to_vec());
        }
        if links.targets.is_empty() {
            return Ok(links);
        }
        for file in &taken.files {
            for (end, _) in file.path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                if !links.folders.contains(&file.path[..end]) {
                    links.folders.insert(file.path[..end].to_vec());
                }
            }
        }
        Ok(links)
    }

    /// Whether following a link ends, or passes, outside the tree. One that goes in circles does.
    fn leads_out(&self, link: &[u8]) -> bool {
        let mut to_go: Vec<Vec<u8>> = parts(link);
        let mut at: Vec<u8> = Vec::new();
        let mut followed = 0;
        while let Some(part) = to_go.pop() {
            if part == b".." {
                if at.is_empty() {
                    return true;
                }
                at.truncate(at.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
                continue;
            }
            let next = joined(&at, &part);
            let Some(target) = self.targets.get(&next) else {
                // Past what is not there, nothing can be said: `..` might be anywhere once it is there.
                if !self.folders.contains(&next) && to_go.iter().any(|part| part == b"..") {
                    return true;
                }
                at = next;
                continue;
            };
            followed += 1;
            if target.first() == Some(&b'/') || followed > LINKS_MAX {
                return true;
            }
            to_go.extend(parts(target));
        }
        false
    }
}

/// The parts of a path, the first one last.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.rev().map(<[u8]>::to_vec).collect()
}

fn shown(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}
