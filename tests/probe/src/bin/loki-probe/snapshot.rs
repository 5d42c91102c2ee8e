//! Everything about the files in some folders that an act could change, as lines of text.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::sys::{call, text};

/// One line for each file and folder at and below `paths`, sorted. Times of reading are left out, and so are
/// those of folders: a sandbox may make a place to mount on and take it away again.
pub(crate) fn snapshot(paths: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for path in paths {
        visit(Path::new(path), &mut lines);
    }
    lines.sort();
    lines
}

fn visit(path: &Path, lines: &mut Vec<String>) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return lines.push(format!("{} is not there", path.display()));
    };
    if means_nothing(path, &metadata) {
        return;
    }
    let contents = if metadata.is_file() { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let owner = format!("{}:{}", metadata.uid(), metadata.gid());
    let time = if metadata.is_dir() { (0, 0) } else { (metadata.mtime(), metadata.mtime_nsec()) };
    let links = if metadata.is_file() { metadata.nlink() } else { 0 };
    lines.push(format!(
        "{} {:o} {owner} {}.{} links {links} flags {:x} attributes {} contents {:016x}",
        path.display(),
        metadata.mode(),
        time.0,
        time.1,
        flags(path).unwrap_or(0),
        attributes(path),
        fingerprint(&contents),
    ));
    if metadata.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            visit(&entry.path(), lines);
        }
    }
}

/// Whether git takes what is there for not being there, because it is empty. A sandbox may leave such things
/// behind, so that there is something to protect.
fn means_nothing(path: &Path, metadata: &fs::Metadata) -> bool {
    let below_git = path.parent().is_some_and(|folder| folder.ends_with(".git"));
    let known =
        ["hooks", "info", "modules", "worktrees", "config.worktree"].iter().any(|name| path.ends_with(name));
    let empty = if metadata.is_dir() {
        fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
    } else {
        metadata.is_file() && metadata.len() == 0
    };
    below_git && known && empty
}

fn flags(path: &Path) -> Option<u64> {
    let file = fs::File::open(path).ok().filter(|_| path.is_file())?;
    let mut flags = 0_u64;
    call!(libc::SYS_ioctl, &file, 0x8008_6601_u32, &raw mut flags).ok()?;
    Some(flags)
}

fn attributes(path: &Path) -> String {
    let mut names = [0_u8; 1024];
    let path = text(&path.display().to_string());
    let Ok(length) = call!(libc::SYS_llistxattr, path, names.as_mut_ptr(), names.len()) else {
        return String::new();
    };
    let names = names.iter().take(length as usize).map(|byte| if *byte == 0 { b',' } else { *byte });
    String::from_utf8_lossy(&names.collect::<Vec<u8>>()).into_owned()
}

/// FNV-1a: enough to see a change that nobody hides.
fn fingerprint(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}
