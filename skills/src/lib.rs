//! Agent Skills: folders with a `SKILL.md` that tell a model how something is done, kept beside this crate
//! as `<name>/SKILL.md` and built into the program, or found in a project or a home.
//!
//! What is known of a skill grows with the need for it: its name and description while it lies there
//! ([`Catalog`]), its text when it is taken up ([`Catalog::open`]), its other files one by one
//! ([`Catalog::file`]). Nothing of a skill is ever run here, and no link is followed.

mod archive;
mod beneath;
mod bundle;
mod catalog;
mod check;
mod error;
mod frontmatter;
mod grants;
mod install;
mod library;
mod package;
mod visible;

#[cfg(test)]
mod tests;

pub use bundle::Bundle;
pub use catalog::{Catalog, Listed, Root, State};
pub use check::{Check, check, check_text};
pub use error::SkillError;
pub use frontmatter::{Frontmatter, is_name, parse};
pub use grants::{Grants, TOOLS};
pub use install::{Existing, Installed, install};
pub use library::{BUILTIN, Builtin};
pub use package::{FileEntry, Package};
pub use visible::{one_line, visible};

use serde::{Deserialize, Serialize};

/// The file that makes a folder a skill.
pub const SKILL_FILE: &str = "SKILL.md";

/// Bytes of a `SKILL.md`.
pub const TEXT_BYTES_MAX: u64 = 128 * 1024;
/// Bytes of one other file of a skill.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// Bytes of all files of a skill.
pub const SKILL_BYTES_MAX: u64 = 16 << 20;
/// Files of a skill, and folders below each other.
pub const FILES_MAX: usize = 500;
/// Folders of a skill that lie in each other.
pub const DEPTH_MAX: usize = 8;
/// Skills that are looked at in one place.
pub const SKILLS_MAX: usize = 200;

/// Where a skill comes from. What comes first wins over what comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The project's own folders.
    Project,
    /// The user's home.
    Home,
    /// The library that is built into the program.
    Builtin,
}

impl Origin {
    /// Its name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Home => "home",
            Self::Builtin => "builtin",
        }
    }
}
