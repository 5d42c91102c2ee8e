//! `loki skills list`.

use loki_skills::{Listed, State, one_line};
use serde_json::{Value, json};

use crate::app::skills;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Ui, table};

/// Characters of a description that are shown.
const DESCRIPTION_CHARS_MAX: usize = 100;

/// Print the skills there are, where each is, and what each is for
///
/// Skills that are hidden by another of their name, and folders that are refused, are told too.
#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {}

pub(super) fn list(ui: &mut Ui, context: &Context, _: &ListArgs) -> Result<Status, CommandError> {
    let catalog = skills::everything(context);
    if ui.is_json() {
        ui.result_json(&catalog.all().iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Status::Success);
    }
    let row = |skill: &Listed| {
        [skill.name.clone(), skill.place.clone(), one_line(&skill.description, DESCRIPTION_CHARS_MAX)]
    };
    let rows: Vec<[String; 3]> = catalog.active().map(row).collect();
    ui.result_text(&table(&rows))?;
    for skill in catalog.all() {
        match &skill.state {
            State::Active => {}
            State::Shadowed { by } => {
                ui.status(format_args!("`{}` ({}) is hidden by the one at {by}.", skill.name, skill.place))?;
            }
            State::Refused { why } => ui.warning(format_args!("{} is refused: {why}", skill.place))?,
        }
    }
    Ok(Status::Success)
}

fn as_json(skill: &Listed) -> Value {
    let (state, why) = match &skill.state {
        State::Active => ("active", None),
        State::Shadowed { by } => ("hidden", Some(by)),
        State::Refused { why } => ("refused", Some(why)),
    };
    json!({
        "name": skill.name,
        "origin": skill.origin,
        "place": skill.place,
        "description": skill.description,
        "state": state,
        "why": why,
    })
}
