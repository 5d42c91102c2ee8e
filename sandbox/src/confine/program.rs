//! A filter that asks for the number of a call alone.
//!
//! seccompiler compares a number with each of the hundreds that are known, one after the other, and the
//! kernel translates all of it anew for every command. Runs of numbers need far fewer lines.

use seccompiler::{BpfProgram, sock_filter};

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

#[cfg(target_arch = "x86_64")]
const OWN_ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const OWN_ARCHITECTURE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64

/// A number that no call has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no number of a system call")]
pub(super) struct NoCall(i64);

/// Lets the calls with these numbers (sorted) through and answers "no such call" to all others. Calls in
/// the manner of another processor end the process.
pub(super) fn ranges(numbers: &[i64]) -> Result<BpfProgram, NoCall> {
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let mut program = beginning();
    for (first, last) in runs(numbers)? {
        // Below this run and not in one before: refused. Within it: let through. Above: the next run.
        program.push(line(JUMP_IF_GREATER_OR_EQUAL, first, 1, 0));
        program.push(line(RETURN, refuse, 0, 0));
        program.push(line(JUMP_IF_GREATER, last, 1, 0));
        program.push(line(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0));
    }
    program.push(line(RETURN, refuse, 0, 0));
    Ok(program)
}

/// Refers the calls with these numbers (sorted) to the supervisor, and has `rest` judge all others.
pub(super) fn refer(numbers: &[i64], rest: BpfProgram) -> Result<BpfProgram, NoCall> {
    let mut program = beginning();
    for (first, last) in runs(numbers)? {
        // Below this run: the rest. Within it: the supervisor. Above: the next run.
        program.push(line(JUMP_IF_GREATER_OR_EQUAL, first, 0, 2));
        program.push(line(JUMP_IF_GREATER, last, 1, 0));
        program.push(line(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0));
    }
    program.extend(rest);
    Ok(program)
}

fn beginning() -> BpfProgram {
    vec![
        line(LOAD_WORD, ARCHITECTURE, 0, 0),
        line(JUMP_IF_EQUAL, OWN_ARCHITECTURE, 1, 0),
        line(RETURN, libc::SECCOMP_RET_KILL_PROCESS, 0, 0),
        line(LOAD_WORD, NUMBER, 0, 0),
    ]
}

/// Sorted numbers as runs, each with its first and last.
fn runs(numbers: &[i64]) -> Result<Vec<(u32, u32)>, NoCall> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        let number = u32::try_from(*number).map_err(|_| NoCall(*number))?;
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    Ok(runs)
}

fn line(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the program says of a call, computed as the kernel does.
    fn verdict(program: &[sock_filter], architecture: u32, number: u32) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let line = &program[at];
            let jump = |holds: bool| usize::from(if holds { line.jt } else { line.jf });
            at += 1 + match line.code {
                LOAD_WORD => {
                    accumulator = if line.k == NUMBER { number } else { architecture };
                    0
                }
                JUMP_IF_EQUAL => jump(accumulator == line.k),
                JUMP_IF_GREATER => jump(accumulator > line.k),
                JUMP_IF_GREATER_OR_EQUAL => jump(accumulator >= line.k),
                RETURN => return line.k,
                other => panic!("an unknown line: {other}"),
            };
        }
    }

    proptest! {
        #[test]
        fn exactly_the_numbers_of_the_list_go_through(
            numbers in proptest::collection::btree_set(0i64..600, 0..300),
            asked in 0u32..700,
        ) {
            let list: Vec<i64> = numbers.iter().copied().collect();
            let program = ranges(&list).unwrap();
            let expected = if numbers.contains(&i64::from(asked)) {
                libc::SECCOMP_RET_ALLOW
            } else {
                libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()
            };
            prop_assert_eq!(verdict(&program, OWN_ARCHITECTURE, asked), expected);
            prop_assert_eq!(verdict(&program, 0x4000_0003, asked), libc::SECCOMP_RET_KILL_PROCESS);
        }
    }

    proptest! {
        #[test]
        fn exactly_the_numbers_of_the_list_are_referred(
            numbers in proptest::collection::btree_set(0i64..600, 0..300),
            asked in 0u32..700,
        ) {
            let list: Vec<i64> = numbers.iter().copied().collect();
            let program = refer(&list, vec![line(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0)]).unwrap();
            let referred = numbers.contains(&i64::from(asked));
            let expected = if referred { libc::SECCOMP_RET_USER_NOTIF } else { libc::SECCOMP_RET_ALLOW };
            prop_assert_eq!(verdict(&program, OWN_ARCHITECTURE, asked), expected);
            prop_assert_eq!(verdict(&program, 0x4000_0003, asked), libc::SECCOMP_RET_KILL_PROCESS);
        }
    }

    #[test]
    fn numbers_of_the_x32_kind_are_none() {
        let program = ranges(&[0, 1, 2]).unwrap();
        let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
        assert_eq!(verdict(&program, OWN_ARCHITECTURE, 0x4000_0001), refused);
        assert_eq!(ranges(&[-1]), Err(NoCall(-1)));
    }
}
