//! Checks a receipt against what is there: everything in it is computed again.

use std::sync::Arc;

use loki_ledger::Reader;
use loki_ledger::event::{ArtifactId, RunId};
use serde::Serialize;

use crate::receipt::{Receipt, hash_at, verify_signature};
use crate::tool::{Case, Gate};
use crate::worktree::Worktree;

/// What a receipt is checked against.
pub struct Evidence<'a> {
    /// The ledger.
    pub reader: &'a Reader,
    /// The project's files.
    pub worktree: &'a Worktree,
    /// The gates, as configured now.
    pub gates: &'a [Arc<dyn Gate>],
    /// The public key of this project, hex.
    pub public_key: &'a str,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether the receipt is right about it.
    pub holds: bool,
    /// What was seen.
    pub detail: String,
}

/// Checks everything a receipt says that can be checked. It holds when every check holds.
pub async fn verify(receipt: &Receipt, evidence: &Evidence<'_>) -> Vec<Check> {
    let mut checks = vec![signature(receipt, evidence)];
    checks.extend(ledger(receipt, evidence));
    checks.push(work_tree(receipt, evidence));
    if let Some(base) = &receipt.facts.base {
        checks.push(difference(receipt, evidence, base));
    }
    let case = case(receipt, evidence);
    let mut gaps = Vec::new();
    for fact in &receipt.facts.gates {
        let name = format!("gate {}", fact.gate);
        let Some(gate) = evidence.gates.iter().find(|gate| gate.id() == fact.gate) else {
            checks.push(check(&name, false, "there is no such gate here".to_owned()));
            continue;
        };
        if gate.quote(&case) != Some(0) {
            checks.push(check(
                &name,
                true,
                "not asked again: a model's opinion is not repeatable".to_owned(),
            ));
            continue;
        }
        let judged = gate.judge(&case).await;
        let holds = judged.verdict == fact.verdict;
        checks.push(check(&name, holds, judged.summary));
        gaps.extend(judged.gaps);
    }
    if !receipt.facts.gates.is_empty() {
        let detail = format!("{} named, {} found", receipt.facts.gaps.len(), gaps.len());
        checks.push(check("gaps", gaps == receipt.facts.gaps, detail));
    }
    checks
}

/// What the gates were asked about then.
fn case(receipt: &Receipt, evidence: &Evidence<'_>) -> Case {
    let document = ArtifactId::parse(&receipt.facts.document_sha256)
        .and_then(|document| evidence.reader.artifact(&document).ok())
        .unwrap_or_default();
    Case {
        base: receipt.facts.base.clone(),
        document: String::from_utf8_lossy(&document).into_owned(),
        checklist: Vec::new(),
        allowance_micro_usd: Some(0),
    }
}

fn signature(receipt: &Receipt, evidence: &Evidence<'_>) -> Check {
    match verify_signature(receipt, evidence.public_key) {
        Ok(()) => check("signature", true, format!("ed25519 key {}", evidence.public_key)),
        Err(error) => check("signature", false, error.to_string()),
    }
}

fn ledger(receipt: &Receipt, evidence: &Evidence<'_>) -> Vec<Check> {
    let Some(run) = RunId::parse(&receipt.run) else {
        return vec![check("ledger", false, format!("`{}` is no run", receipt.run))];
    };
    let chain = match evidence.reader.verify(&run) {
        Ok(report) => {
            let detail = match &report.broken {
                None => format!("{} events and {} artifacts hold", report.events, report.artifacts),
                Some(broken) => broken.to_string(),
            };
            check("ledger chain", report.broken.is_none(), detail)
        }
        Err(error) => check("ledger chain", false, error.to_string()),
    };
    let told = &receipt.facts.ledger;
    let head = match hash_at(evidence.reader, &run, told.events) {
        Ok(hash) => check("ledger head", hash == told.head, format!("event {} of run {run}", told.events)),
        Err(error) => check("ledger head", false, error.to_string()),
    };
    let document = ArtifactId::parse(&receipt.facts.document_sha256)
        .is_some_and(|document| evidence.reader.artifact(&document).is_ok());
    let document = check("document", document, format!("SHA-256 {}", receipt.facts.document_sha256));
    vec![chain, head, document]
}

fn work_tree(receipt: &Receipt, evidence: &Evidence<'_>) -> Check {
    match evidence.worktree.tree() {
        Ok(tree) if tree == receipt.facts.head_tree => check("work tree", true, format!("tree {tree}")),
        Ok(tree) => {
            let detail = format!("the files changed since: tree {tree}, not {}", receipt.facts.head_tree);
            check("work tree", false, detail)
        }
        Err(error) => check("work tree", false, error.to_string()),
    }
}

fn difference(receipt: &Receipt, evidence: &Evidence<'_>, base: &str) -> Check {
    match evidence.worktree.difference(base) {
        Ok(difference) => {
            let holds = Some(&difference.sha256) == receipt.facts.diff_sha256.as_ref()
                && difference.paths == receipt.facts.files_changed;
            check("difference", holds, format!("{} files since {base}", difference.paths.len()))
        }
        Err(error) => check("difference", false, error.to_string()),
    }
}

fn check(name: &str, holds: bool, detail: String) -> Check {
    Check { name: name.to_owned(), holds, detail }
}
