//! The fixture as a whole: the server of loki, and around it what only the suite wants.

// The test of the suite has this file by its path, from where the others would be looked for elsewhere.
#[path = "fixture/asking.rs"]
pub(crate) mod asking;
#[path = "fixture/desk.rs"]
pub(crate) mod desk;
#[path = "fixture/suite.rs"]
pub(crate) mod suite;

use std::io;
use std::sync::Arc;

use loki_mcp::{Endpoint, Server, Settings, Shown, listen};
use loki_operation::Allow;
use tokio::net::TcpListener;

use asking::States;
use desk::FixtureDesk;
use suite::Suite;

/// Serves on a listener of the loopback until the future is dropped.
pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let settings = Settings { shown: Shown::All, allow: Allow::EVERYTHING, with_output_schemas: false };
    let server = Server::new(Arc::new(FixtureDesk::default()), settings);
    let states = Arc::new(States::default());
    let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}"));
    let suite = move || Suite { inner: server.session(), states: Arc::clone(&states) };
    let endpoint = Arc::new(Endpoint::new(suite, &hosts));
    let answer = move |request| {
        let endpoint = Arc::clone(&endpoint);
        async move { endpoint.answer(request).await }
    };
    listen(listener, answer, std::future::pending()).await
}
