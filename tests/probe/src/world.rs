//! A small world for one try: a project, a home, folders outside, and the witness.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::cases::{Case, Gift, Project};
use crate::suite::{Suite, User};

pub(crate) struct World {
    base: PathBuf,
    /// The values of placeholders.
    values: BTreeMap<String, String>,
    user: User,
    witness: Child,
    heard: BufReader<ChildStdout>,
}

/// Folders every world has.
const FOLDERS: [&str; 10] = [
    "bin",
    "home/.aws",
    "home/.cargo/bin",
    "home/.ssh",
    "log",
    "other",
    "outside",
    "project/src",
    "project/vendor/.git/hooks",
    "run",
];

impl World {
    pub(crate) fn new(suite: &Suite, case: &Case, name: &str, token: &str) -> io::Result<World> {
        let base = suite.folder.join(name);
        let probe = lay_out(&base, suite, case, token)?;
        let path = |relative: &str| base.join(relative).display().to_string();
        let folders = ["project", "outside", "home", "run", "other"];
        let mut values: BTreeMap<String, String> =
            folders.iter().map(|name| ((*name).to_owned(), path(name))).collect();
        values.insert("token".into(), token.to_owned());
        values.extend(suite.machine.clone());
        let mut watched = vec![path("outside"), path("home/.ssh"), path("home/.aws"), path("home/.bashrc")];
        watched.extend([path("home/.cargo/bin"), path("project/.git"), path("other")]);
        if case.project == Project::Repository {
            watched.extend([path("project/.loki/private"), path("project/.loki/STOP")]);
        }
        let mut command = Command::new(&probe);
        command.args(["witness", &path("project"), &path("run"), token]).args(watched);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        as_user(&mut command, suite.user, &path("home"), token);
        let mut witness = command.spawn()?;
        let stdout = witness.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut heard = BufReader::new(stdout);
        let mut ready = String::new();
        heard.read_line(&mut ready)?;
        let pairs = ready.split_whitespace().filter_map(|word| word.split_once('='));
        values.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if !values.contains_key("pid") {
            return Err(io::Error::other("the witness did not come up"));
        }
        if !values.contains_key("handle") {
            values.insert("handle".into(), handle(suite, &path("outside/target")));
        }
        Ok(World { base, values, user: suite.user, witness, heard })
    }

    /// A path in this world.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.base.join(relative)
    }

    /// A word with its placeholders filled in; those that only the launcher knows stay.
    pub(crate) fn fill(&self, word: &str) -> String {
        self.values
            .iter()
            .fold(word.to_owned(), |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
    }

    /// The words run by the user, in the project, with a secret in the environment.
    pub(crate) fn command(&self, words: &[String]) -> io::Result<Command> {
        let mut command = Command::new(self.path("bin/loki-probe"));
        command.args(words.iter().map(|word| self.fill(word)));
        command.current_dir(self.path("project")).stdin(Stdio::null());
        command.stdout(fs::File::create(self.path("log/stdout"))?);
        command.stderr(fs::File::create(self.path("log/stderr"))?);
        as_user(&mut command, self.user, &self.fill("{home}"), &self.fill("{token}"));
        Ok(command)
    }

    /// Ends the witness, and returns what happened to it and to the files it watched.
    pub(crate) fn end(mut self) -> io::Result<Vec<String>> {
        drop(self.witness.stdin.take());
        let mut said = String::new();
        self.heard.read_to_string(&mut said)?;
        let status = self.witness.wait()?;
        let mut hits: Vec<String> =
            said.lines().filter_map(|line| line.strip_prefix("hit ")).map(str::to_owned).collect();
        if !status.success() {
            hits.push(format!("the witness ended: {status}"));
        }
        fs::remove_dir_all(&self.base)?;
        Ok(hits)
    }
}

/// The user, a short environment, and the secret that must not be seen.
fn as_user(command: &mut Command, user: User, home: &str, token: &str) {
    command.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.env("LOKI_PROBE_SECRET", token);
    if user.switch {
        command.uid(user.uid).gid(user.gid);
    }
}

/// Makes the folders and files, and returns the probe that is outside.
fn lay_out(base: &Path, suite: &Suite, case: &Case, token: &str) -> io::Result<PathBuf> {
    for folder in FOLDERS {
        fs::create_dir_all(base.join(folder))?;
    }
    let write = |path: &str, text: &str| fs::write(base.join(path), text);
    write("outside/target", &format!("{token}: the file outside\n"))?;
    write("run/log", "what the caller wants logged\n")?;
    write("home/.ssh/id_ed25519", &format!("{token}: no key\n"))?;
    write("home/.aws/credentials", &format!("{token}: no credentials\n"))?;
    write("home/.bashrc", "true\n")?;
    write("home/.cargo/bin/tool", "#!/bin/sh\ntrue\n")?;
    write("project/notes.txt", "notes\n")?;
    write("project/vendor/.git/hooks/pre-commit", "#!/bin/sh\ntrue\n")?;
    symlink(base.join("outside/target"), base.join("project/to-secret"))?;
    if case.project == Project::Repository {
        for folder in
            ["project/.git/hooks", "project/.git/objects", "project/.git/refs", "project/.loki/private"]
        {
            fs::create_dir_all(base.join(folder))?;
        }
        write("project/.git/HEAD", "ref: refs/heads/main\n")?;
        write("project/.git/config", "[core]\n\trepositoryformatversion = 0\n")?;
        write("project/.git/hooks/pre-commit", "#!/bin/sh\ntrue\n")?;
        write("project/.loki/private/token", token)?;
    }
    let probe = base.join("bin/loki-probe");
    place(&suite.probe, &probe)?;
    place(&suite.probe, &base.join("project/loki-probe"))?;
    if suite.user.switch {
        give(base, suite.user)?;
    }
    if let Some(gift) = case.gift {
        lay_gift(&suite.probe, &base.join("project/gift"), gift)?;
    }
    Ok(probe)
}

/// A second name is enough where the file system allows one.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
}

/// Gives everything to the user.
fn give(path: &Path, user: User) -> io::Result<()> {
    if path.is_symlink() {
        return Ok(());
    }
    chown(path, Some(user.uid), Some(user.gid))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(())
}

fn lay_gift(probe: &Path, gift: &Path, kind: Gift) -> io::Result<()> {
    fs::copy(probe, gift)?;
    chown(gift, Some(0), Some(0))?;
    let mode = match kind {
        Gift::SetUser => 0o4755,
        Gift::SetGroup => 0o2755,
        Gift::Capability => 0o755,
    };
    fs::set_permissions(gift, fs::Permissions::from_mode(mode))?;
    if kind == Gift::Capability {
        let status = Command::new(probe).args(["prepare", "capability"]).arg(gift).status()?;
        if !status.success() {
            return Err(io::Error::other("the file system takes no capability"));
        }
    }
    Ok(())
}

fn handle(suite: &Suite, path: &str) -> String {
    let output = Command::new(&suite.probe).args(["prepare", "handle", path]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
