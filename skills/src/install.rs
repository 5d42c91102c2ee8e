//! Puts a skill into a folder of skills: all of it, or nothing.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::bundle::Bundle;
use crate::error::SkillError;
use crate::package::Package;
use crate::{Origin, one_line};

/// What happens to a skill that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is installed.
    Keep,
    /// The new one takes its place.
    Replace,
}

/// A skill that was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Its files.
    pub files: usize,
    /// SHA-256 over them, lower-case hex.
    pub hash: String,
    /// Whether another was there before.
    pub replaced: bool,
}

/// Installs the skill as a folder of its name in `skills`, which is made where it is missing.
///
/// # Errors
///
/// Where it is no sound skill, one of its name is there and stays, or it cannot be written. Nothing is left then.
pub fn install(bundle: &Bundle, skills: &Path, existing: Existing) -> Result<Installed, SkillError> {
    let place = |path: &Path| one_line(&path.display().to_string(), 300);
    let package = Package::of(bundle, Origin::Project, place(skills))
        .map_err(|why| SkillError::Source { place: "the skill".to_owned(), why })?;
    let name = package.frontmatter.name;
    let target = skills.join(&name);
    let failed = |source| SkillError::Write { place: place(&target), source };
    let there = target.symlink_metadata().is_ok();
    if there && existing == Existing::Keep {
        return Err(SkillError::Exists { place: place(&target) });
    }
    DirBuilder::new().recursive(true).mode(0o755).create(skills).map_err(failed)?;
    // A name with a dot before it is never taken for a skill.
    let new = skills.join(format!(".{name}.{}.new", std::process::id()));
    let _ended = Cleared(new.clone());
    fs::create_dir(&new).and_then(|()| write(bundle, &new)).map_err(failed)?;
    let flags = if there { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
    match renameat_with(CWD, &new, CWD, &target, flags) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST) => return Err(SkillError::Exists { place: place(&target) }),
        Err(error) => return Err(failed(error.into())),
    }
    fs::File::open(skills).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Installed {
        name,
        path: target.clone(),
        files: bundle.files().len(),
        hash: package.hash,
        replaced: there,
    })
}

fn write(bundle: &Bundle, folder: &Path) -> io::Result<()> {
    for (path, contents) in bundle.files() {
        let path = folder.join(path);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        let mode = if contents.executable { 0o755 } else { 0o644 };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        file.write_all(&contents.bytes)?;
        file.sync_all()?;
    }
    Ok(())
}

/// What is at a path goes with this: the new skill where it could not be put in place, the old one where it was.
struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        let gone = match self.0.symlink_metadata() {
            Ok(about) if about.is_dir() => fs::remove_dir_all(&self.0),
            Ok(_) => fs::remove_file(&self.0),
            Err(_) => Ok(()),
        };
        // What stays has a name that no skill has.
        drop(gone);
    }
}
