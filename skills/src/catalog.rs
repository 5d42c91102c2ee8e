//! The skills at hand: what each is called, where it is, and which of two of one name counts.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::beneath::{Contents, Folder, Kind};
use crate::bundle::Bundle;
use crate::check::{Check, check, check_text};
use crate::error::SkillError;
use crate::frontmatter::{self, Frontmatter};
use crate::library::{BUILTIN, Builtin};
use crate::package::{Package, sha256};
use crate::{FILE_BYTES_MAX, FileEntry, Origin, SKILL_FILE, SKILLS_MAX, TEXT_BYTES_MAX, one_line, visible};

/// A folder in which skills may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Whose it is.
    pub origin: Origin,
    /// The project, or the home.
    pub base: PathBuf,
    /// The folder below it, such as `.loki/skills`.
    pub below: &'static str,
}

/// A folder that is, or wants to be, a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name; the folder's, fit to be shown, where it is refused.
    pub name: String,
    /// What it does, in one line, fit to be shown.
    pub description: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Where it is, fit to be shown.
    pub place: String,
    /// Whether it counts.
    pub state: State,
    at: At,
}

impl Listed {
    /// Holds it against the specification. `tools` are the names of the tools that there are.
    pub fn check(&self, tools: &[&str]) -> Check {
        let mut found = match &self.at {
            At::Folder { base, below } => check(&base.join(below), tools),
            At::Builtin(builtin) => check_text(builtin.text, tools),
        };
        if let State::Refused { why } = &self.state
            && found.errors.is_empty()
        {
            found.errors.push(why.clone());
        }
        found
    }
}

/// Whether a skill counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is the one that its name stands for.
    Active,
    /// Another of the same name comes before it.
    Shadowed {
        /// Where that is.
        by: String,
    },
    /// It cannot be used.
    Refused {
        /// What is wrong with it.
        why: String,
    },
}

/// The skills at hand.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    all: Vec<Listed>,
}

/// Where a skill's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Folder { base: PathBuf, below: String },
    Builtin(&'static Builtin),
}

/// Characters of a description on its line.
const LINE_CHARS_MAX: usize = 300;

impl Catalog {
    /// Looks through `roots`, in order, and then through the `builtin` skills. What comes first counts. A place
    /// that is not there has no skills; one that cannot be read is listed as refused.
    pub fn discover(roots: &[Root], builtin: &'static [Builtin]) -> Catalog {
        let mut all = Vec::new();
        for root in roots {
            look_into(root, &mut all);
        }
        all.extend(builtin.iter().map(listed_builtin));
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for skill in all.iter_mut().filter(|skill| skill.state == State::Active) {
            match taken.get(&skill.name) {
                Some(by) => skill.state = State::Shadowed { by: by.clone() },
                None => drop(taken.insert(skill.name.clone(), skill.place.clone())),
            }
        }
        Catalog { all }
    }

    /// The library alone.
    pub fn of_library() -> Catalog {
        Catalog::discover(&[], &BUILTIN)
    }

    /// Everything that was found, in order of precedence.
    pub fn all(&self) -> &[Listed] {
        &self.all
    }

    /// The skills that count.
    pub fn active(&self) -> impl Iterator<Item = &Listed> {
        self.all.iter().filter(|skill| skill.state == State::Active)
    }

    /// The whole skill of that name.
    ///
    /// # Errors
    ///
    /// Where there is none, or it has become one that cannot be used.
    pub fn open(&self, name: &str) -> Result<Package, SkillError> {
        let skill = self.find(name)?;
        let refused = |why| SkillError::Refused { place: skill.place.clone(), why };
        let bundle = match &skill.at {
            At::Folder { .. } => Bundle::of_folder(&folder(skill)?).map_err(refused)?,
            At::Builtin(builtin) => {
                let contents = Contents { bytes: builtin.text.as_bytes().to_vec(), executable: false };
                Bundle::of_files(BTreeMap::from([(SKILL_FILE.to_owned(), contents)])).map_err(refused)?
            }
        };
        let package = Package::of(&bundle, skill.origin, skill.place.clone()).map_err(refused)?;
        if package.frontmatter.name != skill.name {
            return Err(refused(format!("it is called `{}` now", package.frontmatter.name)));
        }
        Ok(package)
    }

    /// One file of a skill, as it is now, with what it is known by.
    ///
    /// # Errors
    ///
    /// Where there is no such skill or file, or the path leads out of the skill or through a link.
    pub fn file(&self, name: &str, path: &str) -> Result<(FileEntry, Vec<u8>), SkillError> {
        let skill = self.find(name)?;
        let shown = one_line(path, 200);
        let failed = |why: String| SkillError::File { path: shown.clone(), why };
        let path = path.strip_prefix("./").unwrap_or(path);
        let bytes = match &skill.at {
            At::Builtin(builtin) if path == SKILL_FILE => builtin.text.as_bytes().to_vec(),
            At::Builtin(_) => return Err(failed("it is built in and has no other files".to_owned())),
            At::Folder { .. } => {
                let (above, file) = path.rsplit_once('/').unwrap_or(("", path));
                let steps = above.split('/').filter(|_| !above.is_empty());
                let read = steps
                    .into_iter()
                    .try_fold(folder(skill)?, |folder, step| folder.folder(step))
                    .and_then(|folder| folder.read(file, FILE_BYTES_MAX));
                read.map_err(|error| failed(error.to_string()))?.bytes
            }
        };
        let entry = FileEntry { path: path.to_owned(), bytes: bytes.len() as u64, sha256: sha256(&bytes) };
        Ok((entry, bytes))
    }

    fn find(&self, name: &str) -> Result<&Listed, SkillError> {
        let found = self.active().find(|skill| skill.name == name);
        found.ok_or_else(|| SkillError::Unknown { name: one_line(name, 80) })
    }
}

fn folder(skill: &Listed) -> Result<Folder, SkillError> {
    let opened = match &skill.at {
        At::Folder { base, below } => Folder::open(base, below),
        At::Builtin(_) => Err(io::ErrorKind::NotFound.into()),
    };
    opened.map_err(|source| SkillError::Read { place: skill.place.clone(), source })
}

fn look_into(root: &Root, all: &mut Vec<Listed>) {
    let place = |name: &str| {
        let home = if root.origin == Origin::Home { "~/" } else { "" };
        format!("{home}{}/{}", root.below, one_line(name, 80)).trim_end_matches('/').to_owned()
    };
    let listed = |name: &str, description: String, state: State| Listed {
        name: name.to_owned(),
        description,
        origin: root.origin,
        place: place(name),
        state,
        at: At::Folder { base: root.base.clone(), below: format!("{}/{name}", root.below) },
    };
    let refused = |name: &str, why: String| Listed {
        name: one_line(name, 80),
        ..listed(name, String::new(), State::Refused { why })
    };
    let entries = match Folder::open(&root.base, root.below).and_then(|folder| folder.entries()) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return;
        }
        Err(error) => {
            all.push(refused("", format!("it cannot be looked through: {error}")));
            return;
        }
    };
    let mut count = 0;
    for entry in entries.iter().filter(|entry| !entry.name.starts_with('.')) {
        match entry.kind {
            Kind::File | Kind::Special => continue,
            Kind::Link => {
                let why = "it is a symbolic link; put the folder itself there".to_owned();
                all.push(refused(&entry.name, why));
            }
            Kind::Folder => match described(root, &entry.name) {
                Ok(None) => continue,
                Ok(Some(front)) => {
                    all.push(listed(
                        &front.name,
                        one_line(&front.description, LINE_CHARS_MAX),
                        State::Active,
                    ));
                }
                Err(why) => all.push(refused(&entry.name, why)),
            },
        }
        count += 1;
        if count == SKILLS_MAX {
            all.push(refused("", format!("only its first {SKILLS_MAX} skills are looked at")));
            return;
        }
    }
}

/// What the skill in a folder says about itself; none where the folder is none.
fn described(root: &Root, name: &str) -> Result<Option<Frontmatter>, String> {
    let folder =
        Folder::open(&root.base, &format!("{}/{name}", root.below)).map_err(|error| error.to_string())?;
    let contents = match folder.read(SKILL_FILE, TEXT_BYTES_MAX) {
        Ok(contents) => contents,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("`{SKILL_FILE}`: {error}")),
    };
    let text = frontmatter::text_of(contents.bytes)?;
    let (front, _) = frontmatter::parse(&text)?;
    if front.name != name {
        return Err(format!("its folder `{}` is not called as it is, `{}`", one_line(name, 80), front.name));
    }
    Ok(Some(front))
}

fn listed_builtin(builtin: &'static Builtin) -> Listed {
    let (description, state) = match frontmatter::parse(builtin.text) {
        Ok((front, _)) => (visible(&front.description).into_owned(), State::Active),
        Err(why) => (String::new(), State::Refused { why }),
    };
    Listed {
        name: builtin.name.to_owned(),
        description,
        origin: Origin::Builtin,
        place: "built in".to_owned(),
        state,
        at: At::Builtin(builtin),
    }
}
