//! What to tell someone whose command was refused something, and which rule would allow it.

use std::path::PathBuf;

use super::bounds::Bound;
use super::explain::host_remedy;
use super::{Access, Places, Policy};

/// Something that a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// To read or write a file.
    File {
        /// The file, absolute.
        path: PathBuf,
        /// What it wanted: `Read` or `Write`.
        wanted: Access,
    },
    /// To reach a host that no rule names.
    Host {
        /// Its name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// To reach a host that a rule names, and that is on a private, loopback or link-local address.
    PrivateAddress {
        /// Its name.
        host: String,
        /// The port.
        port: u16,
    },
    /// To connect to a program by way of a file.
    UnixSocket {
        /// The file.
        path: PathBuf,
    },
    /// To do what the kernel calls so.
    Syscall {
        /// Such as `ptrace`.
        name: String,
    },
    /// To use up more.
    Limit {
        /// Its key, such as `wall_seconds_max`.
        name: String,
        /// What it stood at.
        value: u64,
    },
}

/// What to tell someone about a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What happened and what can be done, for someone who never saw a sandbox.
    pub words: String,
    /// Lines for the user's policy file that would allow it; none where nothing can.
    pub rule: Option<String>,
}

impl Policy {
    /// What to tell someone whose command was refused this.
    pub fn advice(&self, places: &Places, denied: &Denied) -> Advice {
        match denied {
            Denied::File { path, wanted } => {
                let answer = self.explain_file(places, path, *wanted);
                if answer.allowed {
                    let words = format!("{} The refusal came from the file's own permissions.", answer.words);
                    return Advice { words, rule: None };
                }
                Advice { words: answer.words, rule: answer.rule }
            }
            Denied::Host { host, port } => {
                let answer = self.explain_host(host, *port);
                if answer.allowed {
                    let words =
                        format!("{} The refusal came from the network or from the host.", answer.words);
                    return Advice { words, rule: None };
                }
                Advice { words: answer.words, rule: answer.rule }
            }
            Denied::PrivateAddress { host, port } => private_address(host, *port),
            Denied::UnixSocket { path } => Advice {
                words: format!(
                    "`{}` leads to a program outside of the sandbox, which would act for the command without any \
                     confinement. No policy allows that. What the command starts itself, it can talk to.",
                    path.to_string_lossy().escape_debug()
                ),
                rule: None,
            },
            Denied::Syscall { name } => syscall(name),
            Denied::Limit { name, value } => self.limit(name, *value),
        }
    }

    fn limit(&self, name: &str, value: u64) -> Advice {
        let Some(bound) = Bound::named(name) else {
            return Advice { words: format!("The command reached its limit `{name}`, {value}."), rule: None };
        };
        let reached = format!("The command reached its limit of {value} {}.", bound.words);
        let more = value.max(bound.of(&self.limits)).saturating_mul(2).clamp(bound.min, bound.max);
        if more <= value {
            return Advice { words: format!("{reached} No policy allows more."), rule: None };
        }
        let words = format!("{reached} If it needs more, put into your policy file:");
        Advice { words, rule: Some(format!("[limits]\n{name} = {more}\n")) }
    }
}

fn private_address(host: &str, port: u16) -> Advice {
    let met = format!(
        "`{}` is allowed, but its address is one of this machine or of a private network, where services trust \
         whoever reaches them.",
        host.escape_debug()
    );
    match host_remedy(host, port, true) {
        Ok(rule) => {
            Advice { words: format!("{met} If that is meant, put into your policy file:"), rule: Some(rule) }
        }
        Err(flaw) => {
            Advice { words: format!("{met} No policy can change that: {}.", flaw.problem), rule: None }
        }
    }
}

fn syscall(name: &str) -> Advice {
    let why = match name {
        "ptrace" | "process_vm_readv" | "process_vm_writev" | "kcmp" | "pidfd_getfd" | "process_madvise" => {
            "it looks into other programs, as debuggers and `strace` do. Run debuggers outside of the sandbox"
        }
        "mount" | "umount" | "umount2" | "pivot_root" | "chroot" | "move_mount" | "open_tree"
        | "open_tree_attr" | "fsopen" | "fsmount" | "fsconfig" | "fspick" | "mount_setattr" | "swapon"
        | "swapoff" | "quotactl" | "quotactl_fd" => {
            "it changes which files are where, and with that what the sandbox hides. Containers and image builders \
             need it: run them outside of the sandbox"
        }
        "unshare" | "setns" | "clone" | "clone3" => {
            "it makes a sandbox within the sandbox, in which more of the kernel can be attacked. Browsers do this: start \
             them with `--no-sandbox`, they are confined already"
        }
        "bpf" | "perf_event_open" | "fanotify_init" | "lookup_dcookie" | "syslog" => {
            "it watches the whole machine, as profilers do. Run profilers outside of the sandbox"
        }
        "io_uring_setup" | "io_uring_enter" | "io_uring_register" => {
            "it does work in the kernel that the sandbox cannot see. Programs fall back to the usual ways"
        }
        "keyctl" | "add_key" | "request_key" => "it reaches keys that the kernel keeps for you",
        "init_module" | "finit_module" | "delete_module" | "kexec_load" | "kexec_file_load" | "reboot"
        | "iopl" | "ioperm" => "it changes the kernel or the machine itself",
        "settimeofday" | "clock_settime" | "clock_adjtime" | "adjtimex" | "sethostname" | "setdomainname" => {
            "it changes the clock or the name of the whole machine"
        }
        "mknod" | "mknodat" => "it makes devices, which lead to the machine's disks and memory",
        "socket" | "socketpair" => {
            "it opens a kind of connection that goes past the proxy. TCP connections to allowed hosts work"
        }
        "personality" | "userfaultfd" | "modify_ldt" | "vm86" | "vm86old" => {
            "it is a means of attacks on the kernel, and next to nothing needs it"
        }
        _ => "ordinary programs do without it, and it makes the kernel easier to attack",
    };
    let words =
        format!("The command asked the kernel for `{}`: {why}. No policy allows it.", name.escape_debug());
    Advice { words, rule: None }
}
