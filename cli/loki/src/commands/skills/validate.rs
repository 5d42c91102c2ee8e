//! `loki skills validate`.

use std::path::{Path, PathBuf};

use loki_skills::{Check, Listed, SKILL_FILE, SkillError, check, one_line};
use serde_json::json;

use super::refused;
use crate::app::skills;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Paint, Ui};

/// Hold skills against the specification
///
/// Exits with 1 where one breaks it. What works and could be better is a warning.
#[derive(clap::Args, Debug)]
pub(crate) struct ValidateArgs {
    /// Names of skills, or folders with one (default: every skill there is)
    #[arg(value_name = "SKILL")]
    skills: Vec<String>,
}

pub(super) fn validate(ui: &mut Ui, context: &Context, args: &ValidateArgs) -> Result<Status, CommandError> {
    let (catalog, tools) = (skills::everything(context), skills::tools());
    let listed = |skill: &Listed| (format!("{} ({})", skill.name, skill.place), skill.check(&tools));
    let mut found: Vec<(String, Check)> = Vec::new();
    for named in &args.skills {
        // A name is a name: a folder of that name is meant where it is written as a path.
        match catalog.active().find(|skill| skill.name == *named) {
            Some(skill) => found.push(listed(skill)),
            None => {
                let folder = folder(&context.current_dir.join(named));
                if !folder.is_dir() {
                    let error = SkillError::Unknown { name: one_line(named, 80) };
                    return Err(refused(&error, &catalog));
                }
                found.push((one_line(named, 200), check(&folder, &tools)));
            }
        }
    }
    if args.skills.is_empty() {
        found.extend(catalog.all().iter().map(listed));
    }
    let sound = found.iter().all(|(_, check)| check.errors.is_empty());
    report(ui, &found, sound)?;
    Ok(if sound { Status::Success } else { Status::GateFailed })
}

/// The folder that a path to it, or to its `SKILL.md`, means.
fn folder(path: &Path) -> PathBuf {
    match path.file_name().is_some_and(|name| name == SKILL_FILE) {
        true => path.parent().unwrap_or(path).to_owned(),
        false => path.to_owned(),
    }
}

fn report(ui: &mut Ui, found: &[(String, Check)], sound: bool) -> Result<(), CommandError> {
    if ui.is_json() {
        let skills: Vec<_> = found
            .iter()
            .map(|(skill, check)| {
                json!({ "skill": skill, "sound": check.errors.is_empty(), "errors": check.errors, "warnings": check.warnings })
            })
            .collect();
        return Ok(ui.result_json(&json!({ "sound": sound, "skills": skills }))?);
    }
    for (skill, check) in found {
        let sign = match check.errors.is_empty() {
            true => ui.paint(Paint::Good, "sound  "),
            false => ui.paint(Paint::Bad, "refused"),
        };
        ui.result(format_args!("{sign}  {skill}"))?;
        for error in &check.errors {
            ui.result(format_args!("         {error}"))?;
        }
        for warning in &check.warnings {
            ui.result(format_args!("         warning: {warning}"))?;
        }
    }
    Ok(())
}
