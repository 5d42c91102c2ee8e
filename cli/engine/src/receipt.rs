//! The receipt of a run: what is known, apart from what is only thought, signed.
//!
//! `facts` hold what was measured or computed here; `assessments` hold what a provider or a reviewer
//! said. The signature is ed25519 over the receipt's JSON without the `signature` member, members in
//! the order they are written in.

mod handover;
mod markdown;
mod sign;

use std::path::{Path, PathBuf};

use loki_ledger::event::{Outcome, RunId, Stop, Verdict};
use loki_ledger::run::{ModelSpent, Run, SkillTaken, Spent};
use loki_ledger::{LedgerError, Reader};
use loki_store::replace_file;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effects::CouncilVerdict;
use crate::engine::{Engine, EngineError};

pub use sign::{SignError, Signer, verify_signature};

/// The format's version.
pub const VERSION: u32 = 1;

/// A receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: String,
    /// How it ended, in one word.
    pub verdict: String,
    /// The process's exit code for it.
    pub exit_code: u8,
    /// What is known.
    pub facts: Facts,
    /// What was said.
    pub assessments: Assessments,
    /// Who testifies; absent while it is being signed or checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The document's name.
    pub document: String,
    /// SHA-256 of the document.
    pub document_sha256: String,
    /// Commit of the work tree before the run, where one was kept.
    pub base: Option<String>,
    /// Tree of the work tree at the end.
    pub head_tree: String,
    /// SHA-256 of the difference between the two, in git's patch format.
    pub diff_sha256: Option<String>,
    /// Paths that differ.
    pub files_changed: Vec<String>,
    /// The gates of the last verify phase.
    pub gates: Vec<GateFact>,
    /// What is still missing, by name.
    pub gaps: Vec<String>,
    /// What was approved, by whom.
    pub approvals: Vec<ApprovalFact>,
    /// Iterations.
    pub iterations: u32,
    /// Time in which a process drove the run, in milliseconds.
    pub active_ms: u64,
    /// Files that somebody else changed during the run.
    pub edited_by_others: Vec<String>,
    /// The skills that the provider took up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<SkillFact>,
    /// What it cost.
    pub cost: CostFact,
    /// Events in the ledger before the receipt, and the hash of the newest of them.
    pub ledger: LedgerFact,
}

/// A gate's judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateFact {
    /// Which.
    pub gate: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// One line for people.
    pub summary: String,
    /// What it saw, its command and exit code included where it ran one.
    pub facts: Value,
}

/// What a gate that asks a model was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateAssessment {
    /// Which.
    pub gate: String,
    /// What the model said.
    pub said: Value,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalFact {
    /// The hash it is bound to.
    pub subject: String,
    /// `council`, or the person's name.
    pub by: String,
}

/// A skill that was taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillFact {
    /// Its name.
    pub name: String,
    /// Where it was.
    pub place: String,
    /// SHA-256 over all of its files.
    pub sha256: String,
}

/// What a run cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostFact {
    /// Millionths of a US dollar; `None` when it is not known.
    pub micro_usd: Option<u64>,
    /// `measured`, `estimated` or `unknown`.
    pub source: String,
    /// The part of it that calls are taken to have cost whose answer was never received.
    pub micro_usd_lost: u64,
    /// Input tokens that were not cached.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Input tokens read from a cache.
    pub cache_read_tokens: u64,
    /// Input tokens written to a cache.
    pub cache_write_tokens: u64,
    /// Tokens of all kinds that nobody reported, as counted here.
    pub tokens_estimated: u64,
    /// The turns of each model.
    pub models: Vec<ModelFact>,
}

/// What one model's turns came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFact {
    /// The model.
    pub model: String,
    /// Turns it answered.
    pub turns: u32,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

/// Where the ledger stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerFact {
    /// Events before the receipt's own.
    pub events: u64,
    /// Hash of the newest of them.
    pub head: String,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessments {
    /// The provider.
    pub provider: Option<String>,
    /// Its claim.
    pub claim: Option<String>,
    /// What it names as evidence.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The council's verdicts.
    pub council: Vec<CouncilVerdict>,
    /// What models said that gates asked.
    #[serde(default)]
    pub gates: Vec<GateAssessment>,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `ed25519`.
    pub algorithm: String,
    /// The public key, hex.
    pub key: String,
    /// The signature, hex.
    pub value: String,
}

/// The exit code that a stop means.
pub fn exit_code(stop: &Stop) -> u8 {
    match stop {
        Stop::Verified => 0,
        Stop::GateFailed { .. } => 1,
        Stop::VerifiedWithGaps => 10,
        Stop::NeedsPerson { .. }
        | Stop::NeedsModel
        | Stop::ProviderFailed { .. }
        | Stop::Stuck
        | Stop::EmptyTurn
        | Stop::Refused
        | Stop::RateLimited { .. }
        | Stop::Requested
        | Stop::IterationsSpent
        | Stop::TimeSpent
        | Stop::BudgetSpent
        | Stop::OutputSpent
        | Stop::TurnsSpent
        | Stop::RecoveriesSpent => 20,
    }
}

/// A stop in one word.
pub fn verdict(stop: &Stop) -> &'static str {
    match stop {
        Stop::Verified => "verified",
        Stop::VerifiedWithGaps => "verified_with_gaps",
        Stop::GateFailed { .. } => "gate_failed",
        Stop::NeedsPerson { .. } => "needs_person",
        Stop::NeedsModel => "needs_model",
        Stop::ProviderFailed { .. } => "provider_failed",
        Stop::Stuck => "stuck",
        Stop::EmptyTurn => "empty_turn",
        Stop::Refused => "refused",
        Stop::RateLimited { .. } => "rate_limited",
        Stop::Requested => "stopped_on_request",
        Stop::IterationsSpent => "iterations_spent",
        Stop::TimeSpent => "time_spent",
        Stop::BudgetSpent => "budget_spent",
        Stop::OutputSpent => "output_spent",
        Stop::TurnsSpent => "turns_spent",
        Stop::RecoveriesSpent => "recoveries_spent",
    }
}

/// The folder of a run's receipt.
pub fn folder(state: &Path, run: &str) -> PathBuf {
    state.join("receipts").join(run)
}

/// Writes the receipt as JSON and as Markdown. Writing it twice is the same as writing it once, but for
/// what changed in between.
pub(crate) fn write(engine: &Engine, run: &Run, stop: &Stop) -> Result<Outcome, EngineError> {
    let mut receipt = build(engine, run, stop)?;
    let unsigned = engine.keep("a receipt", &receipt)?;
    let bytes = engine.ledger.reader().artifact(&unsigned.id)?;
    receipt.signature = Some(engine.signer.sign(&bytes));
    let signed = serde_json::to_vec_pretty(&receipt)
        .map_err(|source| EngineError::Artifact { what: "a receipt", source })?;
    let folder = folder(&engine.state, run.id.as_str());
    save(&folder, "receipt.json", &signed)?;
    save(&folder, "receipt.md", markdown::render(&receipt).as_bytes())?;
    if let Some(note) = handover::note(engine, run, stop)? {
        save(&folder, "handover.md", note.as_bytes())?;
    }
    Ok(Outcome::Receipt { receipt: engine.ledger.put(&signed)? })
}

fn build(engine: &Engine, run: &Run, stop: &Stop) -> Result<Receipt, EngineError> {
    let base = run.snapshots.first().map(|snapshot| snapshot.commit.clone());
    let difference = base.as_deref().map(|base| engine.worktree.difference(base)).transpose()?;
    let (gates, said) = gate_facts(engine, run)?;
    let mut council = Vec::new();
    for (_, verdict, _) in run.reviews.values().filter_map(|review| review.council.as_ref()) {
        council.push(engine.read("a council's verdict", verdict)?);
    }
    // The receipt's own intent is the newest event: the one before it is the last that it speaks of.
    let spoken_of = run.open.as_ref().map_or(run.seq, |open| open.id - 1);
    let (spent, started) = (&run.spent, run.started.as_ref());
    Ok(Receipt {
        version: VERSION,
        run: run.id.to_string(),
        verdict: verdict(stop).to_owned(),
        exit_code: exit_code(stop),
        facts: Facts {
            document: started.map(|s| s.document_name.clone()).unwrap_or_default(),
            document_sha256: started.map(|s| s.document.to_string()).unwrap_or_default(),
            base,
            head_tree: engine.worktree.tree()?,
            diff_sha256: difference.as_ref().map(|difference| difference.sha256.clone()),
            files_changed: difference.map(|difference| difference.paths).unwrap_or_default(),
            gates,
            gaps: run.gates.iter().flat_map(|gate| gate.gaps.iter().cloned()).collect(),
            approvals: approvals(run),
            iterations: run.iteration,
            active_ms: spent.active_ms,
            edited_by_others: run.edited.iter().cloned().collect(),
            skills: skills(run),
            cost: cost(spent),
            ledger: LedgerFact {
                events: spoken_of,
                head: hash_at(engine.ledger.reader(), &run.id, spoken_of)?,
            },
        },
        assessments: Assessments {
            provider: started.and_then(|started| started.provider.clone()),
            claim: run.claim.as_ref().map(|claim| claim.summary.clone()),
            evidence: run.claim.as_ref().map(|claim| claim.evidence.clone()).unwrap_or_default(),
            council,
            gates: said,
        },
        signature: None,
    })
}

/// The gates' facts, and apart from them what models said that they asked.
fn gate_facts(engine: &Engine, run: &Run) -> Result<(Vec<GateFact>, Vec<GateAssessment>), EngineError> {
    let (mut gates, mut said) = (Vec::with_capacity(run.gates.len()), Vec::new());
    for gate in &run.gates {
        let mut facts: Value = engine.read("a gate's facts", &gate.facts)?;
        if let Some(assessments) = facts.as_object_mut().and_then(|facts| facts.remove("assessments")) {
            said.push(GateAssessment { gate: gate.gate.clone(), said: assessments });
        }
        gates.push(GateFact {
            gate: gate.gate.clone(),
            verdict: gate.verdict,
            summary: gate.summary.clone(),
            facts,
        });
    }
    Ok((gates, said))
}

fn cost(spent: &Spent) -> CostFact {
    let unknown = spent.turns_unknown > 0;
    let source = if unknown { "unknown" } else { ["measured", "estimated"][usize::from(spent.estimated)] };
    let model = |(model, spent): (&String, &ModelSpent)| ModelFact {
        model: model.clone(),
        turns: spent.turns,
        micro_usd: spent.micro_usd,
    };
    CostFact {
        micro_usd: (!unknown).then_some(spent.micro_usd),
        source: source.to_owned(),
        micro_usd_lost: spent.micro_usd_lost,
        input_tokens: spent.input,
        output_tokens: spent.output,
        cache_read_tokens: spent.cache_read,
        cache_write_tokens: spent.cache_write,
        tokens_estimated: spent.tokens_estimated,
        models: spent.models.iter().map(model).collect(),
    }
}

fn skills(run: &Run) -> Vec<SkillFact> {
    let fact = |taken: &SkillTaken| SkillFact {
        name: taken.skill.name.clone(),
        place: taken.skill.place.clone(),
        sha256: taken.skill.hash.clone(),
    };
    run.skills.iter().map(fact).collect()
}

fn approvals(run: &Run) -> Vec<ApprovalFact> {
    let approved = run.reviews.iter().filter(|(_, review)| review.approved);
    approved
        .map(|(subject, review)| ApprovalFact {
            subject: subject.clone(),
            by: match &review.person {
                Some((true, name, _)) if review.needs_person.is_some() => name.clone(),
                Some(_) | None => "council".to_owned(),
            },
        })
        .collect()
}

/// The hash of a run's event, hex; empty where there is no such event.
pub(crate) fn hash_at(reader: &Reader, run: &RunId, seq: u64) -> Result<String, LedgerError> {
    let page = reader.events(run, seq.saturating_sub(1))?;
    Ok(page
        .events
        .first()
        .filter(|event| event.seq == seq)
        .map(|event| event.hash.to_string())
        .unwrap_or_default())
}

fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
    let path = folder.join(name);
    replace_file(&path, bytes, 0o644).map_err(|source| EngineError::Receipt { path, source })
}
