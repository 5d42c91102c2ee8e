//! `loki skills show`.

use loki_skills::{FileEntry, Package, one_line, visible};
use serde_json::json;

use super::refused;
use crate::app::skills;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::{Paint, Ui};

/// Print what a skill says, and which files it has
///
/// Characters that cannot be seen are spelled out. Nothing of it is run.
#[derive(clap::Args, Debug)]
pub(crate) struct ShowArgs {
    /// Its name
    name: String,
    /// Print this file of it instead
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
}

pub(super) fn show(ui: &mut Ui, context: &Context, args: &ShowArgs) -> Result<Status, CommandError> {
    let catalog = skills::everything(context);
    if let Some(path) = &args.file {
        let read = catalog.file(&args.name, path);
        let (entry, bytes) = read.map_err(|error| refused(&error, &catalog))?;
        file(ui, &entry, bytes)?;
        return Ok(Status::Success);
    }
    let package = catalog.open(&args.name).map_err(|error| refused(&error, &catalog))?;
    if ui.is_json() {
        ui.result_json(&as_json(&package))?;
    } else {
        text(ui, &package)?;
    }
    Ok(Status::Success)
}

fn file(ui: &mut Ui, entry: &FileEntry, bytes: Vec<u8>) -> Result<(), CommandError> {
    let Ok(text) = String::from_utf8(bytes) else {
        let message = format_args!("`{}` is no text", one_line(&entry.path, 200)).to_string();
        return Err(CommandError::new(ErrorKind::Input, message)
            .hint(format_args!("It has {} bytes, SHA-256 {}.", entry.bytes, entry.sha256)));
    };
    if ui.is_json() {
        return Ok(ui.result_json(&json!({
            "path": entry.path, "bytes": entry.bytes, "sha256": entry.sha256, "text": text,
        }))?);
    }
    Ok(ui.result_text(&visible(&text))?)
}

fn as_json(package: &Package) -> serde_json::Value {
    let front = &package.frontmatter;
    json!({
        "name": front.name,
        "description": front.description,
        "license": front.license,
        "compatibility": front.compatibility,
        "metadata": front.metadata,
        "allowed_tools": front.allowed_tools,
        "allowed_here": package.grants().map(|grants| grants.told()),
        "origin": package.origin,
        "place": package.place,
        "sha256": package.hash,
        "files": package.files,
        "text": package.text,
    })
}

fn text(ui: &mut Ui, package: &Package) -> Result<(), CommandError> {
    let front = &package.frontmatter;
    let title = ui.paint(Paint::Strong, &front.name);
    ui.result(format_args!("{title}  {}", package.place))?;
    ui.result(format_args!("{}", one_line(&front.description, 1024)))?;
    let told =
        |name: &str, text: &str| (!text.is_empty()).then(|| format!("{name}: {}", one_line(text, 500)));
    let allowed = package.grants().map(|grants| match grants.told().join(", ") {
        none if none.is_empty() => "none".to_owned(),
        told => told,
    });
    let lines = [
        told("license", front.license.as_deref().unwrap_or_default()),
        told("compatibility", front.compatibility.as_deref().unwrap_or_default()),
        told("tools it narrows a phase to", allowed.as_deref().unwrap_or_default()),
        told("SHA-256", &package.hash),
    ];
    for line in lines.into_iter().flatten() {
        ui.result(format_args!("{line}"))?;
    }
    for file in &package.files {
        ui.result(format_args!("file: {} ({} bytes)", file.path, file.bytes))?;
    }
    ui.result(format_args!("\n{}", visible(&package.text)))?;
    Ok(())
}
