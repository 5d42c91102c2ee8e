//! Tests of the policies, and what they share.

mod advice;
mod check;
mod digest;
mod explain;
mod guide;
mod layers;
mod presets;
mod read;
mod variables;

use std::path::PathBuf;

use super::{Document, Places};

/// A project in a home, as most are.
fn places() -> Places {
    places_with("/home/u/work/app", Some("/home/u"))
}

fn places_with(project: &str, home: Option<&str>) -> Places {
    let own = |name: &str| PathBuf::from(format!("/var/lib/sandbox/{name}"));
    Places::new(project.into(), home.map(PathBuf::from), own("home"), own("tmp")).unwrap()
}

fn document(text: &str) -> Document {
    let text = format!("version = 1\n{text}");
    Document::read("policy.toml", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn file_rule(path: &str, access: &str) -> String {
    format!("[[files]]\npath = \"{path}\"\naccess = \"{access}\"\nreason = \"r\"\n")
}

fn host_rule(host: &str, more: &str) -> String {
    format!("[[network]]\nhost = \"{host}\"\n{more}\nreason = \"r\"\n")
}
