//! The table of cases, by what they reach for.
//!
//! In words, `{project}`, `{outside}`, `{home}`, `{run}` and `{other}` are folders of the case's own world, and
//! `{token}` is what is secret there; the witness adds `{pid}`, `{tcp}` and the like.

mod descriptors;
mod files;
mod kernel;
mod metadata;
mod network;
mod outsider;
mod project;

/// One act that a sandbox must not let through.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called in reports.
    pub name: String,
    /// The act and its arguments.
    pub words: Vec<String>,
    /// How the caller starts the command: words for `loki-probe launch`.
    pub scene: Vec<String>,
    /// The same for the control alone.
    pub control_scene: Vec<String>,
    /// Who can do it where there is no sandbox.
    pub control: Control,
    /// What is in the project folder.
    pub project: Project,
    /// What shows that it was done.
    pub evidence: Evidence,
    /// A program with privileges that lies in the project.
    pub gift: Option<Gift>,
}

/// Who can do it where there is no sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Everybody, on every Linux.
    Anyone,
    /// Whoever has the capability of this number.
    Capable(u8),
    /// It depends on how the kernel was built and set up; where it says no, the case proves nothing.
    Depends,
}

/// What is in the project folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// A repository, and `.loki`.
    Repository,
    /// Neither.
    Bare,
}

/// What shows that an act was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Its exit code, or anything that happened to the witness.
    Exit,
    /// Only what happened to the witness.
    Witness,
    /// A process that is left when the call is over.
    Survivor,
}

/// A copy of the probe in the project, as `gift`, that has more than its caller. Only root can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gift {
    /// Runs as root.
    SetUser,
    /// Runs with root's group.
    SetGroup,
    /// Runs with a capability.
    Capability,
}

impl Case {
    fn scene(mut self, words: &[&str]) -> Case {
        self.scene = owned(words);
        self
    }

    fn control_scene(mut self, words: &[&str]) -> Case {
        self.control_scene = owned(words);
        self
    }

    fn capable(mut self, capability: u8) -> Case {
        self.control = Control::Capable(capability);
        self
    }

    fn depends(mut self) -> Case {
        self.control = Control::Depends;
        self
    }

    fn bare(mut self) -> Case {
        self.project = Project::Bare;
        self
    }

    fn evidence(mut self, evidence: Evidence) -> Case {
        self.evidence = evidence;
        self
    }

    fn gift(mut self, gift: Gift) -> Case {
        self.gift = Some(gift);
        self
    }
}

// Capabilities by number, as in capabilities(7).
const CAP_DAC_OVERRIDE: u8 = 1;
const CAP_DAC_READ_SEARCH: u8 = 2;
const CAP_FOWNER: u8 = 3;
const CAP_NET_RAW: u8 = 13;
const CAP_SYS_CHROOT: u8 = 18;
const CAP_SYS_PACCT: u8 = 20;
const CAP_SYS_ADMIN: u8 = 21;
const CAP_SYS_BOOT: u8 = 22;
const CAP_SYS_TIME: u8 = 25;
const CAP_MKNOD: u8 = 27;

/// A case that anyone can do, in a repository, shown by its exit code.
fn case(name: &str, words: &[&str]) -> Case {
    Case {
        name: name.to_owned(),
        words: owned(words),
        scene: Vec::new(),
        control_scene: Vec::new(),
        control: Control::Anyone,
        project: Project::Repository,
        evidence: Evidence::Exit,
        gift: None,
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Every case there is.
pub fn all_cases() -> Vec<Case> {
    [
        files::cases(),
        metadata::cases(),
        project::cases(),
        descriptors::cases(),
        outsider::cases(),
        kernel::cases(),
        network::cases(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let cases = super::all_cases();
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
    }
}
