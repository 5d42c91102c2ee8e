//! `loki mcp --http`: the doors on a listener of this machine, and the token that opens them.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loki_mcp::Settings;
use loki_store::replace_file;
use rand_core::{OsRng, RngCore};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;

use crate::app::desk::ProjectDesk;
use crate::app::doors;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::session::listen_for;
use crate::ui::Ui;

/// Serves until a signal comes.
pub(super) fn serve(
    ui: &mut Ui,
    context: &Context,
    desk: Arc<ProjectDesk>,
    settings: Settings,
    address: SocketAddr,
) -> Result<Status, CommandError> {
    if !address.ip().is_loopback() {
        return Err(CommandError::new(ErrorKind::Usage, format!("`{address}` is not of this machine alone"))
            .hint("Serve on 127.0.0.1: others reach it through a tunnel of your own."));
    }
    let state = context.project.state_dir();
    if !state.is_dir() {
        return Err(CommandError::new(ErrorKind::NotFound, "there is no project here to keep the token in")
            .hint("Begin one: `loki init`. Or have the agent start `loki mcp`, without `--http`."));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    let served = runtime.block_on(run(ui, &state, desk, settings, address));
    // An operation that blocks must not keep an interrupted program alive.
    runtime.shutdown_background();
    served
}

async fn run(
    ui: &mut Ui,
    state: &Path,
    desk: Arc<ProjectDesk>,
    settings: Settings,
    address: SocketAddr,
) -> Result<Status, CommandError> {
    let taken = |source: io::Error| {
        CommandError::new(ErrorKind::Io, format!("cannot serve on {address}"))
            .caused_by(&source)
            .hint("Choose another port: `loki mcp --http 127.0.0.1:0` takes a free one.")
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let port = listener.local_addr().map_err(taken)?.port();
    let token = Token::write(state, port)?;
    say(ui, &format!("http://127.0.0.1:{port}{}", doors::MCP), &token.path)?;
    let (mut interrupt, mut terminate) =
        (listen_for(SignalKind::interrupt())?, listen_for(SignalKind::terminate())?);
    let shutdown = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    match doors::listen(listener, desk, settings, token.text.clone(), shutdown).await {
        Ok(()) => Ok(Status::Success),
        Err(error) => Err(CommandError::from_error(ErrorKind::Io, &error)),
    }
}

/// The token that opens the doors, in a file for its owner alone. It is new each time, so that nobody can know it
/// beforehand: not from a project that was shipped with one. It goes with the server.
struct Token {
    text: String,
    path: PathBuf,
}

impl Token {
    fn write(state: &Path, port: u16) -> Result<Self, CommandError> {
        let path = state.join("mcp").join(format!("{port}.token"));
        let failed = |source: io::Error| {
            CommandError::new(ErrorKind::Io, format!("failed to write `{}`", path.display()))
                .caused_by(&source)
        };
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // What was there may be readable by others, and would stay so.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        replace_file(&path, format!("{text}\n").as_bytes(), 0o600).map_err(failed)?;
        Ok(Self { text, path })
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // Without its server it opens nothing.
        let _gone = fs::remove_file(&self.path);
    }
}

fn say(ui: &mut Ui, url: &str, token: &Path) -> Result<(), CommandError> {
    if ui.is_json() {
        ui.event(&json!({ "url": url, "token_file": token }))?;
        return Ok(());
    }
    ui.result(format_args!("{url}"))?;
    ui.status(format_args!("Send `Authorization: Bearer` with the token in {}.", token.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_token_is_new_and_for_its_owner_whatever_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mcp/7.token");
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(dir.path().join("mcp")).unwrap();
        fs::write(&path, "planted").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let first = Token::write(dir.path(), 7).unwrap();
        let held = fs::read_to_string(&path).unwrap();
        assert_eq!((held.trim(), held.trim().len()), (first.text.as_str(), 64));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = first.text.clone();
        drop(first);
        assert!(!path.exists());
        symlink(&elsewhere, &path).unwrap();
        let second = Token::write(dir.path(), 7).unwrap();
        assert!(!elsewhere.exists() && second.text != text);
    }
}
