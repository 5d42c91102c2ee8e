//! Skills that a run has taken up: what the ledger keeps of them, and how they narrow what may be called.
//!
//! A skill's `allowed-tools` holds from the call that takes it up to the end of the phase. It only ever takes
//! away: what the phase does not offer, no skill gives, and of several skills each must allow a call.

use loki_ledger::event::Skill;
use loki_ledger::run::Run;
use loki_skills::{FileEntry, Grants};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of [`Snapshot`].
pub const SNAPSHOT_VERSION: u32 = 1;

/// What is kept of a skill when it is taken up. The run goes by this, not by what is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SNAPSHOT_VERSION`].
    pub version: u32,
    /// Its text.
    pub text: String,
    /// Its other files, by which a later read is known to be of the same.
    pub files: Vec<FileEntry>,
}

/// A call that a skill does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One line for people.
    pub summary: String,
    /// The answer for the provider.
    pub output: String,
}

/// The skill of that name, as the run took it up.
pub fn taken<'a>(run: &'a Run, name: &str) -> Option<&'a Skill> {
    run.skills.iter().map(|taken| &taken.skill).find(|skill| skill.name == name)
}

/// The skills that narrow the present phase, with what each leaves.
pub fn limits(run: &Run) -> Vec<(&str, Grants)> {
    let skills = run.steps.skills.iter().filter_map(|(_, name)| taken(run, name));
    skills
        .filter_map(|skill| Some((skill.name.as_str(), Grants::parse(skill.allowed_tools.as_deref()?))))
        .collect()
}

/// Why a tool that was handed to the engine must not be called so; `None` where it may. The engine's own tools,
/// which change nothing but what the ledger holds, are not asked about.
pub fn refusal(run: &Run, tool: &str, input: &Value) -> Option<Refusal> {
    let limits = limits(run);
    let (skill, _) = limits.iter().find(|(_, grants)| !grants.permits(tool, input))?;
    let summary = format!("the skill `{skill}` does not allow this call of `{tool}`");
    let left = limits.iter().map(|(skill, grants)| format!("\n{}", left(skill, grants)));
    let output = format!(
        "error not_allowed: {summary}{}\nhint: do it with these, or end the phase: its limits end with it",
        left.collect::<String>()
    );
    Some(Refusal { summary, output })
}

/// What a skill leaves, in a line.
pub(crate) fn left(skill: &str, grants: &Grants) -> String {
    match grants.told().join(", ") {
        none if none.is_empty() => format!("`{skill}` allows no tool at all until this phase ends"),
        told => format!("`{skill}` allows only these tools until this phase ends: {told}"),
    }
}

#[cfg(test)]
mod tests {
    use loki_ledger::event::{ArtifactId, RunId};
    use loki_ledger::run::SkillTaken;
    use serde_json::json;

    use super::*;

    fn with(skills: &[(&str, Option<&str>)]) -> Run {
        let mut run = Run::new(RunId::parse("r1").unwrap());
        for (name, allowed) in skills {
            let skill = Skill {
                name: (*name).into(),
                place: "built in".into(),
                hash: String::new(),
                snapshot: ArtifactId::of(b""),
                allowed_tools: allowed.map(str::to_owned),
            };
            run.skills.push(SkillTaken { skill, standing: false });
            run.steps.skills.push((0, (*name).into()));
        }
        run
    }

    fn allowed(run: &Run, tool: &str) -> bool {
        refusal(run, tool, &json!({"command": "git log"})).is_none()
    }

    #[test]
    fn without_a_skill_that_names_tools_nothing_is_refused() {
        assert!(allowed(&with(&[]), "write_file"));
        assert!(allowed(&with(&[("a", None)]), "write_file"));
    }

    #[test]
    fn of_several_skills_each_must_allow_a_call() {
        let run = with(&[("a", Some("Read Write Bash(git:*)")), ("b", None), ("c", Some("Read Bash"))]);
        assert!(allowed(&run, "read_file") && allowed(&run, "run_command"));
        assert!(!allowed(&run, "write_file") && !allowed(&run, "search_files"));
        let refusal = refusal(&run, "run_command", &json!({"command": "rm x"})).unwrap();
        assert!(refusal.summary.contains("`a`"), "{refusal:?}");
        assert!(refusal.output.contains("run_command (`git …`)") && refusal.output.contains("`c` allows"));
    }

    #[test]
    fn a_skill_of_an_earlier_phase_narrows_nothing() {
        let mut run = with(&[("a", Some(""))]);
        assert!(!allowed(&run, "read_file"));
        run.steps.skills.clear();
        assert!(allowed(&run, "read_file"));
    }
}
