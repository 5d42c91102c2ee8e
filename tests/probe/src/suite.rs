//! All cases, several at a time.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cases::Case;
use crate::judge::{Finding, judge};
use crate::run::try_case;

/// Who tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// True where the tests run as root and have to become this user.
    pub switch: bool,
}

/// The words of a sandbox, to be put in front of a command; `{project}` is the folder it may write.
#[derive(Debug, Clone)]
pub struct Confinement {
    /// The sandbox's own command line.
    pub words: Vec<String>,
}

/// What cases are tried with.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Where worlds are made: a folder of its own, which everybody can enter.
    pub folder: PathBuf,
    /// The program `loki-probe`, where the user can run it.
    pub probe: PathBuf,
    /// Who tries.
    pub user: User,
    pub(crate) machine: BTreeMap<String, String>,
}

/// What one case showed.
#[derive(Debug, Clone)]
pub struct Report {
    /// The case's name.
    pub name: String,
    /// What it showed.
    pub finding: Finding,
}

/// A number that stands in no password file.
const ORDINARY: u32 = 61_234;

/// Tries at a time, for each processor: most of a try is waiting.
const TRIES_EACH: usize = 3;

impl User {
    /// Everybody the tests can be: root and an ordinary user, or only whoever runs them.
    pub fn all() -> Vec<User> {
        let status = fs::metadata("/proc/self").map(|metadata| (metadata.uid(), metadata.gid()));
        let (uid, gid) = status.unwrap_or((ORDINARY, ORDINARY));
        let mut users = vec![User { uid, gid, switch: false }];
        if uid == 0 {
            users.push(User { uid: ORDINARY, gid: ORDINARY, switch: true });
        }
        users
    }

    /// What the kernel lets this user do beyond its own things.
    fn capabilities(self) -> u64 {
        if self.switch {
            return 0;
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0)
    }
}

impl Suite {
    /// Worlds in `folder`, which must be empty, for `user`, with a copy of `probe`.
    pub fn new(folder: &Path, probe: &Path, user: User) -> io::Result<Suite> {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let copy = folder.join("loki-probe");
        fs::copy(probe, &copy)?;
        if user.switch {
            chown(&copy, Some(user.uid), Some(user.gid))?;
        }
        Ok(Suite { folder: folder.to_owned(), probe: copy, user, machine: machine() })
    }
}

/// Things of the machine that acts need, as placeholders.
fn machine() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let exists = |paths: &[&str]| {
        let path = paths.iter().find(|path| Path::new(path).exists());
        path.map_or("/nonexistent/loki-probe".to_owned(), |path| (*path).to_owned())
    };
    let (mut disk, mut number) = ("/nonexistent/disk".to_owned(), "7:0".to_owned());
    for entry in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let node = Path::new("/dev").join(entry.file_name());
        if let (true, Ok(text)) = (node.exists(), fs::read_to_string(entry.path().join("dev"))) {
            (disk, number) = (node.display().to_string(), text.trim().to_owned());
        }
    }
    let (major, minor) = number.split_once(':').unwrap_or(("7", "0"));
    found.insert("disk".into(), disk);
    found.insert("major".into(), major.to_owned());
    found.insert("minor".into(), minor.to_owned());
    found.insert(
        "sys".into(),
        exists(&[
            "/sys/kernel/mm/transparent_hugepage/enabled",
            "/sys/kernel/mm/ksm/run",
            "/sys/power/state",
        ]),
    );
    found.insert(
        "release-agent".into(),
        exists(&["/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/systemd/release_agent"]),
    );
    found.insert(
        "cgroup-procs".into(),
        exists(&["/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"]),
    );
    found
}

/// Tries every case that `suite`'s user can, first plainly and then under `confinement`.
pub fn try_all(suite: &Suite, cases: &[Case], confinement: &Confinement) -> Vec<Report> {
    let root = fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0);
    // A gift to root is none, and nobody but root can make one.
    let cases: Vec<&Case> =
        cases.iter().filter(|case| case.gift.is_none() || (root && suite.user.uid != 0)).collect();
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from) * TRIES_EACH;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, case)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(number).map(|case| (number, *case))
                } {
                    let report = try_both(suite, case, confinement, number);
                    reports.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    reports.sort_by_key(|(number, _)| *number);
    reports.into_iter().map(|(_, report)| report).collect()
}

fn try_both(suite: &Suite, case: &Case, confinement: &Confinement, number: usize) -> Report {
    let token =
        |part: u8| format!("{:016x}", RandomState::new().hash_one((std::process::id(), number, part)));
    let plain = try_case(suite, case, &[], &format!("{number}p"), &token(0));
    let confined = try_case(suite, case, &confinement.words, &format!("{number}c"), &token(1));
    let finding = judge(case.control, suite.user.capabilities(), &plain, &confined);
    Report { name: case.name.clone(), finding }
}
