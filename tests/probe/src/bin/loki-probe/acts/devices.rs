//! Devices: nodes made where the command may write, and files found by handle instead of by name.

use super::Act;
use crate::sys::{self, Args, Outcome, call, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("mknod-char", mknod_char),
    ("mknod-block", mknod_block),
    ("name-to-handle", name_to_handle),
    ("open-by-handle", open_by_handle),
];

/// Makes a node for the device with these numbers and opens it. Nothing is read from it.
fn node(path: &str, kind: u32, major: u32, minor: u32) -> Outcome {
    let device = libc::makedev(major, minor);
    call!(libc::SYS_mknodat, libc::AT_FDCWD, text(path), kind | 0o600, device)?;
    sys::open(path, libc::O_RDONLY | libc::O_NONBLOCK)?;
    Ok(())
}

fn mknod_char(args: &Args) -> Outcome {
    node(args.text(0)?, libc::S_IFCHR, 1, 5)
}

fn mknod_block(args: &Args) -> Outcome {
    let number = |index| args.id(index).map(i32::unsigned_abs);
    node(args.text(0)?, libc::S_IFBLK, number(1)?, number(2)?)
}

/// What `name_to_handle_at` fills: how long the handle may be, its type, and the handle.
#[repr(C)]
pub(crate) struct Handle {
    size: u32,
    kind: i32,
    bytes: [u8; 128],
}

/// The handle of a file.
pub(crate) fn handle(path: &str) -> std::io::Result<Handle> {
    let mut handle = Handle { size: 128, kind: 0, bytes: [0; 128] };
    let mut mount = 0_i32;
    let here = libc::AT_FDCWD;
    call!(libc::SYS_name_to_handle_at, here, text(path), &raw mut handle, &raw mut mount, 0)?;
    Ok(handle)
}

impl Handle {
    /// The handle as one word.
    pub(crate) fn encoded(&self) -> String {
        let bytes = self.bytes.iter().take(self.size as usize);
        let hexadecimal: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{hexadecimal}", self.kind)
    }

    fn decoded(word: &str) -> Option<Handle> {
        let (kind, hexadecimal) = word.split_once(':')?;
        let mut handle = Handle { size: 0, kind: kind.parse().ok()?, bytes: [0; 128] };
        for (index, slot) in handle.bytes.iter_mut().enumerate() {
            let Some(digits) = hexadecimal.get(2 * index..2 * index + 2) else { break };
            *slot = u8::from_str_radix(digits, 16).ok()?;
            handle.size += 1;
        }
        Some(handle)
    }
}

fn name_to_handle(args: &Args) -> Outcome {
    handle(args.text(0)?)?;
    Ok(())
}

/// Opens a file that has no name here, by a handle that was guessed or brought along, on the file system of
/// a folder that may be seen.
fn open_by_handle(args: &Args) -> Outcome {
    let word = args.text(1)?;
    let handle =
        Handle::decoded(word).ok_or_else(|| sys::Refusal::Usage(format!("`{word}` is no handle")))?;
    let mount = sys::open(args.text(0)?, libc::O_RDONLY | libc::O_DIRECTORY)?;
    let file = call!(libc::SYS_open_by_handle_at, mount, &raw const handle, libc::O_WRONLY)?;
    sys::write(file as i32, b"by handle")?;
    Ok(())
}
