//! Row-level security as it is written: a shorthand, one with grants, or policies.

use super::{
    error::{Place, SpecError},
    node::{Kind, Node},
    read::{Fields, list, names, scalar},
};
use crate::{
    policy,
    schema::{Command, Policy, Rls, Table},
};

/// Every command, in order.
const ALL: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];
/// The label of policies that no shorthand stands for.
pub(super) const CUSTOM: &str = "custom";

/// What a text says, before the table's columns are known.
pub(super) enum RlsDraft {
    Label { at: Place, label: String },
    Base { at: Place, label: String, grants: Vec<(String, Vec<Command>)> },
    Policies(Rls),
}

pub(super) fn read(node: &Node) -> Result<RlsDraft, SpecError> {
    match &node.kind {
        Kind::Scalar { text, .. } => Ok(RlsDraft::Label { at: node.at, label: text.clone() }),
        Kind::List(items) => {
            Ok(RlsDraft::Policies(Rls { label: CUSTOM.to_owned(), policies: policies(items)? }))
        }
        Kind::Map(_) => {
            let fields = Fields::of(node, "rls", &["base", "grants", "label", "policies"])?;
            if let Some(node) = fields.get("policies") {
                let label = fields.get("label").map_or(Ok(CUSTOM), scalar)?.to_owned();
                return Ok(RlsDraft::Policies(Rls { label, policies: policies(list(node, "`policies`")?)? }));
            }
            let base = fields.need("base")?;
            let label = scalar(base)?.to_owned();
            let grants = fields.get("grants").map_or(Ok(Vec::new()), grants)?;
            Ok(RlsDraft::Base { at: base.at, label, grants })
        }
    }
}

pub(super) fn settle(draft: &RlsDraft, table: &Table) -> Result<Rls, SpecError> {
    match draft {
        RlsDraft::Label { at, label } => expand(*at, label, table),
        RlsDraft::Base { at, label, grants } => Ok(policy::with_grants(expand(*at, label, table)?, grants)),
        RlsDraft::Policies(rls) => Ok(rls.clone()),
    }
}

fn expand(at: Place, label: &str, table: &Table) -> Result<Rls, SpecError> {
    let (base, grants) = match policy::shorthand::parts(label) {
        Some((_, grants)) if !grants.is_empty() => (label.split(" + ").next().unwrap_or(label), grants),
        Some(_) | None => (label, Vec::new()),
    };
    let rls = policy::expand(base, table).map_err(|error| {
        let told = SpecError::new(at, error.message, "");
        match error.hint {
            Some(hint) => told.hint(hint),
            None => told,
        }
    })?;
    Ok(policy::with_grants(rls, &grants))
}

/// What a label stands for on `table`; `None` when it stands for nothing.
pub(super) fn expand_label(label: &str, table: &Table) -> Option<Rls> {
    expand(Place { line: 1, column: 1 }, label, table).ok()
}

fn grants(node: &Node) -> Result<Vec<(String, Vec<Command>)>, SpecError> {
    let one = |node: &Node| {
        let fields = Fields::of(node, "a grant", &["role", "can"])?;
        let can = commands(fields.need("can")?)?;
        Ok((role(fields.need("role")?)?, can))
    };
    list(node, "`grants`")?.iter().map(one).collect()
}

fn policies(items: &[Node]) -> Result<Vec<Policy>, SpecError> {
    let one = |node: &Node| {
        let fields = Fields::of(node, "a policy", &["name", "for", "to", "using", "check", "restrictive"])?;
        let roles = match fields.get("to") {
            None => vec!["authenticated".to_owned()],
            Some(node) => match &node.kind {
                Kind::List(items) => items.iter().map(role).collect::<Result<_, _>>()?,
                Kind::Scalar { .. } | Kind::Map(_) => vec![role(node)?],
            },
        };
        let text = |key: &str| fields.get(key).map(|node| scalar(node).map(str::to_owned)).transpose();
        Ok(Policy {
            name: fields.name("name")?,
            commands: fields.get("for").map_or_else(|| Ok(ALL.to_vec()), commands)?,
            roles,
            restrictive: fields.flag("restrictive")?.unwrap_or(false),
            using: text("using")?,
            check: text("check")?,
        })
    };
    items.iter().map(one).collect()
}

pub(super) fn role(node: &Node) -> Result<String, SpecError> {
    Ok(names(node)?.into_iter().next().unwrap_or_default())
}

pub(super) fn commands(node: &Node) -> Result<Vec<Command>, SpecError> {
    let one = |node: &Node| match scalar(node)?.to_ascii_lowercase().as_str() {
        "select" | "read" => Ok(vec![Command::Select]),
        "insert" => Ok(vec![Command::Insert]),
        "update" => Ok(vec![Command::Update]),
        "delete" => Ok(vec![Command::Delete]),
        "all" => Ok(ALL.to_vec()),
        other => Err(SpecError::new(
            node.at,
            format!("`{other}` is no command"),
            "select, insert, update, delete or all",
        )
        .meant(other, &["select", "insert", "update", "delete", "all"])),
    };
    match &node.kind {
        Kind::List(items) => Ok(items.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat()),
        Kind::Scalar { .. } | Kind::Map(_) => one(node),
    }
}

/// The name of a command, as it is written.
pub(super) fn command_name(command: Command) -> &'static str {
    match command {
        Command::Select => "select",
        Command::Insert => "insert",
        Command::Update => "update",
        Command::Delete => "delete",
    }
}
