//! The door: a socket through which an agent, inside, reaches the desk, outside.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use loki_mcp::Handler;
use loki_provider::agent::Desk;
use serde_json::Value;
use tokio::net::UnixListener;

/// Connections that are served, one after the other. An agent needs one, and another where its server broke;
/// what else it runs could come too.
const CONNECTIONS_MAX: usize = 4;

/// An open door. It is closed, and its socket gone, when this is dropped.
pub(super) struct Door {
    listener: UnixListener,
    folder: PathBuf,
    desk: Arc<AtDesk>,
}

/// Hands calls to the desk.
struct AtDesk(Arc<Desk>);

#[async_trait]
impl Handler for AtDesk {
    async fn call(&self, tool: &str, input: Value) -> Result<String, String> {
        let said = self.0.call(tool, input);
        if said.ok { Ok(said.text) } else { Err(said.text) }
    }
}

impl Door {
    /// A door to `desk`, in a folder below `folder` that is nobody else's. Must be called in a runtime.
    pub(super) fn open(folder: &Path, desk: Arc<Desk>) -> io::Result<Door> {
        let folder = own_folder(folder)?;
        // From here on it is taken away again, whatever happens.
        let guard = Folder(folder);
        let listener = UnixListener::bind(guard.0.join("door"))?;
        let folder = guard.keep();
        Ok(Door { listener, folder, desk: Arc::new(AtDesk(desk)) })
    }

    /// The socket.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("door")
    }

    /// Serves whoever comes, and never returns.
    pub(super) async fn serve(&self) {
        for _ in 0..CONNECTIONS_MAX {
            let Ok((stream, _)) = self.listener.accept().await else { break };
            let (reader, writer) = stream.into_split();
            // A client that does not keep to the protocol is gone; the agent's own words tell the rest.
            let _ended = loki_mcp::serve(reader, writer, self.desk.0.tools(), Arc::clone(&self.desk)).await;
        }
        std::future::pending().await
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(Folder(std::mem::take(&mut self.folder)));
    }
}

/// A folder that goes with its holder.
struct Folder(PathBuf);

impl Folder {
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // What is left of it is an empty folder for temporary files.
            let _left = fs::remove_dir_all(&self.0);
        }
    }
}

fn own_folder(folder: &Path) -> io::Result<PathBuf> {
    static DOORS: AtomicU64 = AtomicU64::new(0);
    // A name may be taken: by whatever an earlier process of the same number left behind.
    for _ in 0..1_000 {
        let number = DOORS.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("loki-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| path),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
