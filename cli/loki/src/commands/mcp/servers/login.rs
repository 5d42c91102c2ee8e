//! `loki mcp servers login`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loki_mcp::client::oauth::Consent;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::{named, reach, runtime, unbegun};
use crate::config::servers::Way;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::exit::Status;
use crate::ui::Ui;

/// How long a person may take.
const COME_BACK_WITHIN: Duration = Duration::from_secs(300);
/// Bytes of the request that a browser comes back with.
const REQUEST_BYTES_MAX: u64 = 32 * 1024;
/// Requests that are looked at until the right one comes: browsers ask for icons as well.
const REQUESTS_MAX: usize = 20;
/// Where a browser comes back to.
const PATH: &str = "/callback";

/// Sign in to a server over HTTP that wants to know who asks
///
/// Prints an address to open in a browser on this machine, waits until it comes back, and keeps what the server
/// gives for the runs that follow, in a file for you alone beside your configuration.
#[derive(clap::Args, Debug)]
pub(super) struct LoginArgs {
    /// The server's name in the settings
    name: String,
}

pub(super) fn login(ui: &mut Ui, context: &Context, args: &LoginArgs) -> Result<Status, CommandError> {
    let server = named(context, &args.name)?;
    if !matches!(server.way, Way::Address { token_variable: None, .. }) {
        let message = format_args!("`{}` is no server that one signs in to", args.name);
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("Signing in is for a server with a `url` and without a `token_variable`."));
    }
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(|source| {
            CommandError::new(ErrorKind::Io, "failed to listen for the browser that comes back")
                .caused_by(&source)
        })?;
        let port = listener.local_addr().map_or(0, |address| address.port());
        let (tell, mut told) = tokio::sync::mpsc::channel(1);
        let consent = Arc::new(Browser { listener, port, tell });
        let reach = reach(context, &args.name, &server).asking(consent);
        let begin = reach.begin();
        tokio::pin!(begin);
        let begun = loop {
            tokio::select! {
                begun = &mut begin => break begun,
                Some(address) = told.recv() => {
                    let address: String = address;
                    ui.status(format_args!("Open this address in a browser on this machine:"))?;
                    ui.status(format_args!("{}", loki_mcp::client::shown::line(&address, 8_000)))?;
                }
            }
        };
        begun.map_err(|error| unbegun(&args.name, &error))?.client.close().await;
        Ok::<_, CommandError>(())
    })?;
    ui.status(format_args!("Signed in to `{}`.", args.name))?;
    Ok(Status::Success)
}

/// A person with a browser on this machine.
struct Browser {
    listener: TcpListener,
    port: u16,
    tell: tokio::sync::mpsc::Sender<String>,
}

#[async_trait]
impl Consent for Browser {
    fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    async fn ask(&self, address: &str) -> Result<String, String> {
        self.tell.send(address.to_owned()).await.map_err(|error| error.to_string())?;
        let back = tokio::time::timeout(COME_BACK_WITHIN, self.back()).await;
        let seconds = COME_BACK_WITHIN.as_secs();
        back.map_err(|_| format!("nobody came back within {seconds} s"))?.map_err(|error| error.to_string())
    }
}

impl Browser {
    /// The address that the browser came back to.
    async fn back(&self) -> std::io::Result<String> {
        for _ in 0..REQUESTS_MAX {
            let (stream, _) = self.listener.accept().await?;
            let mut reader = BufReader::new(stream.take(REQUEST_BYTES_MAX));
            let mut line = String::new();
            reader.read_line(&mut line).await?;
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let is_it = target.split('?').next() == Some(PATH);
            let (status, words) = match is_it {
                true => ("200 OK", "Go back to the terminal."),
                false => ("404 Not Found", "There is nothing here."),
            };
            let length = words.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{words}"
            );
            let mut stream = reader.into_inner().into_inner();
            // Who has gone again has said all the same where they came back to.
            let _answered = stream.write_all(answer.as_bytes()).await;
            if is_it {
                return Ok(format!("http://127.0.0.1:{}{target}", self.port));
            }
        }
        Err(std::io::Error::other("too many other requests came"))
    }
}
