//! Landlock: which files a command may open, and for what.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::plan::{Failure, HOME_INSIDE, Place, Plan, WayOut, doing, is_within};
use crate::policy::Access;

/// Entries of the folders around protected places at most, where each needs a rule of its own.
const ENTRIES_MAX: usize = 20_000;

/// Holds this process, and all it starts, to the plan's places for good.
pub(super) fn restrict(plan: &Plan) -> Result<(), Failure> {
    let abi = ABI::from(i32::from(plan.landlock_abi));
    let mut rules = ruleset(plan, abi)?;
    for allowed in if plan.level.has_namespaces() { inside(plan) } else { carved(plan)? } {
        rules = allow(rules, &allowed, plan, abi)?;
    }
    let status = rules.restrict_self().map_err(doing("restrict the command with Landlock"))?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => Err(Failure::unavailable(
            "restrict the command with Landlock",
            &"the kernel holds only a part of it",
        )),
    }
}

fn ruleset(plan: &Plan, abi: ABI) -> Result<RulesetCreated, Failure> {
    let failed = || doing(format!("prepare Landlock rules of version {}", plan.landlock_abi));
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))
        .map_err(failed())?;
    let scopes = Scope::from_all(abi);
    if !scopes.is_empty() {
        rules = rules.scope(scopes).map_err(failed())?;
    }
    // In a network of its own a command may use all of it.
    let tcp = AccessNet::from_all(abi);
    let shared_network = !plan.level.has_namespaces() && !tcp.is_empty();
    if shared_network {
        rules = rules.handle_access(tcp).map_err(failed())?;
    }
    let mut rules = rules.create().map_err(failed())?;
    if let (true, WayOut::Port(port)) = (shared_network, plan.way_out) {
        rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp)).map_err(failed())?;
    }
    Ok(rules)
}

/// A place, and what a rule of Landlock gives there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Allowed {
    path: PathBuf,
    right: Right,
}

/// What a rule gives, there and everywhere below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    /// To see names.
    List,
    /// To read and execute.
    Read,
    /// Everything but making device files, which would be doors to devices.
    Write,
}

impl Right {
    fn of(access: Access) -> Option<Right> {
        match access {
            Access::Hide => None,
            Access::Read | Access::Protect => Some(Right::Read),
            Access::Write => Some(Right::Write),
        }
    }

    fn flags(self, abi: ABI) -> BitFlags<AccessFs> {
        match self {
            Right::List => AccessFs::ReadDir.into(),
            Right::Read => AccessFs::from_read(abi),
            Right::Write => AccessFs::from_all(abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock),
        }
    }
}

/// The places as they are in the new root. What is protected there is so by its mount.
fn inside(plan: &Plan) -> Vec<Allowed> {
    let given = |path: &str, right| Allowed { path: PathBuf::from(path), right };
    // Only what the command may see has a name there.
    let own = [HOME_INSIDE, "/tmp", "/dev/shm", "/dev/pts"].map(|path| given(path, Right::Write));
    let named = plan.places.iter().filter(|place| place.access != Access::Protect);
    let named =
        named.filter_map(|place| Some(Allowed { path: place.path.clone(), right: Right::of(place.access)? }));
    named.chain(own).chain([given("/", Right::List)]).collect()
}

/// The places where nothing can be mounted. A rule cannot take away what one further out gives, so of a
/// folder with something protected in it only the names are given; what else is in it gets a rule each.
fn carved(plan: &Plan) -> Result<Vec<Allowed>, Failure> {
    let own = [&plan.home, &plan.tmp].map(|path| Allowed { path: path.clone(), right: Right::Write });
    let mut carved = own.to_vec();
    let inner: Vec<&Place> =
        plan.places.iter().filter(|place| matches!(place.access, Access::Hide | Access::Protect)).collect();
    for place in &plan.places {
        if place.path == Path::new("/proc") {
            // Its names come and go with processes. What is hidden in it asks for rights that nothing here has.
            carved.push(Allowed { path: place.path.clone(), right: Right::Read });
            continue;
        }
        if place.path == Path::new("/dev/shm") {
            continue; // It is everybody's.
        }
        if let Some(right) = Right::of(place.access) {
            carve(Allowed { path: place.path.clone(), right }, &inner, &mut carved)?;
        }
    }
    Ok(carved)
}

fn carve(place: Allowed, inner: &[&Place], carved: &mut Vec<Allowed>) -> Result<(), Failure> {
    let is_above = |path: &Path| inner.iter().any(|one| is_within(&one.path, path) && one.path != path);
    if !is_above(&place.path) {
        carved.push(place);
        return Ok(());
    }
    let attempt = || format!("list `{}`", place.path.display());
    let entries = match fs::read_dir(&place.path) {
        // What is not there, or not for this user, needs no rule.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(());
        }
        other => other.map_err(doing(attempt()))?,
    };
    for entry in entries {
        let entry = entry.map_err(doing(attempt()))?;
        let path = entry.path();
        // A rule for a link would be one for what it leads to, wherever a command made it lead.
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            continue;
        }
        if inner.iter().any(|one| one.path == path) {
            continue;
        }
        if carved.len() >= ENTRIES_MAX {
            return Err(Failure::new(attempt(), &format!("there are more than {ENTRIES_MAX} entries")));
        }
        carve(Allowed { path, right: place.right }, inner, carved)?;
    }
    carved.push(Allowed { right: Right::List, ..place });
    Ok(())
}

/// Opens a place to name it in a rule. In what a command may write, nothing is found by way of a link.
fn open(path: &Path, plan: &Plan) -> Result<OwnedFd, Errno> {
    let in_writable = super::guards::writable(&plan.places).any(|root| is_within(path, &root.path));
    let resolve = if in_writable { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::empty() };
    rustix::fs::openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn allow(rules: RulesetCreated, allowed: &Allowed, plan: &Plan, abi: ABI) -> Result<RulesetCreated, Failure> {
    // What is not there needs no rule; Landlock does not judge pipes and sockets, such as `/dev/stdout` is.
    let Ok(opened) = open(&allowed.path, plan) else { return Ok(rules) };
    let attempt = || format!("allow `{}`", allowed.path.display());
    let meta = rustix::fs::fstat(&opened).map_err(doing(attempt()))?;
    let mut flags = allowed.right.flags(abi);
    match FileType::from_raw_mode(meta.st_mode) {
        FileType::Fifo | FileType::Socket => return Ok(rules),
        FileType::Directory => {}
        _ => flags &= AccessFs::from_file(abi),
    }
    rules.add_rule(PathBeneath::new(opened, flags)).map_err(doing(attempt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_make_devices() {
        for abi in [ABI::V3, ABI::V5, ABI::V6] {
            let write = Right::Write.flags(abi);
            assert!(write.contains(AccessFs::WriteFile | AccessFs::MakeReg));
            assert!(!write.intersects(AccessFs::MakeChar | AccessFs::MakeBlock));
            assert!(!Right::Read.flags(abi).intersects(AccessFs::from_write(abi)));
        }
    }

    #[test]
    fn a_folder_around_something_protected_gets_no_rule_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        fs::create_dir_all(top.join(".git/hooks")).unwrap();
        fs::create_dir_all(top.join(".git/objects")).unwrap();
        fs::create_dir_all(top.join("src")).unwrap();
        let place = |path: &str, access| Place { path: top.join(path), access };
        let hooks = place(".git/hooks", Access::Protect);
        let at = |path: &str| if path.is_empty() { top.to_owned() } else { top.join(path) };
        let allowed = |path: &str, right| Allowed { path: at(path), right };
        let mut carved = Vec::new();
        carve(allowed("", Right::Write), &[&hooks], &mut carved).unwrap();
        carved.sort();
        let expected = [
            allowed("", Right::List),
            allowed(".git", Right::List),
            allowed(".git/objects", Right::Write),
            allowed("src", Right::Write),
        ];
        assert_eq!(carved, expected);
    }
}
