//! The receipt for people.

use std::fmt::Write;

use loki_ledger::event::Verdict;

use super::Receipt;

/// Renders the receipt.
pub(super) fn render(receipt: &Receipt) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    write(receipt, &mut out).unwrap_or_default();
    out
}

fn write(receipt: &Receipt, out: &mut String) -> std::fmt::Result {
    let facts = &receipt.facts;
    writeln!(out, "# Receipt of run {}\n", receipt.run)?;
    writeln!(out, "**{}** (exit code {})\n", receipt.verdict.replace('_', " "), receipt.exit_code)?;
    writeln!(out, "## Facts\n")?;
    writeln!(out, "- Document: {} (SHA-256 {})", facts.document, facts.document_sha256)?;
    writeln!(out, "- Iterations: {}; driven for {:.1} s", facts.iterations, facts.active_ms as f64 / 1000.0)?;
    match facts.cost.micro_usd {
        Some(micro_usd) => {
            writeln!(out, "- Cost: {:.4} USD, {}", micro_usd as f64 / 1e6, facts.cost.source)?;
        }
        None => writeln!(out, "- Cost: unknown")?,
    }
    let cost = &facts.cost;
    if cost.input_tokens + cost.output_tokens + cost.cache_read_tokens + cost.cache_write_tokens > 0 {
        writeln!(
            out,
            "- Tokens: {} in, {} out, {} read from and {} written to caches",
            cost.input_tokens, cost.output_tokens, cost.cache_read_tokens, cost.cache_write_tokens
        )?;
    }
    if cost.tokens_estimated > 0 {
        writeln!(out, "- Tokens that nobody reported, as counted here: {}", cost.tokens_estimated)?;
    }
    for model in &cost.models {
        let usd = model.micro_usd as f64 / 1e6;
        writeln!(out, "- Model {}: {} turns, {usd:.4} USD", model.model, model.turns)?;
    }
    for skill in &facts.skills {
        writeln!(out, "- Skill {}: {}, SHA-256 {}", skill.name, skill.place, skill.sha256)?;
    }
    writeln!(out, "- Files changed: {}", facts.files_changed.len())?;
    if let Some(sha256) = &facts.diff_sha256 {
        writeln!(out, "- Difference: SHA-256 {sha256}")?;
    }
    writeln!(out, "- Ledger: {} events, head {}", facts.ledger.events, facts.ledger.head)?;
    writeln!(out, "\n| Gate | Verdict | What it saw |\n|---|---|---|")?;
    for gate in &facts.gates {
        let verdict = match gate.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "FAIL",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotApplicable => "not applicable",
        };
        writeln!(out, "| {} | {verdict} | {} |", gate.gate, gate.summary.replace('|', "\\|"))?;
    }
    if !facts.gaps.is_empty() {
        writeln!(out, "\n### Gaps\n")?;
        for gap in &facts.gaps {
            writeln!(out, "- {gap}")?;
        }
    }
    writeln!(out, "\n## Assessments\n")?;
    writeln!(out, "- Provider: {}", receipt.assessments.provider.as_deref().unwrap_or("none"))?;
    if let Some(claim) = &receipt.assessments.claim {
        writeln!(out, "- It says: {claim}")?;
    }
    for evidence in &receipt.assessments.evidence {
        writeln!(out, "- It names as evidence: {evidence}")?;
    }
    for verdict in &receipt.assessments.council {
        let short = verdict.subject.get(..12).unwrap_or(&verdict.subject);
        writeln!(out, "- Council on {short}: {}", verdict.reason)?;
    }
    if let Some(signature) = &receipt.signature {
        writeln!(out, "\nSigned with {} key {}.", signature.algorithm, signature.key)?;
    }
    Ok(())
}
