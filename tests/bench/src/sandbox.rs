//! What it costs to run `/bin/true` confined, beside other sandboxes in the same rounds.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use loki_sandbox::policy::{Places, Preset};
use loki_sandbox::{Call, End, Level, Mode, Output, Ready, Stream, Support};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Setup;
use crate::measure::{BenchError, Figure, Target, milliseconds, timed};

const ROUNDS: usize = 200;
/// Runs of each variant that are not counted.
const WARM_UP: usize = 10;
/// Plain runs, not counted, in which a helper that was started ahead gets ready.
const SETTLE: usize = 8;
const HELD_BYTES: usize = 1 << 30;

/// Drops what a command prints.
struct Nothing;

impl Output for Nothing {
    fn take(&mut self, _: Stream, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A way to run `/bin/true`.
struct Variant {
    name: &'static str,
    target: Target,
    run: Box<dyn FnMut() -> Result<f64, BenchError>>,
    rounds: Vec<f64>,
}

/// The whole command, from start to end, in milliseconds.
pub(crate) fn sandbox_true(setup: &Setup) -> Result<Vec<Figure>, BenchError> {
    let place = TempDir::new().map_err(BenchError::io("make a folder"))?;
    let project = place.path().canonicalize().map_err(BenchError::io("find the folder"))?;
    plain(&project, &["git", "init", "-q"].map(str::to_owned))?;
    let runtime = Runtime::new().map_err(BenchError::io("start a runtime"))?;
    let runtime = Arc::new(runtime);
    let mut variants = vec![program("plain", Target::None, &project, vec!["/bin/true".into()])];
    let bwrap = bubblewrap(&project);
    variants.extend(bwrap.map(|words| program("bubblewrap, strict", Target::None, &project, words)));
    variants.extend(nsjail(&project).map(|words| program("nsjail", Target::None, &project, words)));
    let loki =
        [setup.loki.display().to_string(), "sandbox".into(), "run".into(), "--".into(), "/bin/true".into()];
    variants.push(program("loki sandbox run", Target::None, &project, loki.to_vec()));
    variants.push(in_process("called, helper started for it", &runtime, &project, Ahead::No));
    variants.push(in_process("called, helper started ahead", &runtime, &project, Ahead::Yes));
    take_turns(&mut variants)?;
    let held = vec![1u8; HELD_BYTES];
    let mut large = vec![
        in_process("the same, 1 GiB held by the caller", &runtime, &project, Ahead::No),
        in_process("the same ahead, 1 GiB held", &runtime, &project, Ahead::Yes),
    ];
    take_turns(&mut large)?;
    drop(std::hint::black_box(held));
    Ok(variants.into_iter().chain(large).map(|v| Figure::new(v.name, "ms", v.target, v.rounds)).collect())
}

fn take_turns(variants: &mut [Variant]) -> Result<(), BenchError> {
    for round in 0..WARM_UP + ROUNDS {
        for variant in &mut *variants {
            let took = (variant.run)()?;
            if round >= WARM_UP {
                variant.rounds.push(took);
            }
        }
    }
    Ok(())
}

fn program(name: &'static str, target: Target, project: &Path, words: Vec<String>) -> Variant {
    let project = project.to_owned();
    let run = Box::new(move || plain(&project, &words));
    Variant { name, target, run, rounds: Vec::new() }
}

/// Runs a program to its end, which must be a good one.
fn plain(project: &Path, words: &[String]) -> Result<f64, BenchError> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(project).stdin(Stdio::null());
    let (output, took) = timed(|| command.output());
    let output = output.map_err(BenchError::io(format!("run `{}`", words[0])))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BenchError::Ended { program: words.join(" "), status: output.status, stderr });
    }
    Ok(milliseconds(took))
}

/// Whether a helper is started before the command is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    No,
    Yes,
}

fn in_process(name: &'static str, runtime: &Arc<Runtime>, project: &Path, ahead: Ahead) -> Variant {
    let (runtime, project) = (Arc::clone(runtime), project.to_owned());
    let run = Box::new(move || {
        let ready = (ahead == Ahead::Yes).then(|| runtime.block_on(async { Ready::start(Level::Isolated) }));
        let ready = ready.transpose().map_err(refused)?;
        for _ in 0..if ahead == Ahead::Yes { SETTLE } else { 0 } {
            plain(&project, &["/bin/true".to_owned()])?;
        }
        let call = call(&project, ready)?;
        let (ended, took) =
            timed(|| runtime.block_on(loki_sandbox::run(call, &mut Nothing, std::future::pending())));
        let ended = ended.map_err(refused)?;
        if ended.outcome.end != (End::Exited { code: 0 }) {
            return Err(BenchError::Sandbox(format!("{:?}", ended.outcome.end)));
        }
        Ok(milliseconds(took))
    });
    Variant { name, target: Target::None, run, rounds: Vec::new() }
}

fn refused(error: loki_sandbox::CallError) -> BenchError {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    BenchError::Sandbox(format!("{error}{cause}"))
}

fn call(project: &Path, ready: Option<Ready>) -> Result<Call, BenchError> {
    let own = project.join(".loki/sandbox");
    let places = Places::new(project.to_owned(), None, own.join("home"), own.join("tmp"));
    Ok(Call {
        command: vec!["/bin/true".into()],
        folder: project.to_owned(),
        policy: Preset::Test.policy(),
        places: places.map_err(|error| BenchError::Sandbox(error.to_string()))?,
        variables: BTreeMap::new(),
        stdin: None,
        secrets: Arc::new(BTreeMap::new()),
        upstream_proxy: None,
        ca_bundle: None,
        mode: Mode::Require,
        least: Level::Isolated,
        support: Support::at_first_sight(),
        ready,
    })
}

/// Every namespace, system read-only, project writable, no network, no home: what this sandbox gives, as far
/// as bubblewrap can.
fn bubblewrap(project: &Path) -> Option<Vec<String>> {
    let project = project.display().to_string();
    let program = on_path("bwrap")?;
    let words = [
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        "--cap-drop",
        "ALL",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/bin",
        "/bin",
        "--symlink",
        "usr/sbin",
        "/sbin",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--ro-bind",
        "/etc",
        "/etc",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--bind",
        &project,
        &project,
        "--chdir",
        &project,
        "--",
        "/bin/true",
    ];
    Some([program].into_iter().chain(words.map(str::to_owned)).collect())
}

fn nsjail(project: &Path) -> Option<Vec<String>> {
    let project = project.display().to_string();
    let program = on_path("nsjail")?;
    let words = [
        "--mode",
        "o",
        "--really_quiet",
        "--rlimit_as",
        "max",
        "--rlimit_fsize",
        "max",
        "--bindmount_ro",
        "/usr",
        "--symlink",
        "usr/bin:/bin",
        "--symlink",
        "usr/lib:/lib",
        "--symlink",
        "usr/lib64:/lib64",
        "--bindmount_ro",
        "/etc",
        "--bindmount_ro",
        "/dev/null",
        "--bindmount_ro",
        "/dev/zero",
        "--bindmount_ro",
        "/dev/urandom",
        "--tmpfsmount",
        "/tmp",
        "--bindmount",
        &project,
        "--cwd",
        &project,
        "--",
        "/bin/true",
    ];
    Some([program].into_iter().chain(words.map(str::to_owned)).collect())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark looks for its peers where a shell would")]
fn on_path(name: &str) -> Option<String> {
    let folders = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&folders).map(|folder: PathBuf| folder.join(name));
    files
        .find(|file| fs::metadata(file).is_ok_and(|meta| meta.is_file()))
        .map(|file| file.display().to_string())
}
