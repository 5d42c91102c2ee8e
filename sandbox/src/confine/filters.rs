//! Which system calls a command may make.
//!
//! Two filters stand one behind the other. The first lets through the calls that programs need and answers
//! "no such call" to all others, those of kernels to come included. The second refers to the supervisor what
//! is refused with a record, and what only the supervisor can judge.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::plan::{Failure, doing};

use super::{Ground, calls, program};

/// Both filters, in the order they are to be put on.
pub(super) struct Filters {
    /// Answers "no such call" to what no program needs.
    pub(super) known: BpfProgram,
    /// Refers to the supervisor.
    pub(super) supervised: BpfProgram,
}

/// What the supervisor does about a call that is referred to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Referral {
    /// Refuses with this error number, and keeps a record.
    Refuse(i32),
    /// Connects in the command's stead, to its own sockets only.
    Connect,
    /// Changes metadata in the command's stead, where it may write.
    Metadata,
    /// Lets a new process be made while there are not too many.
    Fork,
    /// Binds a socket in the command's stead, to the loopback only.
    Bind,
    /// Has a socket listen in the command's stead, on the loopback only.
    Listen,
}

/// What is done about a call that was referred.
pub(super) fn referral(number: i64, namespaces: bool) -> Referral {
    if number == libc::SYS_connect {
        return Referral::Connect;
    }
    if !namespaces && calls::metadata().any(|known| known == number) {
        return Referral::Metadata;
    }
    if !namespaces && calls::FORKS.contains(&number) {
        return Referral::Fork;
    }
    if !namespaces && number == libc::SYS_bind {
        return Referral::Bind;
    }
    if !namespaces && number == libc::SYS_listen {
        return Referral::Listen;
    }
    if number == libc::SYS_memfd_create {
        return Referral::Refuse(libc::ENOSYS); // Programs have a way without.
    }
    Referral::Refuse(libc::EPERM)
}

impl Filters {
    /// Builds both.
    pub(super) fn build(ground: Ground) -> Result<Filters, Failure> {
        build(ground == Ground::OwnNamespaces)
    }
}

fn build(namespaces: bool) -> Result<Filters, Failure> {
    let build = |rules, otherwise, matching| -> Result<BpfProgram, seccompiler::BackendError> {
        SeccompFilter::new(rules, otherwise, matching, ARCH)?.try_into()
    };
    let known = program::ranges(&known()).map_err(doing("build the filter of known calls"))?;
    let rules = supervised(namespaces).map_err(doing("build the filter of supervised calls"))?;
    // seccompiler knows no action for a supervisor; `Trace` stands in for it and is replaced below.
    let stand_in = SeccompAction::Trace(STAND_IN);
    let mut supervised = build(rules, SeccompAction::Allow, stand_in)
        .map_err(doing("build the filter of supervised calls"))?;
    let replaced = refer_to_supervisor(&mut supervised);
    if replaced == 0 {
        return Err(Failure::new("build the filter of supervised calls", &"nothing is referred"));
    }
    let supervised = program::refer(&always(namespaces), supervised);
    Ok(Filters { known, supervised: supervised.map_err(doing("build the filter of supervised calls"))? })
}

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

const STAND_IN: u32 = 0x10c1;

fn refer_to_supervisor(program: &mut BpfProgram) -> usize {
    const BPF_RET_K: u16 = 0x06;
    let stand_in = libc::SECCOMP_RET_TRACE | STAND_IN;
    let returns = program.iter_mut().filter(|line| line.code == BPF_RET_K && line.k == stand_in);
    returns.map(|line| line.k = libc::SECCOMP_RET_USER_NOTIF).count()
}

/// Every call that is answered by the kernel or the supervisor, not with "no such call".
fn known() -> Vec<i64> {
    let mut known: Vec<i64> = calls::allowed().collect();
    known.extend(calls::REFUSED.iter().map(|(number, _)| *number));
    known.extend(calls::REFUSED_WITH_OTHERS.iter().map(|(number, _)| *number));
    known.extend(calls::metadata());
    known.extend([libc::SYS_connect, libc::SYS_memfd_create]);
    known.sort_unstable();
    known.dedup();
    known
}

/// Calls that are referred whatever their arguments, sorted. What arguments decide is in [`supervised`].
fn always(namespaces: bool) -> Vec<i64> {
    let mut always: Vec<i64> = calls::REFUSED.iter().map(|(number, _)| *number).collect();
    always.extend([libc::SYS_connect, libc::SYS_memfd_create]);
    if !namespaces {
        let others = calls::REFUSED_WITH_OTHERS.iter().map(|(number, _)| *number);
        always.extend(others.filter(|number| !calls::OF_OTHERS.contains(number)));
        always.extend(calls::metadata());
        always.extend(calls::FORKS);
        always.extend([libc::SYS_bind, libc::SYS_listen]);
    }
    always.sort_unstable();
    always
}

fn supervised(namespaces: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    if !namespaces {
        for number in calls::OF_OTHERS {
            let whose =
                if *number == libc::SYS_setpriority || *number == libc::SYS_ioprio_set { 1 } else { 0 };
            rules.insert(*number, vec![SeccompRule::new(vec![unequal(whose, 0)?])?]);
        }
    }
    rules.insert(libc::SYS_socket, sockets(namespaces)?);
    rules.insert(libc::SYS_socketpair, socket_pairs()?);
    rules.insert(libc::SYS_ioctl, controls(namespaces)?);
    if !namespaces {
        // Connecting by sending: Landlock does not judge it.
        let fast_open = u64::from(libc::MSG_FASTOPEN.cast_unsigned());
        for (number, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
            rules.insert(number, vec![SeccompRule::new(vec![masked(flags, fast_open, fast_open)?])?]);
        }
    }
    rules.insert(
        libc::SYS_personality,
        vec![SeccompRule::new(vec![
            unequal(0, 0)?,
            unequal(0, u64::from(u32::MAX))?, // Only a question.
        ])?],
    );
    rules.insert(libc::SYS_clone, namespaces_flags()?);
    rules.insert(libc::SYS_prctl, vec![SeccompRule::new(vec![equal(0, PR_SET_MM)?])?]);
    for (number, mode) in calls::SETS_MODES {
        rules.entry(*number).or_insert(vec![SeccompRule::new(vec![set_user_id(*mode)?])?]);
    }
    for (number, flags) in calls::OPENS {
        let making = [libc::O_CREAT, O_TMPFILE_ALONE].map(|flag| u64::from(flag.cast_unsigned()));
        let rule = |flag| SeccompRule::new(vec![masked(*flags, flag, flag)?, set_user_id(flags + 1)?]);
        rules.insert(*number, making.into_iter().map(rule).collect::<Result<_, _>>()?);
    }
    for number in calls::MAKES_NODES {
        let mode = if *number == libc::SYS_mknodat { 2 } else { 1 };
        let kind =
            |kind: u32| SeccompRule::new(vec![masked(mode, u64::from(libc::S_IFMT), u64::from(kind))?]);
        let owners_rights = SeccompRule::new(vec![set_user_id(mode)?])?;
        rules.insert(*number, vec![kind(libc::S_IFCHR)?, kind(libc::S_IFBLK)?, owners_rights]);
    }
    Ok(rules)
}

/// A mode that lets a program take on its owner's rights: they would outlive the sandbox.
fn set_user_id(mode: u8) -> Result<SeccompCondition, seccompiler::BackendError> {
    let bit = u64::from(libc::S_ISUID);
    masked(mode, bit, bit)
}

/// `__O_TMPFILE`: `O_TMPFILE` without `O_DIRECTORY`.
const O_TMPFILE_ALONE: i32 = 0o20_000_000;

const PR_SET_MM: u64 = 35;

/// New namespaces through `clone`. Through `clone3`, whose flags are in memory, there is no way at all:
/// it is answered with "no such call", and programs use `clone`.
fn namespaces_flags() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let flags = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    flags
        .into_iter()
        .map(|flag| {
            let flag = u64::from(flag.cast_unsigned());
            SeccompRule::new(vec![masked(0, flag, flag)?])
        })
        .collect()
}

/// Sockets that reach past the command: every family but Unix and, in a network of its own, IP; raw ones;
/// and Unix datagrams, which carry their address in each message.
fn sockets(namespaces: bool) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let [unix, v4, v6] =
        [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(|family| u64::from(family.cast_unsigned()));
    let kind = u64::from(SOCK_TYPE_MASK);
    let of = |kind: i32| u64::from(kind.cast_unsigned());
    let mut rules = vec![
        SeccompRule::new(vec![unequal(0, unix)?, unequal(0, v4)?, unequal(0, v6)?])?,
        SeccompRule::new(vec![masked(1, kind, of(libc::SOCK_RAW))?])?,
        SeccompRule::new(vec![masked(1, kind, SOCK_PACKET)?])?,
        SeccompRule::new(vec![equal(0, unix)?, masked(1, kind, of(libc::SOCK_DGRAM))?])?,
    ];
    if !namespaces {
        // On everybody's network Landlock judges TCP alone, and only where it is not one of its variants.
        for family in [v4, v6] {
            rules.push(SeccompRule::new(vec![equal(0, family)?, masked(1, kind, of(libc::SOCK_DGRAM))?])?);
            rules.push(SeccompRule::new(vec![
                equal(0, family)?,
                unequal(2, 0)?,
                unequal(2, of(libc::IPPROTO_TCP))?,
            ])?);
        }
    }
    Ok(rules)
}

const SOCK_TYPE_MASK: u32 = 0xf;

/// The old form of packet sockets.
const SOCK_PACKET: u64 = 10;

fn socket_pairs() -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let unix = u64::from(libc::AF_UNIX.cast_unsigned());
    let datagram = u64::from(libc::SOCK_DGRAM.cast_unsigned());
    Ok(vec![
        SeccompRule::new(vec![unequal(0, unix)?])?,
        SeccompRule::new(vec![masked(1, u64::from(SOCK_TYPE_MASK), datagram)?])?,
    ])
}

/// Typing into a terminal; and where no read-only mount is in the way, attributes of files. The kernel reads
/// 32 bits of the request, so that is what is compared.
fn controls(namespaces: bool) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let attributes = [FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR];
    let attributes = if namespaces { &[][..] } else { &attributes };
    let requests = [libc::TIOCSTI, libc::TIOCLINUX].iter().chain(attributes);
    requests.map(|request| SeccompRule::new(vec![equal(1, *request)?])).collect()
}

const FS_IOC_SETFLAGS: u64 = 0x4008_6602;
const FS_IOC_FSSETXATTR: u64 = 0x401c_5820;

fn equal(index: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn unequal(index: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

fn masked(index: u8, mask: u64, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_are_short_since_every_command_pays_for_them() {
        for ground in [Ground::OwnNamespaces, Ground::Shared] {
            let filters = Filters::build(ground).unwrap();
            let lengths = (filters.known.len(), filters.supervised.len());
            assert!(lengths.0 < 400 && lengths.1 < 600, "{lengths:?}");
        }
    }
}
