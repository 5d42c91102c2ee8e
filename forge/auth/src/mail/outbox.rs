//! Mails on their way out: a bounded queue, and the task that sends what is in it.
//!
//! Whoever answers a request takes a [`Slot`] before anything is looked up, and only then finds out whether there
//! is anybody to write to. A full queue is so the same answer for everybody, and no answer waits for a server.
//! The outbox is a [`Mailer`] itself, for which a mail is sent once it is taken.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Mail, MailError, Mailer};

/// How often one mail is tried.
const TRIES: u32 = 3;
/// How long it is left alone after the first try; after the next, five times as long.
const PAUSE: Duration = Duration::from_secs(2);

/// How much the outbox takes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Mails that may wait.
    pub waiting_max: usize,
    /// Mails that are sent at once.
    pub at_once_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { waiting_max: 256, at_once_max: 4 }
    }
}

/// Is told of each mail that could not be sent, and why. It must not wait.
pub type OnLost = Arc<dyn Fn(&Mail, &MailError) + Send + Sync>;

/// Why the outbox takes no mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// Too many mails wait.
    #[error("too many mails wait to be sent")]
    Full,
    /// The server is shutting down.
    #[error("no mails are sent any more")]
    Closed,
}

/// Takes mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(mpsc::Sender<Mail>);

/// Room for one mail. Dropped, it makes room for another.
#[derive(Debug)]
pub struct Slot(mpsc::OwnedPermit<Mail>);

/// Sends what the outbox takes, until it is told to end.
pub struct Courier {
    mails: mpsc::Receiver<Mail>,
    mailer: Arc<dyn Mailer>,
    at_once_max: usize,
    on_lost: OnLost,
}

/// An outbox, and the task that has to [`Courier::run`] for it.
pub fn outbox(mailer: Arc<dyn Mailer>, limits: Limits, on_lost: OnLost) -> (Outbox, Courier) {
    let (sender, mails) = mpsc::channel(limits.waiting_max.max(1));
    (Outbox(sender), Courier { mails, mailer, at_once_max: limits.at_once_max.max(1), on_lost })
}

impl Outbox {
    /// Room for one mail, or why there is none. Does not wait.
    pub fn reserve(&self) -> Result<Slot, OutboxError> {
        self.0.clone().try_reserve_owned().map(Slot).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => OutboxError::Full,
            mpsc::error::TrySendError::Closed(_) => OutboxError::Closed,
        })
    }
}

#[async_trait]
impl Mailer for Outbox {
    /// Takes a mail, at once. Whether it arrives is told elsewhere.
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.reserve()?.send(mail.clone());
        Ok(())
    }

    fn accepts(&self) -> Result<(), MailError> {
        Ok(self.reserve().map(drop)?)
    }
}

impl Slot {
    /// Puts a mail into the outbox. Does not wait, and does not tell whether it arrives.
    pub fn send(self, mail: Mail) {
        self.0.send(mail);
    }
}

impl Courier {
    /// Sends mails until `shutdown` ends, or nobody holds the outbox any more. Then nothing more is taken, and
    /// what waits is sent within `drain_max`. Gives how many mails were left over.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send, drain_max: Duration) -> usize {
        let mut sending = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                more = self.step(&mut sending) => if !more { break },
            }
        }
        self.mails.close();
        let drained = async { while self.step(&mut sending).await {} };
        // What is not sent by then is counted below.
        drop(tokio::time::timeout(drain_max, drained).await);
        sending.len() + std::iter::from_fn(|| self.mails.try_recv().ok()).count()
    }

    /// Begins to send a mail, or sees one end; false once there is nothing left and nothing to come.
    async fn step(&mut self, sending: &mut JoinSet<()>) -> bool {
        let room = sending.len() < self.at_once_max;
        tokio::select! {
            // A task that panicked has told so itself; its mail is lost, and the others are not.
            Some(_ended) = sending.join_next() => true,
            mail = self.mails.recv(), if room => match mail {
                Some(mail) => {
                    sending.spawn(carry(mail, Arc::clone(&self.mailer), Arc::clone(&self.on_lost)));
                    true
                }
                None => sending.join_next().await.is_some(),
            },
        }
    }
}

/// Sends a mail, trying again where that may help. At worst it arrives twice, and says the same both times.
async fn carry(mail: Mail, mailer: Arc<dyn Mailer>, on_lost: OnLost) {
    let mut pause = PAUSE;
    for left in (0..TRIES).rev() {
        match mailer.send(&mail).await {
            Ok(()) => return,
            Err(error) if left == 0 || error.is_final() => return on_lost(&mail, &error),
            Err(_) => tokio::time::sleep(pause).await, // Tried again; the last failure is told.
        }
        pause *= 5;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::{Notify, oneshot};

    use super::super::address::Address;
    use super::super::smtp::SmtpError;
    use super::super::{Kind, MailError};
    use super::*;

    /// Fails a mail as often as its subject says, and for good where it says so.
    #[derive(Default)]
    struct Fake {
        tried: Mutex<Vec<String>>,
        stuck: Notify,
    }

    #[async_trait]
    impl Mailer for Fake {
        async fn send(&self, mail: &Mail) -> Result<(), MailError> {
            let tries = {
                let mut tried = self.tried.lock().unwrap();
                tried.push(mail.subject().to_owned());
                tried.iter().filter(|subject| *subject == mail.subject()).count()
            };
            let refused = |code| MailError::from(SmtpError::Refused { code, detail: None });
            match mail.subject() {
                "never" => Err(refused(550)),
                "later" => Err(refused(451)),
                "second" if tries < 2 => Err(refused(451)),
                "stuck" => {
                    self.stuck.notified().await;
                    Ok(())
                }
                _ => Ok(()),
            }
        }
    }

    fn mail(subject: &str) -> Mail {
        let to = Address::parse("ann@example.org").unwrap();
        Mail::new(Kind::Invite, to, subject.to_owned(), String::new(), String::new()).unwrap()
    }

    struct Stage {
        fake: Arc<Fake>,
        outbox: Outbox,
        courier: Courier,
        lost: Arc<Mutex<Vec<String>>>,
    }

    fn stage(waiting_max: usize, at_once_max: usize) -> Stage {
        let (fake, lost) = (Arc::new(Fake::default()), Arc::new(Mutex::default()));
        let seen: Arc<Mutex<Vec<String>>> = Arc::clone(&lost);
        let on_lost: OnLost = Arc::new(move |mail: &Mail, error: &MailError| {
            assert!(matches!(error, MailError::Smtp(_)));
            seen.lock().unwrap().push(mail.subject().to_owned());
        });
        let mailer: Arc<dyn Mailer> = fake.clone();
        let (outbox, courier) = outbox(mailer, Limits { waiting_max, at_once_max }, on_lost);
        Stage { fake, outbox, courier, lost }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mail_is_tried_three_times_where_that_may_help() {
        let Stage { fake, outbox, courier, lost } = stage(8, 1);
        for subject in ["never", "second", "later", "once"] {
            outbox.reserve().unwrap().send(mail(subject));
        }
        drop(outbox);
        assert_eq!(courier.run(std::future::pending(), Duration::from_secs(60)).await, 0);
        let tried = ["never", "second", "second", "later", "later", "later", "once"];
        assert_eq!(*fake.tried.lock().unwrap(), tried);
        assert_eq!(*lost.lock().unwrap(), ["never", "later"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_outbox_says_so_before_there_is_a_mail() {
        let Stage { outbox, courier, .. } = stage(2, 1);
        let (first, _second) = (outbox.reserve().unwrap(), outbox.reserve().unwrap());
        assert_eq!(outbox.reserve().unwrap_err(), OutboxError::Full);
        drop(first);
        outbox.accepts().unwrap();
        outbox.send(&mail("once")).await.unwrap();
        assert_eq!(outbox.reserve().unwrap_err(), OutboxError::Full, "it waits");
        let full = |sent| matches!(sent, Err(MailError::Outbox(OutboxError::Full)));
        assert!(full(outbox.accepts()) && full(outbox.send(&mail("once")).await));
        drop(courier);
        assert_eq!(outbox.reserve().unwrap_err(), OutboxError::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_mail_holds_up_no_other() {
        let Stage { fake, outbox, courier, .. } = stage(8, 2);
        let (stop, stopped) = oneshot::channel::<()>();
        for subject in ["stuck", "one", "two", "three"] {
            outbox.reserve().unwrap().send(mail(subject));
        }
        stop.send(()).unwrap();
        let shutdown = async { drop(stopped.await) };
        assert_eq!(courier.run(shutdown, Duration::from_secs(5)).await, 1, "the stuck one is left over");
        assert_eq!(*fake.tried.lock().unwrap(), ["stuck", "one", "two", "three"]);
        assert_eq!(outbox.reserve().unwrap_err(), OutboxError::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_counted_when_there_is_no_more_time() {
        let Stage { outbox, courier, .. } = stage(8, 1);
        for subject in ["stuck", "one", "two"] {
            outbox.reserve().unwrap().send(mail(subject));
        }
        assert_eq!(courier.run(std::future::ready(()), Duration::from_secs(5)).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reserved_slot_is_waited_for_at_the_end() {
        let Stage { fake, outbox, courier, .. } = stage(8, 1);
        let slot = outbox.reserve().unwrap();
        let run = tokio::spawn(courier.run(std::future::ready(()), Duration::from_secs(5)));
        tokio::task::yield_now().await;
        slot.send(mail("once"));
        assert_eq!(run.await.unwrap(), 0);
        assert_eq!(*fake.tried.lock().unwrap(), ["once"]);
    }
}
