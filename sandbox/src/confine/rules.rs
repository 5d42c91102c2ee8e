//! Landlock: which files a command may open, and for what.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use crate::plan::{Failure, HOME_INSIDE, Place, Plan, WayOut, doing};
use crate::policy::Access;

/// Entries of the folders around protected places at most, where each needs a rule of its own.
const ENTRIES_MAX: usize = 20_000;

/// Holds this process, and all it starts, to the plan's places for good.
pub(super) fn restrict(plan: &Plan) -> Result<(), Failure> {
    let abi = ABI::from(i32::from(plan.landlock_abi));
    let mut rules = ruleset(plan, abi)?;
    let places = if plan.level.has_namespaces() { inside(plan) } else { carved(plan)? };
    for place in &places {
        rules = allow(rules, place, abi)?;
    }
    if plan.level.has_namespaces() {
        rules = allow_listing(rules)?;
    }
    let status = rules.restrict_self().map_err(doing("restrict the command with Landlock"))?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
            Err(Failure::unavailable("restrict the command with Landlock", &"the kernel holds only a part of it"))
        }
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

/// The places as they are in the new root.
fn inside(plan: &Plan) -> Vec<Place> {
    let own = [HOME_INSIDE, "/tmp", "/dev/shm", "/dev/pts", "/dev/ptmx"];
    let own = own.map(|path| Place { path: PathBuf::from(path), access: Access::Write });
    let list = ["/dev", "/sandbox"].map(|path| Place { path: PathBuf::from(path), access: Access::Read });
    let named = plan.places.iter().filter(|place| place.access != Access::Hide && place.access != Access::Protect);
    named.cloned().chain(own).chain(list).collect()
}

/// The places where nothing can be mounted. A rule cannot take away what one further out gives, so a
/// folder with something protected in it gets no rule; what else is in it gets one each.
fn carved(plan: &Plan) -> Result<Vec<Place>, Failure> {
    let own = [&plan.home, &plan.tmp].map(|path| Place { path: path.clone(), access: Access::Write });
    let mut carved: Vec<Place> = own.to_vec();
    let inner: Vec<&Place> =
        plan.places.iter().filter(|place| matches!(place.access, Access::Hide | Access::Protect)).collect();
    for place in &plan.places {
        match place.access {
            Access::Hide => {}
            Access::Protect => carved.push(Place { access: Access::Read, ..place.clone() }),
            Access::Read | Access::Write => carve(place, &inner, &mut carved)?,
        }
    }
    Ok(carved)
}

fn carve(place: &Place, inner: &[&Place], carved: &mut Vec<Place>) -> Result<(), Failure> {
    let is_above = |path: &Path| inner.iter().any(|one| one.path.starts_with(path) && one.path != path);
    if !is_above(&place.path) {
        carved.push(place.clone());
        return Ok(());
    }
    let attempt = || format!("list `{}`", place.path.display());
    for entry in fs::read_dir(&place.path).map_err(doing(attempt()))? {
        let path = entry.map_err(doing(attempt()))?.path();
        if inner.iter().any(|one| one.path == path) {
            continue;
        }
        if carved.len() >= ENTRIES_MAX {
            return Err(Failure::new(attempt(), &format!("there are more than {ENTRIES_MAX} entries")));
        }
        carve(&Place { path, access: place.access }, inner, carved)?;
    }
    Ok(())
}

fn allow(rules: RulesetCreated, place: &Place, abi: ABI) -> Result<RulesetCreated, Failure> {
    // What is not there needs no rule; Landlock does not judge pipes and sockets, such as `/dev/stdout` is.
    let Ok(meta) = fs::metadata(&place.path) else { return Ok(rules) };
    if meta.file_type().is_fifo() || meta.file_type().is_socket() {
        return Ok(rules);
    }
    let attempt = || format!("allow `{}`", place.path.display());
    let opened = PathFd::new(&place.path).map_err(doing(attempt()))?;
    let mut rights = rights(place.access, abi);
    if !meta.is_dir() {
        rights &= AccessFs::from_file(abi);
    }
    rules.add_rule(PathBeneath::new(opened, rights)).map_err(doing(attempt()))
}

/// In a file system of its own a command may see the names of all there is.
fn allow_listing(rules: RulesetCreated) -> Result<RulesetCreated, Failure> {
    let root = PathFd::new("/").map_err(doing("allow listing"))?;
    rules.add_rule(PathBeneath::new(root, AccessFs::ReadDir)).map_err(doing("allow listing"))
}

fn rights(access: Access, abi: ABI) -> BitFlags<AccessFs> {
    match access {
        Access::Hide => BitFlags::empty(),
        Access::Read | Access::Protect => AccessFs::from_read(abi),
        // A device file would be a door to the device.
        Access::Write => AccessFs::from_all(abi) & !(AccessFs::MakeChar | AccessFs::MakeBlock),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_make_devices() {
        for abi in [ABI::V3, ABI::V5, ABI::V6] {
            let write = rights(Access::Write, abi);
            assert!(write.contains(AccessFs::WriteFile | AccessFs::MakeReg));
            assert!(!write.intersects(AccessFs::MakeChar | AccessFs::MakeBlock));
            assert!(!rights(Access::Read, abi).intersects(AccessFs::from_write(abi)));
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
        let mut carved = Vec::new();
        carve(&place("", Access::Write), &[&hooks], &mut carved).unwrap();
        carved.sort_by(|left, right| left.path.cmp(&right.path));
        assert_eq!(carved, [place(".git/objects", Access::Write), place("src", Access::Write)]);
    }
}
