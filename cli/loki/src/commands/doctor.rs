//! `loki doctor`.

mod checks;
mod code;

use serde::Serialize;

use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;
use crate::ui::{Paint, Ui, printable};

use checks::CHECKS;
use code::Code;

/// Check the project and the machine for trouble
///
/// Looks without changing anything. Each finding has a code, says what is wrong and what to do about
/// it. Exits with 1 where something is broken, with 0 otherwise.
#[derive(clap::Args, Debug)]
pub(crate) struct DoctorArgs {}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Severity {
    /// As it should be.
    Ok,
    /// Works, but less well, or not for long.
    Warning,
    /// Runs will fail, or state is damaged.
    Error,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    code: Code,
    severity: Severity,
    /// What is the case.
    message: String,
    /// What to do about it; none where nothing needs doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn ok(code: Code, message: impl Into<String>) -> Finding {
        Finding { code, severity: Severity::Ok, message: message.into(), remedy: None }
    }

    fn warning(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, remedy: Some(remedy.into()), ..Finding::ok(code, message) }
    }

    fn error(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { severity: Severity::Error, remedy: Some(remedy.into()), ..Finding::ok(code, message) }
    }
}

pub(crate) fn doctor(ui: &mut Ui, context: &Context, _: &DoctorArgs) -> Result<Status, CommandError> {
    let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(context)).collect();
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok);
    if ui.is_json() {
        let report = serde_json::json!({
            "project": context.project.root(),
            "healthy": worst != Severity::Error,
            "findings": findings,
        });
        ui.result_json(&report)?;
    } else {
        for finding in &findings {
            report(ui, finding)?;
        }
    }
    Ok(if worst == Severity::Error { Status::GateFailed } else { Status::Success })
}

fn report(ui: &mut Ui, finding: &Finding) -> Result<(), CommandError> {
    let sign = match finding.severity {
        Severity::Ok => ui.paint(Paint::Good, "ok     "),
        Severity::Warning => ui.paint(Paint::Warning, "warning"),
        Severity::Error => ui.paint(Paint::Bad, "error  "),
    };
    ui.result(format_args!("{sign}  {}  {}", finding.code.name(), printable(&finding.message)))?;
    if let Some(remedy) = &finding.remedy {
        ui.result(format_args!("                 {}", printable(remedy)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Project;
    use crate::environment::Environment;
    use crate::ui::{Format, Verbosity};

    fn context(root: &std::path::Path) -> Context {
        Context {
            environment: Environment::default(),
            current_dir: root.to_owned(),
            project: Project::at(root),
            named: false,
        }
    }

    #[test]
    fn something_broken_ends_with_one_and_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".loki")).unwrap();
        std::fs::write(dir.path().join(".loki/config.toml"), "run.iteration_max = 3").unwrap();
        let (mut ui, out, _) = Ui::captured(Format::Json, Verbosity::Normal);
        let status = doctor(&mut ui, &context(dir.path()), &DoctorArgs {}).unwrap();
        assert_eq!(status, Status::GateFailed);
        let report: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert_eq!(report["healthy"], false);
        let broken =
            report["findings"].as_array().unwrap().iter().find(|found| found["code"] == "CFG001").unwrap();
        assert_eq!(broken["severity"], "error");
        assert_eq!(broken["remedy"], "Did you mean `run.iterations_max`?");
    }

    #[test]
    fn each_finding_is_a_line_with_its_code() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ui, out, _) = Ui::captured(Format::Text, Verbosity::Normal);
        doctor(&mut ui, &context(dir.path()), &DoctorArgs {}).unwrap();
        let text = out.text();
        assert!(text.lines().any(|line| line == "ok       CFG001  the configuration is sound"), "{text}");
        assert!(!dir.path().join(".loki").exists(), "looking changes nothing");
    }
}
