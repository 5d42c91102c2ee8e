//! Paths as policies write them: which are sound, and what no policy may open.

use super::Access;
use super::error::Flaw;

/// The longest path of a rule.
const PATH_BYTES_MAX: usize = 1024;

/// What a rule's path counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// `/`
    System,
    /// `~`
    Home,
    /// The project.
    Project,
    /// `@home`: the sandbox's own home.
    OwnHome,
    /// `@tmp`: the sandbox's own folder for passing files.
    OwnTemporary,
}

/// Splits a rule's path into its root and what follows, which is empty for the root itself.
pub(super) fn split(path: &str) -> (Root, &str) {
    let roots = [("~", Root::Home), ("@home", Root::OwnHome), ("@tmp", Root::OwnTemporary)];
    for (name, root) in roots {
        match path.strip_prefix(name) {
            Some("") => return (root, ""),
            Some(rest) if rest.starts_with('/') => return (root, &rest[1..]),
            Some(_) | None => {}
        }
    }
    match path.strip_prefix('/') {
        Some(rest) => (Root::System, rest),
        None if path == "." => (Root::Project, ""),
        None => (Root::Project, path.strip_prefix("./").unwrap_or(path)),
    }
}

/// True where `inner` is `outer` or below it, as far as that shows without knowing where home and project are.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    let ((outer_root, outer), (inner_root, inner)) = (split(outer), split(inner));
    let below = inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    outer_root == inner_root && (outer.is_empty() || below)
}

/// The path without doubled, trailing and idle parts; a flaw where no rule may have it.
pub(super) fn normalized(path: &str) -> Result<String, Flaw> {
    if path.is_empty() {
        return Err(Flaw::new("a path is missing").hint("`.` is the project itself."));
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(Flaw::new(format!("a path has at most {PATH_BYTES_MAX} bytes")));
    }
    if !is_plain(path) {
        return Err(Flaw::new("the path holds a control character"));
    }
    let (root, rest) = split(path);
    match root {
        Root::OwnHome | Root::OwnTemporary => {
            return Err(Flaw::new(format!("`{path}` belongs to the sandbox itself"))
                .hint(format!("For a file of the project write `./{path}`.")));
        }
        Root::Project if path.starts_with('~') => {
            return Err(Flaw::new(format!("`{path}` is in another user's home"))
                .hint("Write `~/…` for your own home, or the absolute path."));
        }
        Root::System | Root::Home | Root::Project => {}
    }
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(
            Flaw::new(format!("`{path}` holds `..`")).hint("Write the path that it leads to.".to_owned())
        );
    }
    if parts.iter().any(|part| part.contains('*')) {
        return Err(Flaw::new(format!("`{path}` holds a wildcard, which paths do not have"))
            .hint("Name the folder: a rule holds for everything below it."));
    }
    let rest = parts.join("/");
    Ok(match (root, rest.is_empty()) {
        (Root::System, _) => format!("/{rest}"),
        (Root::Home, true) => "~".to_owned(),
        (Root::Home, false) => format!("~/{rest}"),
        (_, true) => ".".to_owned(),
        (_, false) if rest.starts_with(['~', '@']) => format!("./{rest}"),
        (_, false) => rest,
    })
}

/// True where nothing in `text` could make a screen show something other than what is written.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| {
        !c.is_control()
            && !matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    })
}

/// How far an entry of [`NEVER`] reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Itself,
    Tree,
}

use Extent::{Itself, Tree};

/// What no policy file may open further than this, because the confinement would be worth nothing.
/// The innermost entry decides.
const NEVER: &[(&str, Extent, Access, &str)] = &[
    ("/", Itself, Access::Hide, "it would open the whole machine"),
    ("/bin", Tree, Access::Read, "the machine's programs stay as they are"),
    ("/sbin", Tree, Access::Read, "the machine's programs stay as they are"),
    ("/lib", Tree, Access::Read, "the machine's libraries stay as they are"),
    ("/lib32", Tree, Access::Read, "the machine's libraries stay as they are"),
    ("/lib64", Tree, Access::Read, "the machine's libraries stay as they are"),
    ("/usr", Tree, Access::Read, "the machine's programs stay as they are"),
    ("/usr/local", Tree, Access::Write, ""),
    ("/usr/local/bin", Tree, Access::Read, "programs there run outside of the sandbox"),
    ("/usr/local/sbin", Tree, Access::Read, "programs there run outside of the sandbox"),
    ("/usr/src", Tree, Access::Write, ""),
    ("/boot", Tree, Access::Read, "the machine starts from it"),
    ("/etc", Itself, Access::Hide, "it holds passwords and keys beside settings"),
    ("/etc", Tree, Access::Read, "the machine's settings stay as they are"),
    ("/etc/shadow", Tree, Access::Hide, "it holds passwords"),
    ("/etc/shadow-", Tree, Access::Hide, "it holds passwords"),
    ("/etc/gshadow", Tree, Access::Hide, "it holds passwords"),
    ("/etc/gshadow-", Tree, Access::Hide, "it holds passwords"),
    ("/etc/sudoers", Tree, Access::Hide, "it says who becomes root"),
    ("/etc/sudoers.d", Tree, Access::Hide, "it says who becomes root"),
    ("/etc/ssl/private", Tree, Access::Hide, "it holds the machine's keys"),
    ("/etc/ssh", Tree, Access::Hide, "it holds the machine's keys"),
    ("/etc/krb5.keytab", Tree, Access::Hide, "it holds the machine's keys"),
    ("/etc/kubernetes", Tree, Access::Hide, "it holds the machine's keys"),
    ("/proc", Tree, Access::Read, "the kernel is steered through it"),
    ("/sys", Tree, Access::Read, "the kernel is steered through it"),
    ("/dev", Itself, Access::Hide, "it holds the machine's disks and memory"),
    ("/dev/mem", Tree, Access::Hide, "it is the machine's memory"),
    ("/dev/kmem", Tree, Access::Hide, "it is the kernel's memory"),
    ("/dev/port", Tree, Access::Hide, "it steers the machine's hardware"),
    ("/run", Itself, Access::Hide, "services that act as root listen there"),
    ("/var", Itself, Access::Hide, "services keep their data there"),
    ("/var/run", Itself, Access::Hide, "services that act as root listen there"),
    ("/run/docker.sock", Tree, Access::Hide, "who reaches it is root on the machine"),
    ("/var/run/docker.sock", Tree, Access::Hide, "who reaches it is root on the machine"),
    ("/run/podman", Tree, Access::Hide, "who reaches it starts unconfined containers"),
    ("/run/containerd", Tree, Access::Hide, "who reaches it is root on the machine"),
    ("/run/crio", Tree, Access::Hide, "who reaches it is root on the machine"),
    ("/run/dbus", Tree, Access::Hide, "services start unconfined programs for who reaches it"),
    ("/run/systemd", Itself, Access::Hide, "systemd starts unconfined programs for who reaches it"),
    ("/run/systemd/private", Tree, Access::Hide, "systemd starts unconfined programs for who reaches it"),
    ("~", Itself, Access::Read, "what is written there runs when you next sign in"),
    ("~/.ssh", Tree, Access::Read, "what is written there lets others in"),
    ("~/.gnupg", Tree, Access::Read, "what is written there is trusted"),
    ("~/.config/loki", Tree, Access::Hide, "the policy itself is there"),
    ("~/.gitconfig", Tree, Access::Read, "git runs programs that it names"),
    ("~/.config/git", Tree, Access::Read, "git runs programs that it names"),
    ("~/.profile", Tree, Access::Read, "your shell runs it"),
    ("~/.bashrc", Tree, Access::Read, "your shell runs it"),
    ("~/.bash_profile", Tree, Access::Read, "your shell runs it"),
    ("~/.bash_login", Tree, Access::Read, "your shell runs it"),
    ("~/.bash_logout", Tree, Access::Read, "your shell runs it"),
    ("~/.bash_aliases", Tree, Access::Read, "your shell runs it"),
    ("~/.zshrc", Tree, Access::Read, "your shell runs it"),
    ("~/.zshenv", Tree, Access::Read, "your shell runs it"),
    ("~/.zprofile", Tree, Access::Read, "your shell runs it"),
    ("~/.zlogin", Tree, Access::Read, "your shell runs it"),
    ("~/.config/fish", Tree, Access::Read, "your shell runs it"),
    ("~/.config/autostart", Tree, Access::Read, "it runs when you sign in"),
    ("~/.config/systemd", Tree, Access::Read, "it runs when you sign in"),
    ("~/.config/environment.d", Tree, Access::Read, "it is read when you sign in"),
    ("~/.local/share/systemd", Tree, Access::Read, "it runs when you sign in"),
    ("~/.pam_environment", Tree, Access::Read, "it is read when you sign in"),
    ("~/.xprofile", Tree, Access::Read, "it runs when you sign in"),
    ("~/.xsession", Tree, Access::Read, "it runs when you sign in"),
    ("~/.xinitrc", Tree, Access::Read, "it runs when you sign in"),
    (".loki", Tree, Access::Hide, "runs, secrets and receipts are kept there"),
    (".git/hooks", Tree, Access::Read, "git runs what is there, outside of the sandbox"),
    (".git/config", Tree, Access::Read, "git runs programs that it names, outside of the sandbox"),
    (".git/config.worktree", Tree, Access::Read, "git runs programs that it names, outside of the sandbox"),
    (".git/commondir", Tree, Access::Read, "it leads git to another configuration"),
];

/// Refuses what no policy file may allow. `path` is normalized.
pub(super) fn permitted(path: &str, access: Access) -> Result<(), Flaw> {
    let Some((most, why)) = most_for(path) else { return Ok(()) };
    if (!access.reads() || most.reads()) && (!access.writes() || most.writes()) {
        return Ok(());
    }
    let may = if most.reads() { "can be read but never written" } else { "can only be hidden" };
    let flaw = Flaw::new(format!("`{path}` {may}: {why}"));
    Err(if path == "/" || matches!(split(path), (Root::System, "etc" | "dev" | "run" | "var")) {
        flaw.hint("Name the files and folders below it that are needed.")
    } else {
        flaw
    })
}

/// The most that a policy file may allow at `path`, and why not more.
fn most_for(path: &str) -> Option<(Access, &'static str)> {
    let within = NEVER.iter().filter(|(never, extent, ..)| match extent {
        Extent::Itself => *never == path,
        Extent::Tree => covers(never, path),
    });
    let innermost = within.max_by_key(|(never, extent, ..)| (never.len(), *extent == Itself))?;
    Some((innermost.2, innermost.3))
}
