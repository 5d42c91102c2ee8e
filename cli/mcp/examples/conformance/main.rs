//! The server of loki with the tools, resources and prompts that the public conformance suite asks for.
//!
//! `conformance [ADDRESS:PORT]` serves until it is killed, and says where. Transport, sessions, listing, calls,
//! progress and logging are those of `loki mcp`; what the suite wants beside, pictures for instance, is put around
//! them. `tests/conformance.rs` runs the suite against the same.

mod fixture;

use std::error::Error;
use std::io::Write;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "http://{}/mcp", listener.local_addr()?)?;
    Ok(fixture::serve(listener).await?)
}
