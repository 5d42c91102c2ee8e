//! Mounts and roots.
//!
//! None of these changes what anybody sees: the arguments are ones that the kernel refuses after it has
//! asked whether the caller may mount, or make something that goes away with the process.

use super::Act;
use crate::sys::{Args, Outcome, call, reached, text};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("mount", mount),
    ("umount", umount),
    ("pivot-root", pivot_root),
    ("open-tree", open_tree),
    ("fsopen", fsopen),
    ("move-mount", move_mount),
    ("mount-setattr", mount_setattr),
    ("chroot", chroot),
];

/// There is no such file system, which is found out later than whether the caller may mount.
fn mount(args: &Args) -> Outcome {
    let (none, kind) = (text("none"), text("no-such-file-system"));
    reached(call!(libc::SYS_mount, none, text(args.text(0)?), kind, 0, 0), &[libc::ENODEV])
}

/// It is no mount point.
fn umount(args: &Args) -> Outcome {
    reached(call!(libc::SYS_umount2, text(args.text(0)?), 0), &[libc::EINVAL])
}

/// A folder cannot be both roots.
fn pivot_root(args: &Args) -> Outcome {
    let folder = text(args.text(0)?);
    reached(call!(libc::SYS_pivot_root, &folder, &folder), &[libc::EINVAL, libc::EBUSY])
}

/// A copy of a mount, which is gone when its descriptor is.
fn open_tree(args: &Args) -> Outcome {
    let clone = 1;
    call!(libc::SYS_open_tree, libc::AT_FDCWD, text(args.text(0)?), clone | libc::O_CLOEXEC)?;
    Ok(())
}

fn fsopen(_: &Args) -> Outcome {
    call!(libc::SYS_fsopen, text("tmpfs"), 0)?;
    Ok(())
}

/// There is no such flag.
fn move_mount(_: &Args) -> Outcome {
    let here = libc::AT_FDCWD;
    let flags = 0x4000_0000_u32;
    reached(call!(libc::SYS_move_mount, here, text("."), here, text("."), flags), &[libc::EINVAL])
}

/// Nothing is to be set.
fn mount_setattr(args: &Args) -> Outcome {
    let nothing = [0_u64; 4];
    let path = text(args.text(0)?);
    let size = size_of_val(&nothing);
    let result = call!(libc::SYS_mount_setattr, libc::AT_FDCWD, path, 0, nothing.as_ptr(), size);
    reached(result, &[libc::EINVAL])
}

fn chroot(_: &Args) -> Outcome {
    call!(libc::SYS_chroot, text("/"))?;
    Ok(())
}
