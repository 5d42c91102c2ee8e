//! What a person must decide before it happens.
//!
//! Whoever asks can never decide in a person's stead. A person does so before the client, where the client can ask
//! and says that a person answered, or on the command line. A decision on a call allows that call once.

use loki_ledger::journal::{Decision, Proposed};
use loki_mcp::desk::{Call, Question, Said};
use loki_operation::{Info, Refusal, RefusalKind};
use serde_json::Value;

use super::{ProjectDesk, blocking, refusals, subject};

/// Bytes of an input that a person is shown.
const INPUT_SHOWN_MAX: usize = 2_000;

impl ProjectDesk {
    /// Whether a person lets this operation be carried out with this input: once.
    pub(super) async fn consent_to(
        &self,
        info: &Info,
        input: &Value,
        call: &Call<'_>,
    ) -> Result<Decision, Refusal> {
        let question = Question {
            subject: subject(info, input),
            title: format!("{}: {}", info.name, info.summary),
            details: vec![format!("with {}", shown(input))],
        };
        self.consent(info, &question, call).await
    }

    /// Whether a person lets happen what the question says.
    pub(super) async fn consent(
        &self,
        info: &Info,
        question: &Question,
        call: &Call<'_>,
    ) -> Result<Decision, Refusal> {
        if let Some(decision) = self.taken(&question.subject).await? {
            return allowed(question, decision);
        }
        let said = match call.approve {
            Some(ask) => ask.ask(question).await,
            None => Said::Nothing,
        };
        let decision = match said {
            Said::Yes { person, reason } => Decision { approved: true, person, reason },
            Said::No { person, reason } => Decision { approved: false, person, reason },
            Said::Nothing => {
                self.propose(info, question).await?;
                return Err(waits(question));
            }
        };
        // It may have waited on the list since an earlier call.
        let (journal, subject) = (self.journal().await?.clone(), question.subject.clone());
        blocking(move || journal.settle(&subject).map_err(refusals::of_ledger)).await?;
        allowed(question, decision)
    }

    /// A decision that was made on the command line, taken off the list: it counts once.
    async fn taken(&self, subject: &str) -> Result<Option<Decision>, Refusal> {
        let (journal, subject) = (self.journal().await?.clone(), subject.to_owned());
        let take = move || {
            let Some(decision) = journal.decision(&subject)? else { return Ok(None) };
            // Where two calls find it, it allows the one that takes it off the list.
            Ok(journal.settle(&subject)?.then_some(decision))
        };
        blocking(move || take().map_err(refusals::of_ledger)).await
    }

    async fn propose(&self, info: &Info, question: &Question) -> Result<(), Refusal> {
        let journal = self.journal().await?.clone();
        let proposed = Proposed {
            subject: question.subject.clone(),
            operation: info.name.to_owned(),
            title: question.title.clone(),
        };
        blocking(move || journal.propose(&proposed).map_err(refusals::of_ledger)).await
    }
}

/// The refusal of what waits for a person.
pub(super) fn waits(question: &Question) -> Refusal {
    let short = question.subject.get(..12).unwrap_or(&question.subject);
    let refusal = Refusal::new(
        RefusalKind::needs_approval(&question.subject, &question.title),
        "needs_approval",
        format!("a person must decide: {}", question.title),
    )
    .next(format!(
        "Ask the user to run `loki approve {short} --reason \"…\"` (or `loki reject {short}`), then make the same call again."
    ));
    match question.details.first() {
        Some(detail) => refusal.hint(detail.clone()),
        None => refusal,
    }
}

fn allowed(question: &Question, decision: Decision) -> Result<Decision, Refusal> {
    if decision.approved {
        return Ok(decision);
    }
    let message = format!("{} rejected it: {} ({})", decision.person, decision.reason, question.title);
    Err(Refusal::new(RefusalKind::Denied, "rejected", message)
        .next("Leave it, or ask the user what they want instead."))
}

/// An input as a person is shown it.
fn shown(input: &Value) -> String {
    let text = super::canonical(input);
    if text.len() <= INPUT_SHOWN_MAX {
        return text;
    }
    let end = (0..=INPUT_SHOWN_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… ({} bytes)", &text[..end], text.len())
}
