//! Listens for changes of the schema: `NOTIFY pgrst, 'reload schema'`.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::connect::Address;

/// How long to wait before connecting anew, at first and at most.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Sets `stale` when the schema may have changed. Never ends; a lost connection is made anew.
pub(super) async fn listen(address: Address, stale: &AtomicBool) {
    let mut pause = PAUSE;
    loop {
        let listened = match &address.tls {
            Some(tls) => match address.config.connect(tls.clone()).await {
                Ok((client, connection)) => follow(client, connection, stale).await,
                Err(_) => false, // The same as a connection that was lost: tried again.
            },
            None => match address.config.connect(NoTls).await {
                Ok((client, connection)) => follow(client, connection, stale).await,
                Err(_) => false, // As above.
            },
        };
        pause = if listened { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
}

/// Follows a connection to its end; whether it came to listen.
async fn follow<S, T>(client: Client, mut connection: Connection<S, T>, stale: &AtomicBool) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: TlsStream + Unpin,
{
    let drive = async {
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(told))) => {
                    if matches!(told.payload(), "" | "reload schema") {
                        stale.store(true, Ordering::Release);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    };
    tokio::pin!(drive);
    tokio::select! {
        () = &mut drive => return false,
        listening = client.batch_execute("LISTEN pgrst") => if listening.is_err() { return false },
    }
    // What was told before is lost.
    stale.store(true, Ordering::Release);
    drive.await;
    true
}
