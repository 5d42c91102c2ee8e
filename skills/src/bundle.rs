//! The files of one skill, in memory: read from a folder or an archive, within limits, and with no link.

use std::collections::BTreeMap;
use std::path::Path;

use crate::beneath::{Contents, Folder, Kind};
use crate::error::SkillError;
use crate::{
    DEPTH_MAX, FILE_BYTES_MAX, FILES_MAX, SKILL_BYTES_MAX, SKILL_FILE, TEXT_BYTES_MAX, archive, one_line,
};

/// Folders that are never part of a skill.
const LEFT_OUT: [&str; 1] = [".git"];

/// The files of a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, Contents>,
}

impl Bundle {
    /// The skill at `path`: a folder, or an archive (`.tar.gz`, `.zip`) in which it is. `named` is its name, where
    /// there are several.
    ///
    /// # Errors
    ///
    /// Where there is none, or several and none is named, or it cannot be read whole.
    pub fn of_source(path: &Path, named: Option<&str>) -> Result<Bundle, SkillError> {
        let place = one_line(&path.display().to_string(), 300);
        let refused = |why: String| SkillError::Source { place: place.clone(), why };
        let about = std::fs::metadata(path);
        let is_folder = about.map_err(|source| SkillError::Read { place: place.clone(), source })?.is_dir();
        if !is_folder {
            return archive::bundle(path, named).map_err(refused);
        }
        let read = |source| SkillError::Read { place: place.clone(), source };
        let folder = Folder::open(path, "").map_err(read)?;
        if let Some(name) = named {
            let named = ["", "skills"].iter().find_map(|above| {
                let folder = Folder::open(path, above).and_then(|above| above.folder(name)).ok()?;
                Bundle::is_skill(&folder).then_some(folder)
            });
            let Some(folder) = named else {
                return Err(refused(format!("there is no skill `{}` in it", one_line(name, 80))));
            };
            return Bundle::of_folder(&folder).map_err(refused);
        }
        if Bundle::is_skill(&folder) {
            return Bundle::of_folder(&folder).map_err(refused);
        }
        Err(refused(format!("it has no `{SKILL_FILE}`; name the folder of one skill, or `--skill NAME`")))
    }

    /// Every file of the skill in `folder`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line.
    pub(crate) fn of_folder(folder: &Folder) -> Result<Bundle, String> {
        let mut bundle = Bundle { files: BTreeMap::new() };
        let mut bytes = 0;
        bundle.add(folder, "", 0, &mut bytes)?;
        Ok(bundle)
    }

    /// The skill that these files make.
    pub(crate) fn of_files(files: BTreeMap<String, Contents>) -> Result<Bundle, String> {
        let bundle = Bundle { files };
        let bytes = bundle.files.values().map(|contents| contents.bytes.len() as u64).sum();
        bundle.within(bytes)?;
        for (path, contents) in &bundle.files {
            path_fits(path)?;
            size_fits(path, contents.bytes.len() as u64)?;
        }
        Ok(bundle)
    }

    /// Whether the folder has a `SKILL.md`.
    pub(crate) fn is_skill(folder: &Folder) -> bool {
        folder.read(SKILL_FILE, TEXT_BYTES_MAX).is_ok()
    }

    /// The files by path.
    pub(crate) fn files(&self) -> &BTreeMap<String, Contents> {
        &self.files
    }

    fn add(&mut self, folder: &Folder, above: &str, depth: usize, bytes: &mut u64) -> Result<(), String> {
        let entries = folder.entries().map_err(|error| format!("`{}`: {error}", shown(above)))?;
        for entry in entries {
            let path = if above.is_empty() { entry.name.clone() } else { format!("{above}/{}", entry.name) };
            match entry.kind {
                Kind::Folder if LEFT_OUT.contains(&entry.name.as_str()) => {}
                Kind::Folder if depth == DEPTH_MAX => {
                    return Err(format!("`{}` lies more than {DEPTH_MAX} folders deep", shown(&path)));
                }
                Kind::Folder => {
                    let inner = folder.folder(&entry.name);
                    let inner = inner.map_err(|error| format!("`{}`: {error}", shown(&path)))?;
                    self.add(&inner, &path, depth + 1, bytes)?;
                }
                Kind::File => {
                    path_fits(&path)?;
                    let max = bytes_max(&path).min(SKILL_BYTES_MAX.saturating_sub(*bytes));
                    let contents = folder.read(&entry.name, max);
                    let contents = contents.map_err(|error| format!("`{}`: {error}", shown(&path)))?;
                    *bytes += contents.bytes.len() as u64;
                    self.files.insert(path, contents);
                    self.within(*bytes)?;
                }
                Kind::Link => {
                    return Err(format!("`{}` is a symbolic link; put the file itself there", shown(&path)));
                }
                Kind::Special => return Err(format!("`{}` is no regular file", shown(&path))),
            }
        }
        Ok(())
    }

    fn within(&self, bytes: u64) -> Result<(), String> {
        if self.files.len() > FILES_MAX {
            return Err(format!("it has more than {FILES_MAX} files"));
        }
        if bytes > SKILL_BYTES_MAX {
            return Err(format!("its files have more than {SKILL_BYTES_MAX} bytes"));
        }
        Ok(())
    }
}

/// Bytes that a file may have.
fn bytes_max(path: &str) -> u64 {
    if path == SKILL_FILE { TEXT_BYTES_MAX } else { FILE_BYTES_MAX }
}

fn size_fits(path: &str, bytes: u64) -> Result<(), String> {
    let max = bytes_max(path);
    if bytes <= max { Ok(()) } else { Err(format!("`{}`: it has more than {max} bytes", shown(path))) }
}

/// Paths are shown and typed, so they hold nothing that cannot be.
fn path_fits(path: &str) -> Result<(), String> {
    let parts: Vec<&str> = path.split('/').collect();
    let sound = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains('\\');
    let deep = parts.len() > DEPTH_MAX + 1;
    if deep
        || path.len() > 512
        || !parts.iter().all(sound)
        || crate::visible(path) != path
        || path.contains(['\n', '\t'])
    {
        return Err(format!("`{}` is no path that a file of a skill may have", shown(path)));
    }
    Ok(())
}

fn shown(path: &str) -> String {
    if path.is_empty() { "the folder".to_owned() } else { one_line(path, 200) }
}
