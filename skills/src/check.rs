//! Holds a skill against the specification: what must be mended, and what had better be.

use std::path::Path;

use crate::beneath::Folder;
use crate::bundle::Bundle;
use crate::package::Package;
use crate::visible::first_hidden;
use crate::{Origin, SKILL_FILE, TEXT_BYTES_MAX, frontmatter, one_line};

/// Lines of a text that a model can well keep in mind.
const LINES_WISE: usize = 500;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Check {
    /// What breaks the specification; the skill is refused, or others refuse it.
    pub errors: Vec<String>,
    /// What works and could be better.
    pub warnings: Vec<String>,
}

/// Checks the skill in the folder at `path`. `tools` are the names of the tools that there are.
pub fn check(path: &Path, tools: &[&str]) -> Check {
    let refused = |why: String| Check { errors: vec![why], warnings: Vec::new() };
    let shown = one_line(&path.display().to_string(), 200);
    let folder = match Folder::open(path, "") {
        Ok(folder) => folder,
        Err(error) => return refused(format!("`{shown}` cannot be opened: {error}")),
    };
    if let Err(error) = folder.read(SKILL_FILE, TEXT_BYTES_MAX) {
        return refused(format!("`{SKILL_FILE}`: {error}"));
    }
    let bundle = match Bundle::of_folder(&folder) {
        Ok(bundle) => bundle,
        Err(why) => return refused(why),
    };
    let package = match Package::of(&bundle, Origin::Project, shown) {
        Ok(package) => package,
        Err(why) => return refused(why),
    };
    let mut check = Check::default();
    let name = path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    if name.as_deref() != Some(package.frontmatter.name.as_str()) {
        check.errors.push(format!("its folder is not called `{}`", package.frontmatter.name));
    }
    let text = bundle.files().get(SKILL_FILE).map(|contents| contents.bytes.clone()).unwrap_or_default();
    judge(&mut check, &package, &String::from_utf8_lossy(&text), tools);
    check
}

/// Checks the text of a skill that has no other files.
pub fn check_text(text: &str, tools: &[&str]) -> Check {
    let (front, body) = match frontmatter::parse(text) {
        Ok(parsed) => parsed,
        Err(why) => return Check { errors: vec![why], warnings: Vec::new() },
    };
    let mut check = Check::default();
    let package = Package {
        frontmatter: front,
        text: body.to_owned(),
        origin: Origin::Builtin,
        place: String::new(),
        files: Vec::new(),
        hash: String::new(),
    };
    judge(&mut check, &package, text, tools);
    check
}

fn judge(check: &mut Check, package: &Package, text: &str, tools: &[&str]) {
    for field in &package.frontmatter.unknown {
        check.errors.push(format!("`{}` is no field of the specification", one_line(field, 80)));
    }
    if let Some((line, found)) = first_hidden(text) {
        let found = found.escape_unicode();
        check.warnings.push(format!(
            "line {line} holds {found}, which nobody sees; it is spelled out where it is shown"
        ));
    }
    let lines = package.text.lines().count();
    if lines > LINES_WISE {
        check
            .warnings
            .push(format!("its text has {lines} lines; move what is not always needed into `references/`"));
    }
    if package.text.trim().is_empty() {
        check.warnings.push("it says nothing beyond its description".to_owned());
    }
    let grants = package.grants();
    for idle in grants.iter().flat_map(|grants| grants.idle(tools)) {
        check.warnings.push(format!("`{}` in `allowed-tools` allows nothing here", one_line(idle, 80)));
    }
    if grants.is_some_and(|grants| grants.written().is_empty()) {
        check.warnings.push("`allowed-tools` names no tool, so that none may be called".to_owned());
    }
    for missing in missing(package) {
        check.warnings.push(format!("its text leads to `{}`, which is not there", one_line(missing, 200)));
    }
}

/// Files that the text links to and that the skill does not have.
fn missing(package: &Package) -> Vec<&str> {
    let mut missing = Vec::new();
    for (at, _) in package.text.match_indices("](") {
        let rest = &package.text[at + 2..];
        let Some(end) = rest.find([')', '\n', ' ', '#']) else { continue };
        let path = &rest[..end];
        let local = ["scripts/", "references/", "assets/"].iter().any(|folder| path.starts_with(folder));
        if local && !package.files.iter().any(|file| file.path == path) && !missing.contains(&path) {
            missing.push(path);
        }
    }
    missing
}
