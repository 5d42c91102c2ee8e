//! A policy for one purpose, made from that of the project: with a document over it, without any change of
//! the project, or with a place more to read.

use std::path::Path;

use super::paths::{self, Root};
use super::read::Document;
use super::{Access, FileRule, Origin, Places, Policy, Preset, check, layers};

/// The path of the rule that closes the home.
const HOME: &str = "~";

impl Policy {
    /// The same with a document over it, as [`super::layered`] lays the user's: it may widen and narrow. Its
    /// preset counts for nothing. What the project takes away from files stays away.
    #[must_use]
    pub fn with(&self, document: &Document) -> Policy {
        layers::laid_over(self.clone(), document)
    }

    /// The same without anything that acts: files are read and not changed, but for the sandbox's own folders
    /// and for devices that hold nothing; there is no network and no secret; limits are at most those of the
    /// preset `read-only`.
    #[must_use]
    pub fn read_only(&self) -> Policy {
        let read_only = Preset::ReadOnly.policy();
        let mut policy = self.clone();
        for rule in policy.files.iter_mut().filter(|rule| rule.access == Access::Write) {
            let (root, rest) = paths::split(&rule.path);
            let is_own = matches!(root, Root::OwnHome | Root::OwnTemporary);
            let is_device = root == Root::System && rest.starts_with("dev/");
            if !is_own && !is_device {
                rule.access = Access::Read;
            }
        }
        policy.network.clear();
        policy.secrets.clear();
        for bound in super::BOUNDS {
            let most = bound.of(&policy.limits).min(bound.of(&read_only.limits));
            bound.set(&mut policy.limits, most);
        }
        policy.preset = read_only.preset;
        policy
    }

    /// Lets a place be read and executed that no rule names, and says why where that may not be. `path` is
    /// absolute and free of links.
    ///
    /// The home as a whole is closed because nobody needs it, not because each thing in it is secret: what a
    /// person has installed there can be opened by its own name, as long as it holds nothing that is hidden for
    /// itself.
    pub(crate) fn let_read(&mut self, places: &Places, path: &Path) -> Result<(), String> {
        if !check::is_plain(path) {
            return Err("it is not absolute".to_owned());
        }
        let (access, rule) = self.file(places, path);
        if access.reads() {
            return Ok(());
        }
        if let Some(rule) = rule.filter(|rule| rule.path != HOME) {
            return Err(rule.reason.clone()); // It is hidden on purpose.
        }
        let holds = |inner: &Path| inner.starts_with(path);
        if holds(places.project()) || places.home().is_some_and(holds) {
            return Err("the project or your home is within".to_owned());
        }
        let hidden_within = |rule: &&FileRule| {
            rule.access == Access::Hide && places.locate(&rule.path).is_some_and(|hidden| holds(&hidden))
        };
        if let Some(rule) = self.files.iter().find(hidden_within) {
            return Err(format!("`{}` is within", rule.path));
        }
        if path.to_str().is_none() {
            return Err("its name is no text".to_owned());
        }
        let written = paths::normalized(&places.written(path)).map_err(|flaw| flaw.problem)?;
        paths::permitted(&written, Access::Read).map_err(|flaw| flaw.problem)?;
        let reason = "this command needs it".to_owned();
        self.files.push(FileRule { path: written, access: Access::Read, reason, origin: Origin::User });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::layered;
    use super::*;

    fn places() -> Places {
        let at = PathBuf::from;
        Places::new(at("/w/p"), Some(at("/home/u")), at("/w/p/.loki/h"), at("/w/p/.loki/t")).unwrap()
    }

    fn document(text: &str) -> Document {
        Document::read("test", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_place_more_can_be_read_and_nothing_protected() {
        let project =
            document("version = 1\n[[files]]\npath = \"keys\"\naccess = \"hide\"\nreason = \"keys\"\n");
        let mut policy = layered(Preset::Build, None, Some(&project)).unwrap();
        let access = |policy: &Policy, path: &str| policy.file(&places(), Path::new(path)).0;
        assert_eq!(access(&policy, "/srv/tool/bin"), Access::Hide);
        policy.let_read(&places(), Path::new("/srv/tool")).unwrap();
        assert_eq!(access(&policy, "/srv/tool/bin"), Access::Read);
        assert_eq!(access(&policy, "/home/u/.cache/tool/bin"), Access::Hide);
        policy.let_read(&places(), Path::new("/home/u/.cache/tool")).unwrap();
        assert_eq!(access(&policy, "/home/u/.cache/tool/bin"), Access::Read);
        assert_eq!(access(&policy, "/home/u/.cache/other"), Access::Hide);
        let before = policy.clone();
        for path in [
            "/",
            "/home",
            "/home/u",
            "/home/u/.ssh",
            "/home/u/.ssh/id_ed25519",
            "/home/u/.config/loki",
            "/home/u/.config",
            "/home/u/.local/share",
            "/w",
            "/w/p/.loki",
            "/w/p/.loki/loki.db",
            "/w/p/keys/one",
            "/etc/shadow",
            "/etc",
            "/run",
            "/run/docker.sock",
            "/var",
            "/dev",
            "/proc/kcore",
            "relative",
            "/srv/../etc",
        ] {
            assert!(policy.let_read(&places(), Path::new(path)).is_err(), "{path}");
        }
        // What can be read anyway needs no rule, and what can be written stays so.
        policy.let_read(&places(), Path::new("/usr/bin/env")).unwrap();
        policy.let_read(&places(), Path::new("/w/p/src")).unwrap();
        assert_eq!(policy, before);
        assert_eq!(access(&policy, "/w/p/src"), Access::Write);
    }

    #[test]
    fn without_anything_that_acts_only_the_sandbox_s_own_is_written() {
        let user = document(
            "version = 1\n[[files]]\npath = \"/srv/data\"\naccess = \"write\"\nreason = \"data\"\n\
             [[network]]\nhost = \"example.com\"\nreason = \"api\"\nheaders = { x-key = \"secret:KEY\" }\n\
             [[secrets]]\nname = \"KEY\"\nvariable = \"EXAMPLE_KEY\"\nreason = \"api\"\n\
             [limits]\nwall_seconds_max = 10\n",
        );
        let policy = layered(Preset::Network, Some(&user), None).unwrap().read_only();
        let access = |path: &str| policy.file(&places(), Path::new(path)).0;
        for (path, expected) in [
            ("/w/p/src", Access::Read),
            ("/srv/data", Access::Read),
            ("/w/p/.loki/h", Access::Write),
            ("/w/p/.loki/t", Access::Write),
            ("/dev/null", Access::Write),
            ("/home/u/.ssh", Access::Hide),
        ] {
            assert_eq!(access(path), expected, "{path}");
        }
        assert!(policy.network.is_empty() && policy.secrets.is_empty());
        assert_eq!(policy.limits.wall_seconds_max, 10);
        assert_eq!(policy.limits.memory_bytes_max, Preset::ReadOnly.policy().limits.memory_bytes_max);
    }

    #[test]
    fn a_document_opens_a_host_and_what_the_project_hides_stays_hidden() {
        let project =
            document("version = 1\n[[files]]\npath = \"keys\"\naccess = \"hide\"\nreason = \"keys\"\n");
        let agent = document(
            "version = 1\n[[network]]\nhost = \"api.example.com\"\nreason = \"model\"\n\
             headers = { x-api-key = \"secret:MODEL\" }\n\
             [[secrets]]\nname = \"MODEL\"\nvariable = \"MODEL_KEY\"\nreason = \"model\"\n\
             [[files]]\npath = \"keys\"\naccess = \"read\"\nreason = \"no\"\n",
        );
        let policy = layered(Preset::Test, None, Some(&project)).unwrap().with(&agent);
        assert_eq!(policy.host("api.example.com", 443).unwrap().headers["x-api-key"], "secret:MODEL");
        assert!(policy.host("example.com", 443).is_none());
        assert_eq!(policy.file(&places(), Path::new("/w/p/keys")).0, Access::Hide);
        // The secret's own variable is never passed on.
        let given = policy.variables(&places(), [("MODEL_KEY", "s3cr3t")]).given;
        assert!(!given.contains_key("MODEL_KEY"));
    }
}
