//! Places of a project that a command must not change although the project is its to write.
//!
//! The line is drawn at what acts outside of the sandbox **by itself**: when someone opens the folder, enters
//! it, or uses git in it. What runs only when someone runs it (build files, package scripts, tests) is the
//! project's source, which commands are there to change; it is to be reviewed like any other change.

use super::super::Access::{Hide, Protect};
use super::Group;

pub(super) const GROUPS: &[Group] = &[
    Group {
        access: Hide,
        reason: "runs, secrets and receipts, which a command could forge",
        paths: &[".loki"],
    },
    Group {
        access: Protect,
        reason: "git runs what is there, and programs that it names, outside of the sandbox",
        paths: &[
            ".git/hooks",
            ".git/config",
            ".git/config.worktree",
            ".git/commondir",
            ".git/modules",
            ".git/worktrees",
            ".husky",
            ".githooks",
        ],
    },
    Group {
        access: Protect,
        reason: "it runs when someone enters the folder",
        paths: &[".envrc", ".mise.toml", "mise.toml", "mise.local.toml"],
    },
    Group {
        access: Protect,
        reason: "it names programs that an editor runs when someone opens the folder",
        paths: &[".vscode", ".idea", ".zed", ".devcontainer", ".devcontainer.json"],
    },
    Group {
        access: Protect,
        reason: "it names programs and permissions of assistants that work outside of the sandbox",
        paths: &[".mcp.json", ".claude", ".cursor", ".codex", ".gemini"],
    },
];
