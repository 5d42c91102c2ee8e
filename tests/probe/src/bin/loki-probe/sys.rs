//! System calls by number, and what an act comes to.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use libc::c_long;

/// Why an act did not succeed.
pub(crate) enum Refusal {
    /// The kernel, or what stands in front of it, said no.
    Denied(io::Error),
    /// The machine has nothing that the act could be done to.
    Senseless(&'static str),
    /// The act was called wrongly.
    Usage(String),
}

pub(crate) type Outcome = Result<(), Refusal>;

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Denied(error)
    }
}

/// Says no in the act's own name: the call was let through, but had no effect.
pub(crate) fn no_effect(what: &str) -> Refusal {
    Refusal::Denied(io::Error::other(what.to_owned()))
}

/// The words after the act.
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(words: Vec<String>) -> Args {
        Args { words }
    }

    pub(crate) fn all(&self) -> &[String] {
        &self.words
    }

    pub(crate) fn from(&self, first: usize) -> Args {
        Args { words: self.words.iter().skip(first).cloned().collect() }
    }

    pub(crate) fn text(&self, index: usize) -> Result<&str, Refusal> {
        let word = self.words.get(index).map(String::as_str);
        word.ok_or_else(|| Refusal::Usage(format!("argument {} is missing", index + 1)))
    }

    /// The word there, or nothing.
    pub(crate) fn text_or(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }

    pub(crate) fn number(&self, index: usize) -> Result<i64, Refusal> {
        let word = self.text(index)?;
        word.parse().map_err(|_| Refusal::Usage(format!("`{word}` is no number")))
    }

    /// A process, descriptor or identifier.
    pub(crate) fn id(&self, index: usize) -> Result<i32, Refusal> {
        let number = self.number(index)?;
        i32::try_from(number).map_err(|_| Refusal::Usage(format!("{number} is no identifier")))
    }
}

/// What fits into a register.
pub(crate) trait Word {
    fn word(&self) -> c_long;
}

macro_rules! words {
    ($($number:ty),*) => { $(impl Word for $number {
        fn word(&self) -> c_long {
            *self as c_long
        }
    })* };
}

words!(i32, u32, i64, u64, usize);

impl<T> Word for *const T {
    fn word(&self) -> c_long {
        self.addr() as c_long
    }
}

impl<T> Word for *mut T {
    fn word(&self) -> c_long {
        self.addr() as c_long
    }
}

impl Word for CString {
    fn word(&self) -> c_long {
        self.as_ptr().word()
    }
}

impl Word for &CString {
    fn word(&self) -> c_long {
        self.as_ptr().word()
    }
}

impl Word for &File {
    fn word(&self) -> c_long {
        self.as_raw_fd().word()
    }
}

impl Word for OwnedFd {
    fn word(&self) -> c_long {
        self.as_raw_fd().word()
    }
}

/// Calls the kernel: `call!(NUMBER, WORD…)`. Pointers must point to what that call expects.
macro_rules! call {
    ($number:expr $(, $word:expr)* $(,)?) => {
        $crate::sys::raw($number, &[$($crate::sys::Word::word(&$word)),*])
    };
}
pub(crate) use call;

pub(crate) fn raw(number: c_long, words: &[c_long]) -> io::Result<c_long> {
    let at = |index: usize| words.get(index).copied().unwrap_or(0);
    // SAFETY: every caller passes pointers to live values of the types that this call expects.
    let value = unsafe { libc::syscall(number, at(0), at(1), at(2), at(3), at(4), at(5)) };
    if value == -1 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

/// Success where the call went through, or failed with one of `past`: errors that the kernel gives only after
/// it has let the caller do this. So acts on the whole system can be tried without carrying them out.
pub(crate) fn reached(result: io::Result<c_long>, past: &[i32]) -> Outcome {
    match result {
        Err(error) if error.raw_os_error().is_some_and(|code| past.contains(&code)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

/// A text for the kernel.
pub(crate) fn text(value: &str) -> CString {
    CString::new(value.replace('\0', "")).unwrap_or_default()
}

/// A descriptor that a call returned.
pub(crate) fn owned(fd: c_long) -> OwnedFd {
    // SAFETY: the kernel has just given this descriptor to us, and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd as RawFd) }
}

/// Opens a path with exactly these flags.
pub(crate) fn open(path: &str, flags: i32) -> io::Result<OwnedFd> {
    let path = text(path);
    call!(libc::SYS_openat, libc::AT_FDCWD, path, flags | libc::O_CLOEXEC, 0o600).map(owned)
}

/// Writes all of `bytes` at the descriptor's offset.
pub(crate) fn write(fd: RawFd, bytes: &[u8]) -> io::Result<()> {
    let written = call!(libc::SYS_write, fd, bytes.as_ptr(), bytes.len())?;
    if written as usize == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Reads once.
pub(crate) fn read(fd: RawFd, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0_u8; bytes_max];
    let count = call!(libc::SYS_read, fd, bytes.as_mut_ptr(), bytes.len())?;
    bytes.truncate(count as usize);
    Ok(bytes)
}

/// Splits in two; true in the child.
pub(crate) fn fork() -> io::Result<Option<i32>> {
    // SAFETY: the probe has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child)),
    }
}

/// Ends this process at once, as a child must.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: nothing runs after it.
    unsafe { libc::_exit(code) }
}

/// Waits for a child; its exit code, or 128 and the signal that ended it.
pub(crate) fn wait(child: i32) -> io::Result<i32> {
    let mut status = 0_i32;
    call!(libc::SYS_wait4, child, &raw mut status, 0, 0)?;
    Ok(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) })
}

/// Becomes another program.
pub(crate) fn exec(path: &Path, words: &[String]) -> io::Error {
    use std::os::unix::process::CommandExt;
    std::process::Command::new(path).args(words).exec()
}

/// True where `bytes` hold `token`.
pub(crate) fn holds(bytes: &[u8], token: &str) -> bool {
    !token.is_empty() && bytes.windows(token.len()).any(|window| window == token.as_bytes())
}

/// This process's field of `/proc/PID/status`.
pub(crate) fn status_field(pid: &str, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.split(':').next() == Some(field))?;
    Some(line.split(':').nth(1)?.trim().to_owned())
}
