//! What the caller hands down: descriptors, its folder, its terminal, its environment.

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    [open(), terminal(), environment()].concat()
}

const FOLDER: [&str; 2] = ["--open", "7:d:{outside}"];
const FILE: [&str; 2] = ["--open", "7:w:{outside}/target"];

fn open() -> Vec<Case> {
    vec![
        case("fd-folder", &["descriptor-folder", "7", "target"]).scene(&FOLDER),
        case("fd-folder-enter", &["descriptor-enter", "7", "target"]).scene(&FOLDER),
        case("fd-folder-parent", &["descriptor-parent", "7", "home/.bashrc"]).scene(&FOLDER),
        case("fd-high-folder", &["descriptor-folder", "200", "target"]).scene(&["--open", "200:d:{outside}"]),
        case("fd-file-write", &["descriptor-write", "7"]).scene(&FILE),
        case("fd-file-chmod", &["descriptor-chmod", "7"]).scene(&["--open", "7:r:{outside}/target"]),
        case("stdin-folder", &["descriptor-folder", "0", "target"]).scene(&["--open", "0:d:{outside}"]),
        case("stdin-folder-parent", &["descriptor-parent", "0", "home/.bashrc"])
            .scene(&["--open", "0:d:{outside}"]),
        case("stdin-file-write", &["descriptor-write", "0"]).scene(&["--open", "0:w:{outside}/target"]),
        case("stdin-file-chmod", &["descriptor-chmod", "0"]).scene(&["--open", "0:r:{outside}/target"]),
        case("stdout-chmod", &["descriptor-chmod", "1"]).scene(&["--open", "1:w:{run}/log"]),
        case("stdout-truncate", &["descriptor-truncate", "1"]).scene(&["--open", "1:w:{run}/log"]),
        case("stderr-truncate", &["descriptor-truncate", "2"]).scene(&["--open", "2:w:{run}/log"]),
        case("cwd-outside", &["cwd-write", "target"]).scene(&["--in", "{outside}"]),
        case("cwd-outside-parent", &["cwd-write", "../home/.bashrc"]).scene(&["--in", "{outside}"]),
    ]
}

fn terminal() -> Vec<Case> {
    let on_terminal = |act: &str| case(act, &[act, "{terminal}"]).scene(&["--terminal"]).depends();
    vec![
        on_terminal("tiocsti"),
        on_terminal("tiocsti-high-bits"),
        case("tioclinux", &["tioclinux", "{terminal}"]).scene(&["--terminal"]),
    ]
}

fn environment() -> Vec<Case> {
    vec![
        case("secret-variable", &["variable", "{token}"]),
        case("secret-environ", &["environ-self", "{token}"]),
        case("secret-environ-any", &["environ-any", "{launcher}", "{token}"]),
    ]
}
