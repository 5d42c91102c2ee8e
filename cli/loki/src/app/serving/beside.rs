//! The backend served beside a run, from when there is one.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use forge_core::Catalog;
use forge_database::pipeline::Database;
use loki_store::SystemClock;
use tokio::sync::oneshot;

use super::values::Values;
use super::{Data, ServingError, Setup, auth_settings, settings};
use crate::config::{Config, keys};

/// How long requests that have begun may take once the run is over.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// A server in a thread of its own, which ends with its value.
///
/// It is a convenience: where the port is taken, or the backend cannot be served, the run goes on without.
pub(crate) struct Beside {
    dir: PathBuf,
    config: Config,
    /// The environment, where values for sign-in may be.
    variables: BTreeMap<String, String>,
    state: Mutex<State>,
}

enum State {
    Waiting,
    Serving { end: oneshot::Sender<()>, thread: JoinHandle<()> },
    Never,
}

impl Beside {
    /// A server for the backend in `dir`, which need not be there yet.
    pub(crate) fn new(dir: &Path, config: Config, variables: BTreeMap<String, String>) -> Beside {
        Beside { dir: dir.to_owned(), config, variables, state: Mutex::new(State::Waiting) }
    }

    /// Starts serving where there is a backend and nothing serves yet; gives the address then.
    pub(crate) fn ensure(&self) -> Option<SocketAddr> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elsewhere = !self.config.get(&keys::FORGE_DATABASE_URL).is_empty();
        if !matches!(*state, State::Waiting) || elsewhere || !Database::exists(&self.dir) {
            return None;
        }
        match self.start() {
            Some((started, address)) => {
                *state = started;
                Some(address)
            }
            None => {
                *state = State::Never;
                None
            }
        }
    }

    fn start(&self) -> Option<(State, SocketAddr)> {
        let wanted: SocketAddr = self.config.get(&keys::FORGE_LISTEN).parse().ok()?;
        let listener = TcpListener::bind(wanted).ok()?;
        let address = listener.local_addr().ok()?;
        listener.set_nonblocking(true).ok()?;
        let (end, ended) = oneshot::channel();
        let (dir, config) = (self.dir.clone(), self.config.clone());
        let values = Values::new(self.variables.clone(), &self.dir);
        let serve = move || run(&dir, &config, &values, listener, address, ended).unwrap_or_default();
        let thread = std::thread::Builder::new().name("forge".to_owned()).spawn(serve).ok()?;
        Some((State::Serving { end, thread }, address))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Serving { end, thread } = std::mem::replace(state, State::Never) {
            // Gone already, or told to go: either way it ends.
            end.send(()).unwrap_or_default();
            thread.join().unwrap_or_default();
        }
    }
}

fn run(
    dir: &Path,
    config: &Config,
    values: &Values,
    listener: TcpListener,
    address: SocketAddr,
    ended: oneshot::Receiver<()>,
) -> Result<(), ServingError> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Ok(());
    };
    runtime.block_on(async {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return Ok(()) };
        let resources = Catalog::open(dir, Arc::new(SystemClock))
            .and_then(|catalog| catalog.resources(None))
            .unwrap_or_default();
        let served = auth_settings::served_at(config, address);
        // What cannot be set up so is said by `loki forge serve`; beside a run there is no place for it.
        let Ok(auth) = auth_settings::auth_settings(config, values, &resources, &served) else {
            return Ok(());
        };
        let (app, post) = super::app(Setup {
            data: Data::Sqlite(&dir.join("db.sqlite"), settings::sqlite(config)),
            keys: &dir.join("keys"),
            clock: Arc::new(SystemClock),
            sink: None,
            server: settings::server(config, address),
            rest: settings::rest(config),
            auth,
            mailbox: &dir.join("mail"),
            lost: super::people::untold(),
        })
        .await?;
        let tls = settings::tls(config).ok().flatten();
        let shutdown = async { ended.await.unwrap_or_default() };
        // What is cut short at the end is cut short.
        forge_server::serve(listener, tls, app, shutdown, DRAIN_MAX).await.unwrap_or_default();
        post.end(DRAIN_MAX).await;
        Ok(())
    })
}
