//! Forge's operations at the desk. What changes the database was proven on a copy; the council judges it there and
//! then, and where data would be lost a person decides, as in a run.

use std::sync::Arc;

use forge_core::{ApprovalBy, evidence_hash};
use forge_ops::{Outcome, Proposal};
use loki_engine::convene;
use loki_engine::council::{frozen, reviewers};
use loki_mcp::desk::{Call, Question};
use loki_operation::{Access, Answer, Cost, Info, Refusal, RefusalKind};
use serde_json::{Value, json};

use super::{ProjectDesk, blocking, refusals};
use crate::app::forge::{LazyForge, proposed};

/// Operations whose answers hold what users of the application have written.
const HOLD_DATA: [&str; 6] = [
    "forge_auth_user_list",
    "forge_db_export",
    "forge_db_query",
    "forge_db_rpc_call",
    "forge_function_logs",
    "forge_realtime_history",
];

/// Statements that a person is shown.
const STATEMENTS_SHOWN_MAX: usize = 20;

impl ProjectDesk {
    /// Carries out one of Forge's operations.
    pub(super) async fn on_forge(
        &self,
        info: &Info,
        input: &Value,
        call: &Call<'_>,
    ) -> Result<Answer, Refusal> {
        if decided_before(info) {
            self.consent_to(info, input, call).await?;
        }
        let proposal = match carried_out(&self.forge, info.name, input).await? {
            Outcome::Done { summary, data } => return Ok(answer(info, summary, data)),
            Outcome::Review(proposal) => *proposal,
        };
        call.progress.tell(1, Some(2), "tried on a copy; the council judges");
        let by = self.judged(info, &proposal, call).await?;
        self.approve(&proposal, by).await?;
        match carried_out(&self.forge, info.name, input).await? {
            Outcome::Done { summary, data } => Ok(answer(info, summary, data)),
            Outcome::Review(_) => Err(Refusal::new(
                RefusalKind::Conflict,
                "changed_meanwhile",
                format!("the database changed while `{}` was judged", proposal.title),
            )
            .next("Make the call again.")),
        }
    }

    /// Who approves a proposal: the council, and where data would be lost a person too.
    async fn judged(
        &self,
        info: &Info,
        proposal: &Proposal,
        call: &Call<'_>,
    ) -> Result<(ApprovalBy, Value), Refusal> {
        let subject = &proposal.subject_hash;
        let held = convene(
            &reviewers::deterministic(),
            reviewers::advocate().as_ref(),
            subject,
            &proposed(proposal.clone()),
        )
        .await;
        if !held.verdict.approved {
            let findings = held.verdict.rounds.first().map(frozen).unwrap_or_default();
            let told: Vec<String> = findings
                .iter()
                .map(|f| format!("{} {}: {} Fix: {}", f.rule, f.subject, f.message, f.fix))
                .collect();
            let message =
                format!("the council did not approve `{}`: {}", proposal.title, held.verdict.reason);
            let refusal = Refusal::new(RefusalKind::Input, "not_approved", message)
                .next("Change it as the findings say, and make the call again.");
            return Err(if told.is_empty() { refusal } else { refusal.hint(told.join("\n")) });
        }
        let destructive = (info.access == Access::Destructive).then(|| "it may lose data".to_owned());
        let Some(why) = proposal.needs_person.clone().or(destructive) else {
            let evidence = json!({ "by": "desk", "verdict": held.verdict });
            return Ok((ApprovalBy::Council { evidence_hash: evidence_hash(&evidence) }, evidence));
        };
        let details =
            std::iter::once(why).chain(proposal.up.iter().take(STATEMENTS_SHOWN_MAX).cloned()).collect();
        let question = Question { subject: subject.clone(), title: proposal.title.clone(), details };
        let decision = self.consent(info, &question, call).await?;
        let by = ApprovalBy::Person { name: decision.person, reason: decision.reason };
        Ok((by, json!({ "by": "desk", "door": call.door, "verdict": held.verdict })))
    }

    async fn approve(&self, proposal: &Proposal, (by, evidence): (ApprovalBy, Value)) -> Result<(), Refusal> {
        let (forge, subject) = (Arc::clone(&self.forge), proposal.subject_hash.clone());
        blocking(move || {
            let forge = forge.open().map_err(|error| refusals::of_forge(&error))?;
            forge.approve(&subject, by, &evidence).map(drop).map_err(|error| refusals::of_forge(&error))
        })
        .await
    }
}

/// Whether a person decides on an operation before it begins. What is tried on a copy makes a proposal, and they
/// decide on that.
pub(crate) fn decided_before(info: &Info) -> bool {
    info.access == Access::Destructive && info.cost != Cost::Proof
}

/// Carries out an operation of Forge: for every door, and for the loop. Where there is no backend yet, it is made.
pub(crate) async fn carried_out(
    forge: &Arc<LazyForge>,
    name: &'static str,
    input: &Value,
) -> Result<Outcome, Refusal> {
    let (forge, input) = (Arc::clone(forge), input.clone());
    blocking(move || {
        let forge = forge.open().map_err(|error| refusals::of_forge(&error))?;
        forge.call(name, &input).map_err(|error| refusals::of_op(&error))
    })
    .await
}

fn answer(info: &Info, summary: String, data: Value) -> Answer {
    let answer = Answer::new(summary, data);
    if HOLD_DATA.contains(&info.name) { answer.untrusted() } else { answer }
}
