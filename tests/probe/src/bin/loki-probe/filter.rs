//! Filters that stand for machines which cannot do what this one can.

use crate::sys::{Refusal, call};

/// One instruction of a filter: code, where to go on if it is so and if not, and a number.
const fn step(code: u16, so: u8, otherwise: u8, number: u32) -> u64 {
    code as u64 | (so as u64) << 16 | (otherwise as u64) << 24 | (number as u64) << 32
}

const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const ANSWER: u16 = 0x06;

const CALL_NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;

const ALLOW: u32 = 0x7fff_0000;
const NOT_PERMITTED: u32 = 0x0005_0001;
const NO_SUCH_CALL: u32 = 0x0005_0026;

/// Lets everything through.
pub(crate) fn nothing() -> Result<(), Refusal> {
    install(&[step(ANSWER, 0, 0, ALLOW)])
}

/// A machine without namespaces for the asking.
pub(crate) fn no_namespaces() -> Result<(), Refusal> {
    let spaces = 0x7e02_0080;
    install(&[
        step(LOAD, 0, 0, CALL_NUMBER),
        step(EQUAL, 5, 0, libc::SYS_unshare as u32),
        step(EQUAL, 5, 0, libc::SYS_clone3 as u32),
        step(EQUAL, 0, 2, libc::SYS_clone as u32),
        step(LOAD, 0, 0, FIRST_ARGUMENT),
        step(ANY_BIT, 1, 0, spaces),
        step(ANSWER, 0, 0, ALLOW),
        step(ANSWER, 0, 0, NOT_PERMITTED),
        step(ANSWER, 0, 0, NO_SUCH_CALL),
    ])
}

/// A kernel without Landlock.
pub(crate) fn no_landlock() -> Result<(), Refusal> {
    let (first, after_last) = (444, 447);
    install(&[
        step(LOAD, 0, 0, CALL_NUMBER),
        step(AT_LEAST, 0, 1, first),
        step(AT_LEAST, 0, 1, after_last),
        step(ANSWER, 0, 0, ALLOW),
        step(ANSWER, 0, 0, NO_SUCH_CALL),
    ])
}

fn install(steps: &[u64]) -> Result<(), Refusal> {
    let (no_new_privileges, set_filter) = (38, 1);
    call!(libc::SYS_prctl, no_new_privileges, 1, 0, 0, 0)?;
    let program = [steps.len() as u64, steps.as_ptr().addr() as u64];
    call!(libc::SYS_seccomp, set_filter, 0, program.as_ptr())?;
    Ok(())
}
