//! The call `skill`: lists the skills at hand, takes one up, or shows one of its files.
//!
//! Nothing of a skill is run here. A script is a file like any other until a tool runs it, confined.

use loki_ledger::event::{Outcome, Skill};
use loki_ledger::run::Run;
use loki_skills::{FileEntry, Grants, SkillError, one_line, visible};
use serde_json::Value;

use super::{answered, head};
use crate::engine::{Engine, EngineError};
use crate::skills::{SNAPSHOT_VERSION, Snapshot, left, taken};

/// Skills that one run may take up.
const SKILLS_MAX: usize = 16;
/// Bytes of one file that are shown.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Files that are named when a skill is taken up.
const FILES_NAMED_MAX: usize = 100;

/// Carries the call out.
pub(super) fn skill(engine: &Engine, run: &Run, input: &Value) -> Result<Outcome, EngineError> {
    match (input["name"].as_str(), input["file"].as_str()) {
        (None, _) => list(engine),
        (Some(name), None) => take_up(engine, run, name),
        (Some(name), Some(path)) => file(engine, run, name, path),
    }
}

fn list(engine: &Engine) -> Result<Outcome, EngineError> {
    let lines: Vec<String> = engine
        .skills
        .active()
        .map(|skill| format!("- {} ({}): {}", skill.name, skill.origin.as_str(), skill.description))
        .collect();
    let summary = format!("{} skills are at hand", lines.len());
    answered(engine, true, &summary, &format!("{summary}\n{}", lines.join("\n")))
}

fn take_up(engine: &Engine, run: &Run, name: &str) -> Result<Outcome, EngineError> {
    let (skill, snapshot) = match taken(run, name) {
        Some(skill) => (skill.clone(), engine.read("a skill", &skill.snapshot)?),
        None if run.skills.len() >= SKILLS_MAX => {
            let message = format!("this run has taken up {SKILLS_MAX} skills already, and takes up no more");
            return answered(engine, false, &message, &message);
        }
        None => match kept(engine, name)? {
            Ok(kept) => kept,
            Err(error) => return refused(engine, &error),
        },
    };
    let standing = run.skills.iter().any(|taken| taken.standing && taken.skill.name == name);
    let output = answer(&skill, &snapshot, standing);
    let kept = engine.keep("a tool's answer", &output)?;
    Ok(Outcome::Activated { skill, output: kept.id, bytes: kept.bytes })
}

/// A skill as it is on the disk now, kept.
fn kept(engine: &Engine, name: &str) -> Result<Result<(Skill, Snapshot), SkillError>, EngineError> {
    let package = match engine.skills.open(name) {
        Ok(package) => package,
        Err(error) => return Ok(Err(error)),
    };
    let snapshot = Snapshot { version: SNAPSHOT_VERSION, text: package.text, files: package.files };
    let skill = Skill {
        name: package.frontmatter.name,
        place: package.place,
        hash: package.hash,
        snapshot: engine.keep("a skill", &snapshot)?.id,
        allowed_tools: package.frontmatter.allowed_tools,
    };
    Ok(Ok((skill, snapshot)))
}

/// The text, its files, and what may be called from here on.
fn answer(skill: &Skill, snapshot: &Snapshot, standing: bool) -> String {
    let mut text = match standing {
        true => format!("The skill `{}` stands in your instructions already.\n", skill.name),
        false => {
            format!("The skill `{}`, from {}:\n\n{}\n", skill.name, skill.place, visible(&snapshot.text))
        }
    };
    if !snapshot.files.is_empty() {
        text.push_str("\nIts files; `skill` with `name` and `file` shows one:\n");
        let named = snapshot.files.iter().take(FILES_NAMED_MAX);
        text.extend(named.map(|file| format!("- {} ({} bytes)\n", file.path, file.bytes)));
        if snapshot.files.len() > FILES_NAMED_MAX {
            text.push_str(&format!("- and {} more\n", snapshot.files.len() - FILES_NAMED_MAX));
        }
    }
    if snapshot.files.iter().any(|file| file.path.starts_with("scripts/")) {
        text.push_str(&scripts(&skill.place));
    }
    if let Some(allowed) = &skill.allowed_tools {
        text.push_str(&format!("\n{}.\n", left(&skill.name, &Grants::parse(allowed))));
    }
    text
}

/// How scripts are run: commands are confined, and see neither `.loki` nor the home.
fn scripts(place: &str) -> String {
    let hidden = place.starts_with("~/") || place.starts_with(".loki/");
    match hidden {
        true => {
            "\nCommands cannot see this skill's folder: to run a script of it, show it, write it into the \
                 project, and run it there.\n"
                .to_owned()
        }
        false => format!("\nA script is run with `run_command`, by its path `{place}/scripts/…`.\n"),
    }
}

fn file(engine: &Engine, run: &Run, name: &str, path: &str) -> Result<Outcome, EngineError> {
    let shown = one_line(path, 200);
    let Some(skill) = taken(run, name) else {
        let message = format!("the skill `{}` is not taken up", one_line(name, 80));
        let output = format!("error not_taken_up: {message}\nhint: call `skill` with its name first");
        return answered(engine, false, &message, &output);
    };
    let snapshot: Snapshot = engine.read("a skill", &skill.snapshot)?;
    let (entry, bytes) = match engine.skills.file(name, path) {
        Ok(read) => read,
        Err(error) => return refused(engine, &error),
    };
    if !snapshot.files.contains(&entry) {
        return changed(engine, &snapshot, &entry);
    }
    let Ok(text) = String::from_utf8(bytes) else {
        let message = format!("`{shown}` is no text");
        let output = format!("error not_text: {message}\nhint: a tool or a script of the skill may read it");
        return answered(engine, false, &message, &output);
    };
    let visible = visible(&text);
    let part = head(&visible, FILE_BYTES_MAX);
    let more = match visible.len() - part.len() {
        0 => String::new(),
        rest => format!("\n[{rest} more bytes]"),
    };
    let summary = format!("`{shown}` of the skill `{name}`, {} bytes", text.len());
    answered(engine, true, &summary, &format!("{part}{more}"))
}

/// The file is not the one that was there when the skill was taken up.
fn changed(engine: &Engine, snapshot: &Snapshot, entry: &FileEntry) -> Result<Outcome, EngineError> {
    let shown = one_line(&entry.path, 200);
    let message = match snapshot.files.iter().any(|file| file.path == entry.path) {
        true => format!("`{shown}` has changed since the skill was taken up"),
        false => format!("`{shown}` was no file of the skill when it was taken up"),
    };
    let hint = "a run goes by the skill as it was then; go on without this file";
    answered(engine, false, &message, &format!("error skill_changed: {message}\nhint: {hint}"))
}

fn refused(engine: &Engine, error: &SkillError) -> Result<Outcome, EngineError> {
    let message = error.to_string();
    let hint = match error {
        SkillError::Unknown { .. } => "call `skill` without a name to list them",
        SkillError::File { .. } => "the skill's answer lists its files",
        SkillError::Refused { .. }
        | SkillError::Read { .. }
        | SkillError::Source { .. }
        | SkillError::Exists { .. }
        | SkillError::Write { .. } => "go on without it; a person can mend it (`loki skills validate`)",
    };
    answered(engine, false, &message, &format!("error no_skill: {message}\nhint: {hint}"))
}
