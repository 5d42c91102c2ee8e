//! What `/proc` shows of other processes, and the ways it opens into them.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;

use super::Act;
use crate::sys::{self, Args, Outcome, Refusal, call, holds, no_effect, status_field};

pub(super) const ACTS: &[(&str, Act)] = &[
    ("proc-mem", mem),
    ("proc-environ", environ),
    ("proc-cmdline", cmdline),
    ("proc-root", root),
    ("proc-any-root", any_root),
    ("proc-cwd", cwd),
    ("proc-fd", fd),
    ("proc-oom", oom),
    ("parent-ptrace", parent_ptrace),
    ("parent-mem", parent_mem),
];

fn mem(args: &Args) -> Outcome {
    let (pid, address, token) = (args.id(0)?, args.number(1)?, args.text(2)?);
    let memory = sys::open(&format!("/proc/{pid}/mem"), libc::O_RDWR)?;
    let mut bytes = vec![0_u8; token.len()];
    call!(libc::SYS_pread64, memory, bytes.as_mut_ptr(), bytes.len(), address)?;
    if holds(&bytes, token) { Ok(()) } else { Err(no_effect("the memory is another's")) }
}

fn environ(args: &Args) -> Outcome {
    let bytes = fs::read(format!("/proc/{}/environ", args.id(0)?))?;
    if holds(&bytes, args.text(1)?) { Ok(()) } else { Err(no_effect("the environment is another's")) }
}

/// Arguments of other people's commands hold passwords often enough.
fn cmdline(args: &Args) -> Outcome {
    let bytes = fs::read(format!("/proc/{}/cmdline", args.id(0)?))?;
    if holds(&bytes, args.text(1)?) { Ok(()) } else { Err(no_effect("the process is another")) }
}

fn write(path: &str) -> Outcome {
    OpenOptions::new().write(true).open(path)?.write_all(b"by proc")?;
    Ok(())
}

fn root(args: &Args) -> Outcome {
    write(&format!("/proc/{}/root{}", args.id(0)?, args.text(1)?))
}

/// The processes of the sandbox that can be seen may have another root, another current folder or an open
/// folder that leads out; the first process of a sandbox often has.
fn any_root(args: &Args) -> Outcome {
    let (path, token) = (args.text(1)?, args.text(2)?);
    let mut last = no_effect("no process leads out");
    for pid in neighbours(args.id(0)?)? {
        let mut doors = vec![format!("/proc/{pid}/root"), format!("/proc/{pid}/cwd")];
        if let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) {
            doors.extend(open.flatten().map(|entry| entry.path().display().to_string()));
        }
        for door in doors {
            match fs::read(format!("{door}{path}")) {
                Ok(bytes) if holds(&bytes, token) => return Ok(()),
                Ok(_) => {}
                Err(error) => last = error.into(),
            }
        }
    }
    Err(last)
}

/// The processes that belong to the sandbox or started it: every one that can be seen where the process
/// `caller` is not among this one's ancestors, else the ancestors up to that one. Strangers on the machine
/// are left in peace.
pub(super) fn neighbours(caller: i32) -> Result<Vec<String>, Refusal> {
    let mut ancestors = Vec::new();
    let mut next = status_field("self", "PPid");
    while let Some(pid) = next.filter(|pid| pid != "0") {
        next = status_field(&pid, "PPid");
        ancestors.push(pid);
        if ancestors.last().is_some_and(|last| *last == caller.to_string()) {
            return Ok(ancestors);
        }
    }
    let own = status_field("self", "Pid");
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_ok() && Some(&name) != own.as_ref() {
            all.push(name);
        }
    }
    Ok(all)
}

fn cwd(args: &Args) -> Outcome {
    write(&format!("/proc/{}/cwd/{}", args.id(0)?, args.text(1)?))
}

fn fd(args: &Args) -> Outcome {
    write(&format!("/proc/{}/fd/{}", args.id(0)?, args.id(1)?))
}

/// Writes back what is there: deciding whom the kernel kills first is not the command's business.
fn oom(args: &Args) -> Outcome {
    let path = format!("/proc/{}/oom_score_adj", args.id(0)?);
    let value = fs::read(&path)?;
    OpenOptions::new().write(true).open(&path)?.write_all(&value)?;
    Ok(())
}

/// The parent counts where it may do more than this process: it is under fewer filters, or has more
/// capabilities, or lives in other namespaces. Taking it over would be a way out.
fn freer_parent() -> Result<i32, Refusal> {
    let parent = call!(libc::SYS_getppid)?.max(1);
    let pid = parent.to_string();
    let number = |pid: &str, field: &str, radix: u32| {
        status_field(pid, field).and_then(|text| u64::from_str_radix(&text, radix).ok())
    };
    let fewer_filters = number(&pid, "Seccomp_filters", 10) < number("self", "Seccomp_filters", 10);
    let caps = |pid: &str| number(pid, "CapPrm", 16).unwrap_or(0);
    let more_capabilities = caps(&pid) & !caps("self") != 0;
    let space = |pid: &str, name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).ok();
    let spaces = ["mnt", "net", "user", "ipc", "pid"];
    let elsewhere =
        spaces.iter().any(|name| space(&pid, name).is_some_and(|its| Some(its) != space("self", name)));
    if fewer_filters || more_capabilities || elsewhere {
        Ok(parent as i32)
    } else {
        Err(no_effect("the parent may do no more than this process"))
    }
}

fn parent_ptrace(_: &Args) -> Outcome {
    let parent = freer_parent()?;
    call!(libc::SYS_ptrace, libc::PTRACE_SEIZE, parent, 0, 0)?;
    Ok(())
}

fn parent_mem(_: &Args) -> Outcome {
    let parent = freer_parent()?;
    let memory = sys::open(&format!("/proc/{parent}/mem"), libc::O_RDWR)?;
    let maps = fs::read_to_string(format!("/proc/{parent}/maps"))?;
    let first = maps.split('-').next().and_then(|text| i64::from_str_radix(text, 16).ok());
    let mut byte = 0_u8;
    call!(libc::SYS_pread64, memory.as_raw_fd(), &raw mut byte, 1, first.unwrap_or(0))?;
    Ok(())
}
