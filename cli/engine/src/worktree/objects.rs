//! The work tree's files as git objects, and how two trees differ.
//!
//! Contents are taken as they are: no attribute and no setting of a repository changes a byte.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{ObjectType, Odb, OdbLookupFlags, Oid, Repository};

use super::beneath::{Folder, Paths, Stamp};
use super::cache::Cache;
use super::scan::{Entry, Scan, is_gone, joined};
use super::{WorktreeError, git_error, read_error, write_error};

/// The mode of a file.
pub(super) const FILE: u32 = 0o100_644;
/// The mode of a file that can be run.
pub(super) const EXECUTABLE: u32 = 0o100_755;
/// The mode of a symbolic link.
pub(super) const LINK: u32 = 0o120_000;
/// The mode of a repository inside another, as git keeps it.
pub(super) const REPOSITORY: u32 = 0o160_000;
const TREE: u32 = 0o040_000;

/// Bytes of a file above which it is not read at once.
const WHOLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Trees inside each other.
const DEPTH_MAX: usize = 1024;

/// An object in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) mode: u32,
    pub(super) id: Oid,
}

/// A file that was taken.
#[derive(Debug)]
pub(super) struct File {
    /// Its path below the project.
    pub(super) path: Vec<u8>,
    pub(super) node: Node,
    /// What it was like when it was read.
    pub(super) stamp: Stamp,
}

/// The work tree as objects.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) tree: Oid,
    /// In the order of their paths.
    pub(super) files: Vec<File>,
}

/// A path at which two trees differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) path: Vec<u8>,
    pub(super) before: Option<Node>,
    pub(super) after: Option<Node>,
}

impl Node {
    /// Whether it is a file's content.
    pub(super) fn is_file(&self) -> bool {
        self.mode == FILE || self.mode == EXECUTABLE
    }
}

/// Writes the files of a scan as objects.
pub(super) fn take(odb: &Odb<'_>, root: &Path, state: &Path, scan: &Scan) -> Result<Taken, WorktreeError> {
    let mut cache = Cache::open(state).map_err(|source| write_error(state, source))?;
    let mut paths = Paths::below(Folder::open(root).map_err(|source| read_error(root, source))?);
    let mut files = Vec::with_capacity(scan.entries.len());
    for entry in &scan.entries {
        let known = cache.get(&entry.path, &entry.stamp);
        // Whoever tidied up the repository may have taken what no snapshot held on to.
        let known = known.filter(|id| odb.exists_ext(*id, OdbLookupFlags::NO_REFRESH));
        let (id, stamp) = match known {
            Some(id) => (id, entry.stamp),
            None => match read(odb, &mut paths, entry) {
                Ok(read) => read.map_err(git_error("write a file of the snapshot"))?,
                Err(gone) if is_gone(&gone) => continue,
                Err(error) => return Err(read_error(Path::new(OsStr::from_bytes(&entry.path)), error)),
            },
        };
        cache.put(&entry.path, &stamp, id);
        let mode = match stamp.is_link() {
            true => LINK,
            false if stamp.is_executable() => EXECUTABLE,
            false => FILE,
        };
        files.push(File { path: entry.path.clone(), node: Node { mode, id }, stamp });
    }
    let tree = tree(odb, &files, 0).map_err(git_error("write a snapshot's tree"))?;
    cache.close().map_err(|source| write_error(state, source))?;
    Ok(Taken { tree, files })
}

/// Reads a file or a link into the store. The outer error is the file system's.
fn read(odb: &Odb<'_>, paths: &mut Paths, entry: &Entry) -> io::Result<Result<(Oid, Stamp), git2::Error>> {
    let (folder, name) = paths.parent(Path::new(OsStr::from_bytes(&entry.path)))?;
    if entry.stamp.is_link() {
        let target = folder.link(name)?;
        return Ok(odb.write(ObjectType::Blob, &target).map(|id| (id, entry.stamp)));
    }
    let (file, stamp) = folder.file(name)?;
    if stamp.size > WHOLE_BYTES_MAX {
        let mut writer = match odb.writer(stamp.size as usize, ObjectType::Blob) {
            Ok(writer) => writer,
            Err(error) => return Ok(Err(error)),
        };
        let copied = copy(file.take(stamp.size), &mut writer)?;
        if copied != stamp.size {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        return Ok(writer.finalize().map(|id| (id, stamp)));
    }
    let mut content = Vec::with_capacity(stamp.size as usize + 1);
    file.take(WHOLE_BYTES_MAX + 1).read_to_end(&mut content)?;
    Ok(odb.write(ObjectType::Blob, &content).map(|id| (id, stamp)))
}

fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(copied),
            count => {
                to.write_all(&buffer[..count])?;
                copied += count as u64;
            }
        }
    }
}

/// Writes the tree of files that all lie in one folder, whose path takes the first `skip` bytes of theirs.
/// In the order of paths, the entries of every tree are in the order that git wants.
fn tree(odb: &Odb<'_>, files: &[File], skip: usize) -> Result<Oid, git2::Error> {
    let mut data = Vec::new();
    let mut push = |mode: u32, name: &[u8], id: Oid| {
        data.extend(format!("{mode:o} ").into_bytes());
        data.extend(name);
        data.push(0);
        data.extend(id.as_bytes());
    };
    let mut rest = files;
    while let Some(first) = rest.first() {
        let name = &first.path[skip..];
        let Some(end) = name.iter().position(|byte| *byte == b'/') else {
            push(first.node.mode, name, first.node.id);
            rest = &rest[1..];
            continue;
        };
        let folder = &first.path[..=skip + end];
        let (inside, after) = rest.split_at(rest.partition_point(|file| file.path.starts_with(folder)));
        push(TREE, &name[..end], tree(odb, inside, skip + end + 1)?);
        rest = after;
    }
    odb.write(ObjectType::Tree, &data)
}

/// The paths at which two trees differ, in their order. A folder is never one: its files are.
pub(super) fn compare(repository: &Repository, old: Oid, new: Oid) -> Result<Vec<Changed>, WorktreeError> {
    let mut changed = Vec::new();
    let (old, new) = (Node { mode: TREE, id: old }, Node { mode: TREE, id: new });
    below(repository, (Some(old), Some(new)), b"", DEPTH_MAX, &mut changed)
        .map_err(git_error("compare with a snapshot"))?;
    changed.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(changed)
}

fn below(
    repository: &Repository,
    sides: (Option<Node>, Option<Node>),
    path: &[u8],
    depth: usize,
    changed: &mut Vec<Changed>,
) -> Result<(), git2::Error> {
    if sides.0 == sides.1 {
        return Ok(());
    }
    let is_tree = |node: &Node| node.mode == TREE;
    let (before, after) = (sides.0.filter(|node| !is_tree(node)), sides.1.filter(|node| !is_tree(node)));
    if before.is_some() || after.is_some() {
        changed.push(Changed { path: path.to_vec(), before, after });
    }
    if !sides.0.iter().chain(&sides.1).any(is_tree) {
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(git2::Error::from_str("there are too many folders inside each other"));
    };
    let mut names: BTreeMap<Vec<u8>, (Option<Node>, Option<Node>)> = BTreeMap::new();
    for (side, is_new) in [(sides.0, false), (sides.1, true)] {
        let Some(side) = side.filter(is_tree) else { continue };
        for entry in &repository.find_tree(side.id)? {
            let node = Node { mode: entry.filemode_raw() as u32, id: entry.id() };
            let node = Node { mode: settled(node.mode), ..node };
            let both = names.entry(entry.name_bytes().to_vec()).or_default();
            *if is_new { &mut both.1 } else { &mut both.0 } = Some(node);
        }
    }
    for (name, sides) in names {
        below(repository, sides, &joined(path, &name), depth, changed)?;
    }
    Ok(())
}

/// A mode as it is written today: old repositories have others.
fn settled(mode: u32) -> u32 {
    match mode & 0o170_000 {
        0o100_000 if mode & 0o111 != 0 => EXECUTABLE,
        0o100_000 => FILE,
        other => other,
    }
}
