//! How strongly this machine can confine, and how strongly it must.

use serde::{Deserialize, Serialize};

use crate::sys;

/// What holds a command, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Landlock and system call filters, in the namespaces of everybody else.
    Landlock,
    /// Namespaces of its own and system call filters, without Landlock.
    Namespaces,
    /// Namespaces of its own, Landlock and system call filters.
    Isolated,
}

impl Level {
    /// Every level, strongest first.
    pub const ALL: [Level; 3] = [Level::Isolated, Level::Namespaces, Level::Landlock];

    /// Its name in settings, flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Level::Isolated => "isolated",
            Level::Namespaces => "namespaces",
            Level::Landlock => "landlock",
        }
    }

    /// The level of that name.
    pub fn parse(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Whether commands get a mount, process and network namespace of their own.
    pub fn has_namespaces(self) -> bool {
        self >= Level::Namespaces
    }

    /// Whether Landlock judges their files.
    pub fn has_landlock(self) -> bool {
        self != Level::Namespaces
    }

    /// What a command loses or keeps at this level, compared with the strongest.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Level::Isolated => None,
            Level::Namespaces => Some("Landlock does not stand behind the namespaces"),
            Level::Landlock => Some(
                "a command sees no loopback network and other processes by name, and cannot make new entries at the top of the project",
            ),
        }
    }
}

/// What to do where the machine cannot confine as strongly as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Refuse to run anything.
    Require,
    /// Use the strongest level there is, and say which.
    Degrade,
    /// Confine nothing.
    Off,
}

impl Mode {
    /// Its name in settings and flags.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Require => "require",
            Mode::Degrade => "degrade",
            Mode::Off => "off",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Mode> {
        [Mode::Require, Mode::Degrade, Mode::Off].into_iter().find(|mode| mode.name() == name)
    }
}

/// What the machine offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// Landlock's version; none where the kernel has none.
    pub landlock_abi: Option<u8>,
    /// Why namespaces cannot be had; none where they can.
    pub namespaces: Option<String>,
    /// Whether system call filters can ask a supervisor.
    pub seccomp: bool,
    /// Why calls have no control group of their own, so that usage is sampled; none where they have.
    pub cgroup: Option<String>,
}

/// Below this, Landlock does not judge the truncation of files.
pub const LANDLOCK_ABI_MIN: u8 = 3;

/// From this on Landlock judges TCP, device controls, signals and abstract sockets too.
pub const LANDLOCK_ABI_WHOLE: u8 = 6;

impl Support {
    /// What can be told without trying: namespaces and control groups are taken to be there.
    pub fn at_first_sight() -> Support {
        Support {
            landlock_abi: sys::landlock_abi(),
            namespaces: None,
            seccomp: sys::has_supervised_filters(),
            cgroup: None,
        }
    }

    /// Whether commands can be held at `level`.
    pub fn offers(&self, level: Level) -> bool {
        let landlock = self.landlock_abi.is_some_and(|abi| abi >= LANDLOCK_ABI_MIN);
        let namespaces = self.namespaces.is_none();
        self.seccomp
            && match level {
                Level::Isolated => landlock && namespaces,
                Level::Namespaces => namespaces,
                Level::Landlock => landlock,
            }
    }

    /// The strongest level there is.
    pub fn strongest(&self) -> Option<Level> {
        Level::ALL.into_iter().find(|level| self.offers(*level))
    }

    /// The level to hold commands at, at least `least`; none: unconfined, because that was asked for.
    pub fn choose(&self, mode: Mode, least: Level) -> Result<Option<Level>, TooWeak> {
        let strongest = self.strongest();
        match (mode, strongest) {
            (Mode::Off, _) => Ok(None),
            (Mode::Require, Some(level)) if level >= least => Ok(Some(level)),
            (Mode::Degrade, Some(level)) => Ok(Some(level)),
            (Mode::Require | Mode::Degrade, _) => Err(TooWeak {
                least: if mode == Mode::Degrade { Level::Landlock } else { least },
                strongest,
                missing: self.missing(),
            }),
        }
    }

    /// What is missing for the strongest level, in words.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        match self.landlock_abi {
            None => missing
                .push("this kernel has no Landlock (Linux 5.13 with CONFIG_SECURITY_LANDLOCK)".to_owned()),
            Some(abi) if abi < LANDLOCK_ABI_MIN => {
                missing.push(format!("Landlock has version {abi}, {LANDLOCK_ABI_MIN} is needed (Linux 6.2)"));
            }
            Some(_) => {}
        }
        if let Some(why) = &self.namespaces {
            missing.push(format!("namespaces cannot be made: {why}"));
        }
        if !self.seccomp {
            missing.push("system call filters with a supervisor are not there (Linux 5.19)".to_owned());
        }
        missing
    }
}

/// The machine cannot confine as strongly as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("commands must be confined at level `{}`, and this machine offers {}", least.name(), strongest.map_or("none", Level::name))]
pub struct TooWeak {
    /// What was asked for.
    pub least: Level,
    /// What there is.
    pub strongest: Option<Level>,
    /// What is missing for more.
    pub missing: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn support(landlock_abi: Option<u8>, namespaces: bool) -> Support {
        let namespaces = (!namespaces).then(|| "not permitted".to_owned());
        Support { landlock_abi, namespaces, seccomp: true, cgroup: None }
    }

    #[test]
    fn the_strongest_level_is_the_one_whose_parts_are_all_there() {
        for (abi, namespaces, expected) in [
            (Some(7), true, Some(Level::Isolated)),
            (Some(3), true, Some(Level::Isolated)),
            (Some(2), true, Some(Level::Namespaces)),
            (None, true, Some(Level::Namespaces)),
            (Some(7), false, Some(Level::Landlock)),
            (Some(2), false, None),
            (None, false, None),
        ] {
            assert_eq!(support(abi, namespaces).strongest(), expected, "{abi:?} {namespaces}");
        }
        assert_eq!(Support { seccomp: false, ..support(Some(7), true) }.strongest(), None);
    }

    #[test]
    fn require_refuses_below_the_named_level() {
        let weak = support(Some(7), false);
        let refused = weak.choose(Mode::Require, Level::Isolated).unwrap_err();
        assert_eq!((refused.least, refused.strongest), (Level::Isolated, Some(Level::Landlock)));
        assert_eq!(refused.missing, ["namespaces cannot be made: not permitted"]);
        assert_eq!(weak.choose(Mode::Require, Level::Landlock), Ok(Some(Level::Landlock)));
        assert_eq!(weak.choose(Mode::Degrade, Level::Isolated), Ok(Some(Level::Landlock)));
        assert_eq!(weak.choose(Mode::Off, Level::Isolated), Ok(None));
        support(None, false).choose(Mode::Degrade, Level::Isolated).unwrap_err();
    }

    #[test]
    fn names_are_read_back() {
        for level in Level::ALL {
            assert_eq!(Level::parse(level.name()), Some(level));
        }
        for mode in [Mode::Require, Mode::Degrade, Mode::Off] {
            assert_eq!(Mode::parse(mode.name()), Some(mode));
        }
        assert_eq!(Level::parse("strong"), None);
    }
}
