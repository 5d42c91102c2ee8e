//! A file system of the command's own: only what the policy names is there.
//!
//! An empty tmpfs becomes the root; copies of the named places are put into it, read-only but for those
//! that may be written, all without set-user-id and devices. Read rules narrower than a whole top folder
//! (`/etc`) are left to Landlock where there is one: a mount each for dozens of files is saved that way.

use std::ffi::OsString;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use crate::plan::{DOOR_INSIDE, Failure, HOME_INSIDE, Place, Plan, doing, is_within};
use crate::policy::Access;
use crate::sys;

/// Bytes of the command's shared memory files at most; they are memory, not disk.
const SHARED_MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Device files that a command gets, where the policy names them.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Something to be put into the new root.
enum Part {
    /// A copy of what is at a path now, mounted there.
    Copy { path: PathBuf, tree: OwnedFd },
    /// A link as it is now.
    Link { path: PathBuf, target: PathBuf },
    /// Nothing, where something would be seen otherwise.
    Nothing { path: PathBuf, folder: bool },
}

/// A root with what every command gets, before anything is known of this one.
pub(super) struct Base {
    root: OwnedFd,
    proc: OwnedFd,
}

impl Base {
    /// Makes it. It is mounted over `/proc` for now, where nothing is that a command could be given.
    pub(super) fn make() -> Result<Base, Failure> {
        let root = tmpfs(&[("mode", "0755"), ("size", "1m"), ("nr_inodes", "4k")])?;
        let proc = proc()?;
        let made = devices()?;
        attach(&root, CWD, "/proc")?;
        for (tree, path, is_folder) in &made {
            let target = if *is_folder { target_folder(&root, path)? } else { target_file(&root, path)? };
            attach_to(tree, &target, &path.display().to_string())?;
        }
        for (name, target) in [
            ("dev/ptmx", "pts/ptmx"),
            ("dev/fd", "/proc/self/fd"),
            ("dev/stdin", "/proc/self/fd/0"),
            ("dev/stdout", "/proc/self/fd/1"),
            ("dev/stderr", "/proc/self/fd/2"),
        ] {
            symlink(&root, name, target)?;
        }
        for folder in ["/run", "/var", "/proc", "/tmp", HOME_INSIDE] {
            drop(target_folder(&root, Path::new(folder))?);
        }
        Ok(Base { root, proc })
    }
}

/// Puts the plan's places into the root, and moves this process into it.
pub(super) fn enter(base: Base, plan: &Plan) -> Result<(), Failure> {
    Root::gather(plan)?.enter(base, plan.limits.processes_max)
}

/// Everything that the plan names, held by descriptors: the old root is not needed any more.
struct Root {
    parts: Vec<Part>,
    home: OwnedFd,
    tmp: OwnedFd,
    door: Option<OwnedFd>,
}

impl Root {
    /// Takes copies of all places of the plan. Those that do not exist are left out.
    fn gather(plan: &Plan) -> Result<Root, Failure> {
        let mut places: Vec<Place> = plan.places.iter().filter(|place| wants_mount(place)).cloned().collect();
        if plan.level.has_landlock() {
            shared_folders(&mut places);
        }
        ancestors_of_protected(&mut places);
        places.sort_by_key(|place| place.path.components().count());
        let mut parts: Vec<Part> = Vec::new();
        let mut taken: Vec<Place> = Vec::new();
        for place in places {
            let outer = taken.iter().rfind(|outer| is_within(&place.path, &outer.path));
            if outer.is_some_and(|outer| outer.path == place.path || adds_nothing(outer, &place)) {
                continue;
            }
            match part_for(&place, outer.is_some())? {
                Some(Part::Link { path, target }) => {
                    parts.push(Part::Link { path, target });
                }
                Some(part) => {
                    parts.push(part);
                    taken.push(place);
                }
                None => {}
            }
        }
        let own = |path: &Path| copy(path, Access::Write, ResolveFlags::empty());
        let door = |path: &PathBuf| copy(path, Access::Read, ResolveFlags::NO_SYMLINKS);
        let door = plan.door.as_ref().map(door).transpose()?;
        Ok(Root { parts, home: own(&plan.home)?, tmp: own(&plan.tmp)?, door })
    }

    fn enter(self, base: Base, processes_max: u64) -> Result<(), Failure> {
        let Base { root, proc } = base;
        for (tree, path) in [(&self.home, HOME_INSIDE), (&self.tmp, "/tmp")] {
            let target = target_folder(&root, Path::new(path))?;
            attach_to(tree, &target, path)?;
        }
        for part in &self.parts {
            place_in(&root, part)?;
        }
        if let Some(door) = &self.door {
            attach_to(door, &target_file(&root, Path::new(DOOR_INSIDE))?, DOOR_INSIDE)?;
        }
        symlink(&root, "var/tmp", "/tmp")?;
        close_proc(&proc, processes_max)?;
        attach_to(&proc, &target_folder(&root, Path::new("/proc"))?, "/proc")?;
        let attempt = || {
            rustix::process::fchdir(&root)?;
            rustix::process::pivot_root(".", ".")?;
            unmount(".", UnmountFlags::DETACH)?;
            rustix::process::chdir("/")
        };
        attempt().map_err(doing("enter the new root"))?;
        sys::set_one_mount_attributes(root.as_fd(), READ_ONLY).map_err(doing("close the new root"))
    }
}

const NO_GAIN: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
const READ_ONLY: u64 = NO_GAIN | libc::MOUNT_ATTR_RDONLY;

/// Whether a place is mounted as it is: not what has a file system of its own here.
fn wants_mount(place: &Place) -> bool {
    !["/proc", "/dev", "/tmp", "/var/tmp", "/run"].iter().any(|own| is_within(&place.path, Path::new(own)))
        || (place.path.starts_with("/tmp") && place.path != Path::new("/tmp"))
        || (place.path.starts_with("/run") && place.path != Path::new("/run"))
}

/// Replaces the single files of `/etc` by all of it, read-only: Landlock says which may be read.
fn shared_folders(places: &mut Vec<Place>) {
    let etc = Path::new("/etc");
    let single =
        |place: &Place| place.access == Access::Read && is_within(&place.path, etc) && place.path != etc;
    if places.iter().any(single) {
        places.retain(|place| !single(place));
        places.push(Place { path: etc.to_owned(), access: Access::Read });
    }
}

/// Adds the folders between a writable place and what is protected or hidden in it. As mounts they cannot
/// be renamed, so that nothing else can be put in their stead.
fn ancestors_of_protected(places: &mut Vec<Place>) {
    let roots: Vec<PathBuf> = super::guards::writable(places).map(|place| place.path.clone()).collect();
    let mut between = Vec::new();
    for place in places.iter().filter(|place| matches!(place.access, Access::Protect | Access::Hide)) {
        let above = place.path.ancestors().skip(1);
        let inside =
            above.take_while(|folder| roots.iter().any(|root| is_within(folder, root) && folder != root));
        between.extend(inside.map(|path| Place { path: path.to_owned(), access: Access::Write }));
    }
    for place in between {
        if !places.iter().any(|known| known.path == place.path) {
            places.push(place);
        }
    }
}

/// Whether `place` is the same with `outer` alone. A writable folder in a writable one is one of those
/// that must not be renamed.
fn adds_nothing(outer: &Place, place: &Place) -> bool {
    outer.access != Access::Write
        && matches!(place.access, Access::Read | Access::Protect)
        && outer.access != Access::Hide
}

fn part_for(place: &Place, inside: bool) -> Result<Option<Part>, Failure> {
    let meta = match fs::symlink_metadata(&place.path) {
        Ok(meta) => meta,
        Err(_) => return Ok(None), // What is not there, or cannot be seen, is not there for the command.
    };
    let path = place.path.clone();
    if place.access == Access::Hide {
        // What no mount shows needs no cover.
        return Ok(inside.then_some(Part::Nothing { path, folder: meta.is_dir() }));
    }
    if meta.is_symlink() {
        if inside {
            return Ok(None); // It is seen already, as the link that it is.
        }
        let target = fs::read_link(&path).map_err(doing(format!("read the link `{}`", path.display())))?;
        return Ok(Some(Part::Link { path, target }));
    }
    // In what a command may write, nothing is found by way of a link: it could have made it.
    let resolve = if inside { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::empty() };
    let tree = copy(&path, place.access, resolve)?;
    Ok(Some(Part::Copy { path, tree }))
}

/// A detached copy of what is mounted at a path, with everything mounted below it.
fn copy(path: &Path, access: Access, resolve: ResolveFlags) -> Result<OwnedFd, Failure> {
    let attempt = || {
        let found = rustix::fs::openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::AT_EMPTY_PATH;
        let tree = open_tree(&found, "", flags)?;
        let attributes = if access == Access::Write { NO_GAIN } else { READ_ONLY };
        sys::set_mount_attributes(tree.as_fd(), attributes)?;
        Ok::<_, std::io::Error>(tree)
    };
    attempt().map_err(doing(format!("take `{}` into the new root", path.display())))
}

/// Puts one part in its place.
fn place_in(root: &OwnedFd, part: &Part) -> Result<(), Failure> {
    match part {
        Part::Copy { path, tree } => {
            let folder = rustix::fs::fstat(tree).map_err(doing("look at a place"))?;
            let is_folder =
                rustix::fs::FileType::from_raw_mode(folder.st_mode) == rustix::fs::FileType::Directory;
            let target = if is_folder { target_folder(root, path)? } else { target_file(root, path)? };
            attach_to(tree, &target, &path.display().to_string())
        }
        Part::Link { path, target } => {
            if let Some(folder) = path.parent() {
                drop(target_folder(root, folder)?);
            }
            let relative = path.strip_prefix("/").unwrap_or(path).to_string_lossy();
            symlink(root, &relative, &target.to_string_lossy())
        }
        Part::Nothing { path, folder: true } => {
            let empty = tmpfs(&[("mode", "0555"), ("size", "4k")])?;
            sys::set_mount_attributes(empty.as_fd(), READ_ONLY).map_err(doing("close an empty folder"))?;
            let target = target_folder(root, path)?;
            attach_to(&empty, &target, &path.display().to_string())
        }
        Part::Nothing { path, folder: false } => {
            let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
            let empty = rustix::fs::openat(root, ".nothing", flags, Mode::empty());
            drop(empty.map_err(doing("make an empty file"))?);
            let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            let tree = open_tree(root, ".nothing", flags).map_err(doing("take an empty file"))?;
            sys::set_mount_attributes(tree.as_fd(), READ_ONLY).map_err(doing("close an empty file"))?;
            let target = target_file(root, path)?;
            attach_to(&tree, &target, &path.display().to_string())
        }
    }
}

fn tmpfs(options: &[(&str, &str)]) -> Result<OwnedFd, Failure> {
    file_system("tmpfs", options, MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV)
}

fn file_system(kind: &str, options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Failure> {
    let attempt = || {
        let made = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in options {
            fsconfig_set_string(&made, *key, *value)?;
        }
        fsconfig_create(&made)?;
        fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    attempt().map_err(|error: Errno| Failure::unavailable(format!("make a file system ({kind})"), &error))
}

/// Makes the file systems that a root is made of, and puts them nowhere.
pub(super) fn try_file_systems() -> Result<(), Failure> {
    tmpfs(&[])?;
    proc().map(drop)
}

/// The processes of this namespace.
fn proc() -> Result<OwnedFd, Failure> {
    file_system("proc", &[], MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC)
}

/// Writes what is to be written there, and closes it to that.
fn close_proc(mounted: &OwnedFd, processes_max: u64) -> Result<(), Failure> {
    // Numbers below 301 are never given again.
    if release(mounted).is_some_and(|release| release >= OWN_NUMBERS) {
        let _supervisor_counts = write_at(mounted, "sys/kernel/pid_max", &(processes_max + 301).to_string());
    }
    // System V memory outlives processes, so no process is charged for it.
    let pages = SHARED_MEMORY_BYTES_MAX / 4096;
    let _not_ours = write_at(mounted, "sys/kernel/shmall", &pages.to_string());
    sys::set_mount_attributes(mounted.as_fd(), READ_ONLY).map_err(doing("close `/proc`"))
}

/// The Linux from which on each namespace has a highest process number of its own. Before, the one there is
/// belongs to the whole machine, and root could write it from in here.
const OWN_NUMBERS: (u32, u32) = (6, 14);

fn release(proc: &OwnedFd) -> Option<(u32, u32)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(proc, "sys/kernel/osrelease", flags, Mode::empty()).ok()?;
    let mut text = [0; 64];
    let length = rustix::io::read(&file, &mut text).ok()?;
    parse_release(std::str::from_utf8(&text[..length]).ok()?)
}

fn parse_release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn write_at(folder: &OwnedFd, path: &str, text: &str) -> Result<(), Errno> {
    let file = rustix::fs::openat(folder, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, text.as_bytes()).map(drop)
}

/// Device files, terminals and shared memory of the command's own, where they go, and whether they are folders.
fn devices() -> Result<Vec<(OwnedFd, PathBuf, bool)>, Failure> {
    let dev = Path::new("/dev");
    let mut made = Vec::new();
    for name in DEVICES {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        if let Ok(tree) = open_tree(CWD, dev.join(name), flags) {
            made.push((tree, dev.join(name), false));
        }
    }
    let size = SHARED_MEMORY_BYTES_MAX.to_string();
    made.push((tmpfs(&[("mode", "1777"), ("size", &size)])?, dev.join("shm"), true));
    let terminals = [("mode", "0620"), ("ptmxmode", "0666")];
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    made.push((file_system("devpts", &terminals, attributes)?, dev.join("pts"), true));
    Ok(made)
}

/// A link, where nothing is in its place: a project may be there.
fn symlink(root: &OwnedFd, name: &str, target: &str) -> Result<(), Failure> {
    match rustix::fs::symlinkat(target, root, name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(Failure::new(format!("link `/{name}`"), &error)),
    }
}

/// The folder at `path` in the new root, made where it is not there. No link is followed.
fn target_folder(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Failure> {
    let failed = || doing::<Errno>(format!("make `{}` in the new root", path.display()));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let relative = path.strip_prefix("/").unwrap_or(path);
    if let Ok(there) = rustix::fs::openat2(root, relative, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        return Ok(there);
    }
    let mut at = rustix::fs::openat(root, ".", flags, Mode::empty()).map_err(failed())?;
    for name in names(path) {
        match rustix::fs::mkdirat(&at, &name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST | Errno::ROFS) => {}
            Err(error) => return Err(failed()(error)),
        }
        at = rustix::fs::openat2(&at, &name, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
            .map_err(failed())?;
    }
    Ok(at)
}

/// The file at `path` in the new root, made empty where it is not there. No link is followed.
fn target_file(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Failure> {
    let failed = || doing::<Errno>(format!("make `{}` in the new root", path.display()));
    let folder = target_folder(root, path.parent().unwrap_or(Path::new("/")))?;
    let name = names(path).pop().unwrap_or_default();
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(&folder, &name, flags, Mode::empty()) {
        Err(Errno::NOENT) => {
            let made = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            drop(rustix::fs::openat(&folder, &name, made, Mode::from_raw_mode(0o444)).map_err(failed())?);
            rustix::fs::openat(&folder, &name, flags, Mode::empty()).map_err(failed())
        }
        other => other.map_err(failed()),
    }
}

fn names(path: &Path) -> Vec<OsString> {
    let normal = |part| if let Component::Normal(name) = part { Some(name.to_owned()) } else { None };
    path.components().filter_map(normal).collect()
}

fn attach(tree: &OwnedFd, folder: impl AsFd, path: &str) -> Result<(), Failure> {
    move_mount(tree, "", folder, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(doing(format!("mount `{path}`")))
}

fn attach_to(tree: &OwnedFd, target: &OwnedFd, shown: &str) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, "", target, "", flags).map_err(doing(format!("mount `{shown}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, access: Access) -> Place {
        Place { path: PathBuf::from(path), access }
    }

    #[test]
    fn the_way_to_what_is_protected_is_made_of_mounts() {
        let mut places =
            vec![place("/p", Access::Write), place("/p/a/b/c", Access::Protect), place("/p/x", Access::Hide)];
        ancestors_of_protected(&mut places);
        let added: Vec<&Place> = places[3..].iter().collect();
        assert_eq!(added, [&place("/p/a/b", Access::Write), &place("/p/a", Access::Write)]);
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(parse_release("6.1.0-57-amd64\n"), Some((6, 1)));
        assert_eq!(parse_release("6.14-rc1\n"), Some((6, 14)));
        assert_eq!(parse_release("unknown"), None);
        assert!(Some((6, 9)) < Some(OWN_NUMBERS) && Some((6, 14)) >= Some(OWN_NUMBERS));
    }

    #[test]
    fn single_files_of_etc_are_left_to_landlock() {
        let mut places = vec![
            place("/usr", Access::Read),
            place("/etc/hosts", Access::Read),
            place("/etc/ssl", Access::Hide),
        ];
        shared_folders(&mut places);
        assert_eq!(
            places,
            [place("/usr", Access::Read), place("/etc/ssl", Access::Hide), place("/etc", Access::Read)]
        );
    }

    #[test]
    fn a_narrower_rule_of_the_same_kind_needs_no_mount() {
        let usr = place("/usr", Access::Read);
        assert!(adds_nothing(&usr, &place("/usr/lib", Access::Read)));
        assert!(!adds_nothing(&usr, &place("/usr/lib", Access::Write)));
        assert!(!adds_nothing(&usr, &place("/usr/lib", Access::Hide)));
        assert!(!adds_nothing(&place("/p", Access::Write), &place("/p/a", Access::Protect)));
        assert!(!adds_nothing(&place("/h", Access::Hide), &place("/h/a", Access::Read)));
    }
}
