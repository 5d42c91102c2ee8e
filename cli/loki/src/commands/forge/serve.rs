//! `loki forge serve`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forge_auth::mail::{Mail, MailError};
use forge_core::Catalog;
use forge_database::pipeline::Database;
use loki_store::SystemClock;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::SignalKind;
use tokio::time::MissedTickBehavior;

use crate::app::serving::auth_settings::{self, AuthSettings};
use crate::app::serving::recent::Recent;
use crate::app::serving::values::Values;
use crate::app::serving::{self, DRAIN_MAX, Data, ServingError, Setup, settings};
use crate::config::{Config, keys};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::session::listen_for;
use crate::ui::{Ui, printable};

/// Serve the project's tables and sign-in to its applications
///
/// Speaks the dialects of PostgREST at `/rest/v1` and of GoTrue at `/auth/v1`, so that `@supabase/supabase-js`, `supabase` for Python and plain
/// HTTP work as they are, with the policies of the tables in every statement. Ends on Ctrl-C or SIGTERM, once
/// the requests that have begun are answered.
#[derive(clap::Args, Debug)]
pub(crate) struct ServeArgs {
    /// The address and port to serve on, in place of the setting `forge.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Print a line of JSON for every request
    #[arg(long)]
    access_log: bool,
}

pub(super) fn serve(ui: &mut Ui, context: &Context, args: &ServeArgs) -> Result<Status, CommandError> {
    let config = context.config()?;
    let dir = context.project.state_dir().join("forge");
    let url = config.get(&keys::FORGE_DATABASE_URL);
    if url.is_empty() && !Database::exists(&dir) {
        return Err(CommandError::new(ErrorKind::NotFound, "this project has no backend yet")
            .hint("Build one: `loki start PRD.md`."));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| {
        CommandError::new(ErrorKind::Io, "failed to start the runtime").caused_by(&source)
    })?;
    runtime.block_on(run(ui, context, &config, dir, &url, args))
}

async fn run(
    ui: &mut Ui,
    context: &Context,
    config: &Config,
    dir: PathBuf,
    url: &str,
    args: &ServeArgs,
) -> Result<Status, CommandError> {
    let wanted = args.listen.or_else(|| config.get(&keys::FORGE_LISTEN).parse().ok());
    let wanted = wanted.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 54_321)));
    let listener = TcpListener::bind(wanted).await.map_err(|error| taken(wanted, &error))?;
    let address = listener.local_addr().map_err(|error| taken(wanted, &error))?;
    let tls = settings::tls(config)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let database = dir.join("db.sqlite");
    let data = match url {
        "" => Data::Sqlite(&database, settings::sqlite(config)),
        url => Data::Postgres(url, forge_rest::postgres::Settings::default()),
    };
    let (log, mut lines) = tokio::sync::mpsc::channel::<String>(LOG_LINES_MAX);
    // A log that nobody takes away in time loses lines; requests never wait for it.
    let (recent, is_logged) = (Arc::new(Recent::default()), args.access_log);
    let sink: forge_server::Sink = {
        let recent = Arc::clone(&recent);
        Arc::new(move |line| {
            recent.note(line);
            if is_logged {
                log.try_send(line.to_owned()).unwrap_or_default();
            }
        })
    };
    let (losses, mut lost) = tokio::sync::mpsc::channel::<String>(LOG_LINES_MAX);
    let (auth, mailbox) = (people(context, config, &dir, address)?, dir.join("mail"));
    let (app, post) = serving::app(Setup {
        data,
        keys: &dir.join("keys"),
        clock: Arc::new(SystemClock),
        sink: Some(sink),
        server: settings::server(config, address),
        rest: settings::rest(config),
        auth,
        mailbox: &mailbox,
        lost: Arc::new(move |mail, error| losses.try_send(loss(mail, error)).unwrap_or_default()),
    })
    .await
    .map_err(|error| refused(&error))?;
    say(ui, &format!("{scheme}://{address}"))?;
    let (mut interrupt, mut terminate) =
        (listen_for(SignalKind::interrupt())?, listen_for(SignalKind::terminate())?);
    let shutdown = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let served = forge_server::serve(listener, tls, app, shutdown, DRAIN_MAX);
    tokio::pin!(served);
    let mut look = tokio::time::interval(RECENT_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = &mut served => {
                post.end(DRAIN_MAX).await;
                keep(&recent, &dir).await;
                return match ended {
                    Ok(()) => Ok(Status::Success),
                    Err(error) => Err(CommandError::from_error(ErrorKind::Io, &error)),
                };
            }
            _ = look.tick() => keep(&recent, &dir).await,
            Some(line) = lines.recv() => ui.result(format_args!("{line}"))?,
            Some(line) = lost.recv() => ui.warning(format_args!("{line}"))?,
        }
    }
}

/// How people sign in, as it is set and as the document asked for it.
fn people(
    context: &Context,
    config: &Config,
    dir: &Path,
    address: SocketAddr,
) -> Result<AuthSettings, CommandError> {
    let resources = if Catalog::exists(dir) {
        let catalog = Catalog::open(dir, Arc::new(SystemClock));
        let read = catalog.and_then(|catalog| catalog.resources(None));
        read.map_err(|error| CommandError::from_error(ErrorKind::State, &error))?
    } else {
        Vec::new()
    };
    let values = Values::new(context.environment.all(), dir);
    let served = auth_settings::served_at(config, address);
    auth_settings::auth_settings(config, &values, &resources, &served).map_err(|error| {
        CommandError::from_error(ErrorKind::Config, &error)
            .hint("Look at the settings `forge.auth.*`: `loki config show`.")
    })
}

/// Writes the newest requests down.
async fn keep(recent: &Arc<Recent>, dir: &Path) {
    let (recent, dir) = (Arc::clone(recent), dir.to_owned());
    // Nobody is refused an answer because this cannot be written; who looks at it sees how old it is.
    let written = tokio::task::spawn_blocking(move || recent.write(&dir)).await;
    drop(written);
}

/// What became of a mail, without the address: a log is no place for it.
fn loss(mail: &Mail, error: &MailError) -> String {
    let mut line = format!("a mail was not sent ({}): {error}", mail.kind().name());
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        line.push_str(&format!(": {below}"));
        cause = below.source();
    }
    printable(&line).into_owned()
}

/// Time between two writings of the newest requests.
const RECENT_EVERY: Duration = Duration::from_secs(1);

/// Lines of the access log that wait to be written.
const LOG_LINES_MAX: usize = 4_096;

/// Says where it is served: to people as a sentence, to others as an event.
fn say(ui: &mut Ui, url: &str) -> Result<(), CommandError> {
    if ui.is_headless() {
        return Ok(ui.event(&json!({ "type": "serving", "url": url }))?);
    }
    ui.result(format_args!("Serving at {url}"))?;
    ui.status(format_args!("Keys: `loki forge keys`. Ends on Ctrl-C."))?;
    Ok(())
}

fn taken(wanted: SocketAddr, error: &io::Error) -> CommandError {
    let shown =
        CommandError::new(ErrorKind::Io, format_args!("failed to listen on {wanted}")).caused_by(error);
    match error.kind() {
        io::ErrorKind::AddrInUse => shown
            .hint("Another server has that port. Name another one: `loki forge serve --listen 127.0.0.1:0`."),
        _ => shown,
    }
}

fn refused(error: &ServingError) -> CommandError {
    let (kind, hint) = match error {
        ServingError::Keys(_) | ServingError::Key(_) => {
            (ErrorKind::State, "Look at them: `loki forge keys`.")
        }
        ServingError::People(_) => {
            (ErrorKind::Config, "Look at the settings `forge.auth.*`: `loki config show`.")
        }
        ServingError::Sqlite(_) | ServingError::Tables(_) => {
            (ErrorKind::State, "`loki doctor` looks what is wrong with it.")
        }
        ServingError::Postgres(_) => {
            (ErrorKind::Config, "`forge.database_url` names it; `loki config show` shows where that is set.")
        }
    };
    CommandError::from_error(kind, error).hint(hint)
}
