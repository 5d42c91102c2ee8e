//! A skill in an archive: `.tar.gz` or `.zip`, unpacked into memory and nowhere else, within limits that hold
//! whatever the archive says about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::beneath::Contents;
use crate::bundle::Bundle;
use crate::{SKILL_FILE, one_line};

/// Bytes of an archive.
const ARCHIVE_BYTES_MAX: u64 = 32 << 20;
/// Bytes that come out of one, and entries.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
const ENTRIES_MAX: usize = 20_000;

/// What came out of an archive.
#[derive(Default)]
struct Unpacked {
    files: BTreeMap<String, Contents>,
    /// Paths of links and devices: no skill may have one.
    strange: BTreeSet<String>,
    bytes: u64,
}

/// The skill in the archive at `path`; the one called `named`, where there are several.
///
/// # Errors
///
/// What is wrong, in one line.
pub(crate) fn bundle(path: &Path, named: Option<&str>) -> Result<Bundle, String> {
    let failed = |error: io::Error| format!("it cannot be read: {error}");
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > ARCHIVE_BYTES_MAX {
        return Err(format!("it has more than {ARCHIVE_BYTES_MAX} bytes"));
    }
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let unpacked = match magic.as_slice() {
        [0x1f, 0x8b, ..] => of_tar(file)?,
        [b'P', b'K', 3, 4] => of_zip(file)?,
        _ => return Err("it is neither a folder nor a `.tar.gz` or `.zip` archive".to_owned()),
    };
    choose(unpacked, named)
}

/// The files of the one skill that is meant, by paths within it.
fn choose(unpacked: Unpacked, named: Option<&str>) -> Result<Bundle, String> {
    let folder_of = |path: &String| {
        let above = path.strip_suffix(SKILL_FILE)?;
        (above.is_empty() || above.ends_with('/')).then(|| above.to_owned())
    };
    let folders: Vec<String> = unpacked.files.keys().filter_map(folder_of).collect();
    let name = |folder: &str| folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let meant: Vec<&String> =
        folders.iter().filter(|folder| named.is_none_or(|named| name(folder) == named)).collect();
    let folder = match (meant.as_slice(), named) {
        ([only], _) => *only,
        ([], None) => return Err(format!("there is no `{SKILL_FILE}` in it")),
        ([], Some(named)) => return Err(format!("there is no skill `{}` in it", one_line(named, 80))),
        (_, _) => {
            let names: Vec<String> = meant.iter().take(20).map(|folder| one_line(folder, 80)).collect();
            return Err(format!("there are several skills in it ({}); name one", names.join(", ")));
        }
    };
    if let Some(strange) = unpacked.strange.iter().find(|path| path.starts_with(folder.as_str())) {
        return Err(format!("`{}` is a link or a device", one_line(strange, 200)));
    }
    let folder = folder.clone();
    let inside = unpacked.files.into_iter().filter_map(|(path, contents)| {
        let path = path.strip_prefix(folder.as_str())?.to_owned();
        Some((path, contents))
    });
    Bundle::of_files(inside.collect())
}

impl Unpacked {
    fn keep(&mut self, path: String, executable: bool, reader: &mut dyn Read) -> Result<(), String> {
        let left = UNPACKED_BYTES_MAX - self.bytes;
        let mut bytes = Vec::new();
        let read = reader.take(left + 1).read_to_end(&mut bytes);
        read.map_err(|error| format!("`{}` cannot be unpacked: {error}", one_line(&path, 200)))?;
        self.bytes += bytes.len() as u64;
        if self.bytes > UNPACKED_BYTES_MAX {
            return Err(format!("more than {UNPACKED_BYTES_MAX} bytes come out of it"));
        }
        let shown = one_line(&path, 200);
        match self.files.insert(path, Contents { bytes, executable }) {
            None => Ok(()),
            Some(_) => Err(format!("`{shown}` is in it twice")),
        }
    }

    fn count(&self, entries: usize) -> Result<(), String> {
        let many = entries > ENTRIES_MAX;
        if many { Err(format!("it has more than {ENTRIES_MAX} entries")) } else { Ok(()) }
    }
}

/// The path as an archive has it, without a `./` before it; an error where it leads elsewhere.
fn inside(path: &[u8]) -> Result<String, String> {
    let path = std::str::from_utf8(path).map_err(|_| "a path in it is not UTF-8".to_owned())?;
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    if path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..") {
        return Err(format!("`{}` in it leads out of it", one_line(path, 200)));
    }
    Ok(path.to_owned())
}

fn of_tar(file: File) -> Result<Unpacked, String> {
    let broken = |error: io::Error| format!("it is no sound `.tar.gz`: {error}");
    // What is skipped is unpacked too, and headers may be long: the limit stands before everything.
    let plain = GzDecoder::new(file).take(UNPACKED_BYTES_MAX);
    let mut archive = tar::Archive::new(plain);
    let mut unpacked = Unpacked::default();
    for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
        unpacked.count(count + 1)?;
        let mut entry = entry.map_err(broken)?;
        let path = inside(&entry.path_bytes())?;
        match entry.header().entry_type() {
            tar::EntryType::Directory | tar::EntryType::XGlobalHeader => {}
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
                unpacked.keep(path, executable, &mut entry)?;
            }
            _ => {
                unpacked.strange.insert(path);
            }
        }
    }
    Ok(unpacked)
}

fn of_zip(file: File) -> Result<Unpacked, String> {
    let broken = |error: zip::result::ZipError| format!("it is no sound `.zip`: {error}");
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    let mut unpacked = Unpacked::default();
    unpacked.count(archive.len())?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let path = inside(entry.name_raw())?;
        if entry.is_dir() {
            continue;
        }
        let mode = entry.unix_mode().unwrap_or(0o644);
        match mode & 0o170_000 {
            0 | 0o100_000 => unpacked.keep(path, mode & 0o100 != 0, &mut entry)?,
            _ => {
                unpacked.strange.insert(path);
            }
        }
    }
    Ok(unpacked)
}
