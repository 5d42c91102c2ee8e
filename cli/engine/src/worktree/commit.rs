//! A commit of what changed since a snapshot, on the branch that the user is on.
//!
//! As `git commit --only` of those paths would, without the program: no hook runs, nothing is signed, and
//! what the user has staged besides stays staged. The branch only ever moves forward by this one commit.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, Commit, Index, IndexEntry, IndexEntryExtendedFlag, IndexTime};
use git2::{Oid, Repository, RepositoryState, Signature, Time};

use super::beneath::Stamp;
use super::git::Git;
use super::lock::IndexLock;
use super::objects::{Changed, LINK, Node, REPOSITORY, Taken, compare};
use super::scan::Scan;
use super::settings::{identity, resolved};
use super::store::Store;
use super::{Committed, WorktreeError, git_error};

/// Bytes of a message that are taken over.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// What to commit, and how.
pub(super) struct Request<'r> {
    /// The tree of the snapshot from before.
    pub(super) base: Oid,
    pub(super) leave_out: &'r BTreeSet<String>,
    pub(super) message: &'r str,
    pub(super) co_author: Option<&'r str>,
    pub(super) at_ms: i64,
}

/// The branch the user is on.
struct Branch<'r> {
    name: String,
    newest: Option<Commit<'r>>,
}

/// What becomes of the changed paths.
struct Plan {
    /// The tree of the new commit.
    next: Index,
    /// Paths to commit, and what they become.
    paths: Vec<(Vec<u8>, Option<Node>)>,
    /// Paths that cannot be committed.
    left_out: Vec<String>,
}

/// Commits what differs between a snapshot and what was taken of the work tree.
pub(super) fn commit(
    root: &Path,
    store: &Store,
    (scan, taken): (&Scan, &Taken),
    request: &Request<'_>,
) -> Result<Option<Committed>, WorktreeError> {
    let git = store.git.as_ref().map_err(|reason| WorktreeError::NoCommit { reason })?;
    let (name, email) = identity(root).ok_or(WorktreeError::NoCommit {
        reason: "git knows no `user.name` and `user.email` to commit as",
    })?;
    let repository = opened(root, git, scan)?;
    let branch = branch(&repository, git)?;
    let changes: Vec<Changed> = compare(&store.repository, request.base, taken.tree)?
        .into_iter()
        .filter(|change| !request.leave_out.contains(&*String::from_utf8_lossy(&change.path)))
        .collect();
    if changes.is_empty() {
        return Ok(None);
    }
    let lock = IndexLock::take(&git.own)?;
    let mut staged = lock.index()?;
    let plan = plan(&repository, store, scan, &branch, &mut staged, changes)?;
    if plan.paths.is_empty() {
        let nothing = plan.left_out.is_empty().then_some(None);
        return nothing.ok_or(WorktreeError::LeftOut { paths: plan.left_out });
    }
    for (path, node) in &plan.paths {
        stage(root, &mut staged, path, *node, taken)?;
    }
    let mut next = plan.next;
    let tree = next.write_tree_to(&repository).map_err(git_error("write the commit's tree"))?;
    let time = Time::new(request.at_ms / 1000, 0);
    let who = Signature::new(&name, &email, &time).map_err(git_error("sign the commit"))?;
    let tree = repository.find_tree(tree).map_err(git_error("read the commit's tree"))?;
    let parents: Vec<&Commit<'_>> = branch.newest.iter().collect();
    let text = message(request);
    let id =
        repository.commit(None, &who, &who, &text, &tree, &parents).map_err(git_error("write the commit"))?;
    lock.install(staged)?;
    if let Err(error) = advance(&repository, &branch, id, &text) {
        lock.put_back()?;
        return Err(error);
    }
    let shown = |(path, _): &(Vec<u8>, _)| String::from_utf8_lossy(path).into_owned();
    let paths = plan.paths.iter().map(shown).collect();
    Ok(Some(Committed { commit: id.to_string(), paths, left_out: plan.left_out }))
}

/// The project's repository by git's own library, where nothing in it leads elsewhere.
fn opened(root: &Path, git: &Git, scan: &Scan) -> Result<Repository, WorktreeError> {
    let no = |reason| Err(WorktreeError::NoCommit { reason });
    if let Some(reason) = git.unreadable() {
        return no(reason);
    }
    if scan.odd_attributes {
        return no("a `.gitattributes` is a link or a pipe");
    }
    let elsewhere = "the repository's work tree is elsewhere (`core.worktree`)";
    let here = root.canonicalize().ok();
    if git.settings.get("core.worktree").is_some_and(|named| resolved(&git.own, named) != here) {
        return no(elsewhere);
    }
    let repository = Repository::open(root).map_err(git_error("open the project's git repository"))?;
    if repository.workdir().and_then(|tree| tree.canonicalize().ok()) != here {
        return no(elsewhere);
    }
    Ok(repository)
}

fn branch<'r>(repository: &'r Repository, git: &Git) -> Result<Branch<'r>, WorktreeError> {
    let no = |reason| Err(WorktreeError::NoCommit { reason });
    if repository.state() != RepositoryState::Clean {
        return no("a merge, a rebase or the like is in progress");
    }
    let head = repository.find_reference("HEAD").map_err(git_error("read HEAD"))?;
    let name = head.symbolic_target().ok().flatten().filter(|name| name.starts_with("refs/heads/"));
    let Some(name) = name.map(str::to_owned) else {
        return no("HEAD is detached: no branch is checked out");
    };
    let linked = |folder: &Path, file: &str| {
        let mut steps = Path::new(file).ancestors().filter(|step| !step.as_os_str().is_empty());
        steps.any(|step| fs::symlink_metadata(folder.join(step)).is_ok_and(|meta| meta.is_symlink()))
    };
    let log = format!("logs/{name}");
    if linked(&git.common, &name) || linked(&git.common, &log) || linked(&git.own, "logs/HEAD") {
        return no("a branch of the repository is a symbolic link");
    }
    let newest = match repository.find_reference(&name) {
        Ok(found) => Some(found.peel_to_commit().map_err(git_error("read the newest commit"))?),
        Err(error) if error.code() == git2::ErrorCode::NotFound => None,
        Err(error) => return Err(git_error("read the branch")(error)),
    };
    Ok(Branch { name, newest })
}

fn plan(
    repository: &Repository,
    store: &Store,
    scan: &Scan,
    branch: &Branch<'_>,
    staged: &mut Index,
    changes: Vec<Changed>,
) -> Result<Plan, WorktreeError> {
    let mut next = Index::new().map_err(git_error("make the commit's index"))?;
    if let Some(newest) = &branch.newest {
        let tree = newest.tree().map_err(git_error("read the newest commit"))?;
        next.read_tree(&tree).map_err(git_error("read the newest commit"))?;
    }
    let mut plan = Plan { next, paths: Vec::new(), left_out: Vec::new() };
    // What goes makes room for what comes.
    let (gone, there): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.after.is_none());
    for change in gone.into_iter().chain(there) {
        if in_repository_inside(&change.path, scan, &plan.next) {
            continue;
        }
        let Some(after) = filtered(repository, store, &change)? else {
            plan.left_out.push(String::from_utf8_lossy(&change.path).into_owned());
            continue;
        };
        let path = Path::new(OsStr::from_bytes(&change.path));
        let committed = plan.next.get_path(path, 0).map(|entry| node(&entry));
        if committed == after {
            continue;
        }
        let is_free = is_unstaged(staged, path, committed, after)
            && (after.is_none() || (has_room(&plan.next, &change.path) && has_room(staged, &change.path)));
        let done = match after {
            _ if !is_free => false,
            Some(node) => plan.next.add(&entry(&change.path, node)).is_ok(),
            None => plan.next.remove(path, 0).is_ok() && unstage(staged, path),
        };
        if done {
            plan.paths.push((change.path, after));
        } else {
            plan.left_out.push(String::from_utf8_lossy(&change.path).into_owned());
        }
    }
    plan.paths.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    plan.left_out.sort_unstable();
    Ok(plan)
}

/// Whether a path belongs to another repository than the project's.
fn in_repository_inside(path: &[u8], scan: &Scan, committed: &Index) -> bool {
    let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &path[..end]);
    folders.into_iter().any(|folder| {
        let found = committed.get_path(Path::new(OsStr::from_bytes(folder)), 0);
        found.is_some_and(|entry| entry.mode == REPOSITORY)
            || scan.nested.iter().any(|nested| nested.as_slice() == folder)
    })
}

/// What git would keep for a path, in the project's repository: with the line ends that its attributes
/// ask for. None where an attribute asks for a program, which is not run.
fn filtered(
    repository: &Repository,
    store: &Store,
    change: &Changed,
) -> Result<Option<Option<Node>>, WorktreeError> {
    let Some(after) = change.after else { return Ok(Some(None)) };
    let path = Path::new(OsStr::from_bytes(&change.path));
    let odb = store.objects()?;
    let object = odb.read(after.id).map_err(git_error("read a file of the snapshot"))?;
    let kept = git_error("write a file of the commit");
    if after.mode == LINK {
        let id = repository.blob(object.data()).map_err(kept)?;
        return Ok(Some(Some(Node { id, ..after })));
    }
    if needs_program(repository, path)? {
        return Ok(None);
    }
    let written = || {
        let mut writer = repository.blob_writer(Some(path))?;
        writer.write_all(object.data()).map_err(|error| git2::Error::from_str(&error.to_string()))?;
        writer.commit()
    };
    Ok(Some(Some(Node { id: written().map_err(kept)?, ..after })))
}

fn needs_program(repository: &Repository, path: &Path) -> Result<bool, WorktreeError> {
    let read = git_error("read a file's attributes");
    let attribute = |name: &str| repository.get_attr(path, name, AttrCheckFlags::FILE_THEN_INDEX);
    if let AttrValue::String(_) = AttrValue::from_string(attribute("working-tree-encoding").map_err(&read)?) {
        return Ok(true);
    }
    let AttrValue::String(driver) = AttrValue::from_string(attribute("filter").map_err(&read)?) else {
        return Ok(false);
    };
    let config = repository.config().and_then(|mut config| config.snapshot()).map_err(&read)?;
    let is_set = |key: &str| config.get_str(&format!("filter.{driver}.{key}")).is_ok();
    Ok(is_set("clean") || is_set("process"))
}

/// Whether the index has a path as the newest commit has it, or already as it is to be committed.
fn is_unstaged(staged: &Index, path: &Path, committed: Option<Node>, after: Option<Node>) -> bool {
    if (1..=3).any(|stage| staged.get_path(path, stage).is_some()) {
        return false;
    }
    let promised = IndexEntryExtendedFlag::INTENT_TO_ADD.bits();
    let found = staged.get_path(path, 0).filter(|entry| entry.flags_extended & promised == 0);
    let found = found.map(|entry| node(&entry));
    found == committed || found == after
}

/// Whether an index has no file where a path needs a folder, and no folder where it needs a file.
fn has_room(index: &Index, path: &[u8]) -> bool {
    let above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &path[..end]);
    let mut above = above.map(|folder| Path::new(OsStr::from_bytes(folder)));
    let below = [path, b"/"].concat();
    above.all(|folder| index.get_path(folder, 0).is_none()) && index.find_prefix(below).is_err()
}

/// Takes a path out of the user's index, where it is in it.
fn unstage(staged: &mut Index, path: &Path) -> bool {
    staged.get_path(path, 0).is_none() || staged.remove(path, 0).is_ok()
}

/// Brings the user's index up to date with what is committed for a path.
fn stage(
    root: &Path,
    staged: &mut Index,
    path: &[u8],
    node: Option<Node>,
    taken: &Taken,
) -> Result<(), WorktreeError> {
    let shown = Path::new(OsStr::from_bytes(path));
    let failed = git_error("bring the index up to date");
    // What goes has gone already, to make room.
    let Some(node) = node else { return Ok(()) };
    let mut entry = entry(path, node);
    let found = taken.files.binary_search_by(|file| file.path.as_slice().cmp(path)).ok();
    let stamp = found.map(|at| taken.files[at].stamp);
    if let (Some(stamp), Ok(meta)) = (stamp, fs::symlink_metadata(root.join(shown))) {
        // What git compares to see that a file has not changed; left empty, it would read the file.
        if same(&stamp, &meta) {
            entry.mtime = time(stamp.modified);
            entry.ctime = time(stamp.changed);
            (entry.dev, entry.ino) = (meta.dev() as u32, meta.ino() as u32);
            (entry.uid, entry.gid, entry.file_size) = (meta.uid(), meta.gid(), meta.len() as u32);
        }
    }
    staged.add(&entry).map_err(failed)
}

fn same(stamp: &Stamp, meta: &fs::Metadata) -> bool {
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    stamp.inode == meta.ino()
        && stamp.size == meta.len()
        && stamp.modified == nanoseconds(meta.mtime(), meta.mtime_nsec())
        && stamp.changed == nanoseconds(meta.ctime(), meta.ctime_nsec())
}

fn time(nanoseconds: i64) -> IndexTime {
    let (seconds, rest) = (nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000));
    IndexTime::new(i32::try_from(seconds).unwrap_or_default(), u32::try_from(rest).unwrap_or_default())
}

fn node(entry: &IndexEntry) -> Node {
    Node { mode: entry.mode, id: entry.id }
}

fn entry(path: &[u8], node: Node) -> IndexEntry {
    let zero = IndexTime::new(0, 0);
    IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode: node.mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: node.id,
        flags: 0,
        flags_extended: 0,
        path: path.to_vec(),
    }
}

fn message(request: &Request<'_>) -> String {
    let mut end = request.message.len().min(MESSAGE_BYTES_MAX);
    while !request.message.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = request.message[..end].replace('\0', "").trim().to_owned();
    if text.is_empty() {
        "loki: a verified iteration".clone_into(&mut text);
    }
    if let Some(who) = request.co_author {
        let who: String = who.chars().filter(|character| !character.is_control()).collect();
        text = format!("{text}\n\nCo-authored-by: {}", who.trim());
    }
    text.push('\n');
    text
}

/// Moves the branch to the commit, unless somebody else moved it.
fn advance(repository: &Repository, branch: &Branch<'_>, id: Oid, text: &str) -> Result<(), WorktreeError> {
    let log = format!("commit: {}", text.lines().next().unwrap_or_default());
    let moved = match &branch.newest {
        Some(newest) => repository.reference_matching(&branch.name, id, true, newest.id(), &log),
        None => repository.reference(&branch.name, id, false, &log),
    };
    moved.map(drop).map_err(git_error("move the branch to the commit"))
}
