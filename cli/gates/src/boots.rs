//! Whether what answers requests starts and answers one.
//!
//! A start command counts as one where the user's settings name it, or where the project shows that it is
//! for something that listens; else the gate does not apply. Any answer in HTTP below 500 to `GET /` passes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use loki_engine::tool::{Case, Gate, Judgement};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::account::{Account, Run, Said};
use crate::bench::{Bench, Session, not_applicable, said};
use crate::checkout::Whose;
use crate::confined::{Ended, Running, Task, Unable};
use crate::project::{Project, Step};
use crate::steps::own;

/// Its name.
pub(crate) const ID: &str = "boots";

/// Seconds until it must have answered; some compile first.
const READY_SECONDS_MAX: u64 = 180;

/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Answers of 500 and more after which it is not waited for a better one.
const BAD_ANSWERS_MAX: u32 = 10;

/// Ports that are asked.
const PORTS_MAX: usize = 16;

/// Bytes of an answer that are read: its first line.
const ANSWER_BYTES_MAX: usize = 1024;

const NOTHING: &str = "nothing that answers requests was recognised";

/// Passes where everything that answers requests does.
pub(crate) struct Boots(pub(crate) Arc<Mutex<Bench>>);

/// Something to be started.
struct Target {
    /// The part whose dependencies are needed; none: those of every part.
    part: Option<usize>,
    name: String,
    folder: String,
    step: Step,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    ports: Vec<u16>,
    /// The port and status of the last answer of 500 or more.
    bad: Option<(u16, u16)>,
    bad_answers: u32,
}

/// What came of waiting.
enum Came {
    Answer { port: u16, status: u16 },
    Bad { port: u16, status: u16 },
    End(Ended),
}

#[async_trait]
impl Gate for Boots {
    fn id(&self) -> &str {
        ID
    }

    async fn judge(&self, _case: &Case) -> Judgement {
        let mut bench = self.0.lock().await;
        let own = own(&bench.commands, |commands| commands.start.as_deref());
        let project = match bench.look().await {
            Ok(project) => project,
            Err(judgement) => return judgement,
        };
        if targets(&project, own.as_ref()).is_empty() {
            return not_applicable(NOTHING);
        }
        let session = match bench.enter(ID).await {
            Ok(session) => session,
            Err(judgement) => return judgement,
        };
        let targets = targets(&session.project, own.as_ref());
        if targets.is_empty() {
            return not_applicable(NOTHING);
        }
        let mut account = Account::new(ID);
        for target in &targets {
            boot(session, target, &mut account).await;
        }
        let judgement = account.judgement(session.tree());
        bench.leave(judgement).await
    }
}

fn targets(project: &Project, own: Option<&Step>) -> Vec<Target> {
    if let Some(step) = own {
        let name = "project".to_owned();
        return vec![Target { part: None, name, folder: String::new(), step: step.clone() }];
    }
    let parts = project.parts.iter().enumerate();
    let target = parts.filter_map(|(at, part)| {
        let step = part.start.clone()?;
        Some(Target { part: Some(at), name: part.name(), folder: part.folder.clone(), step })
    });
    target.collect()
}

async fn boot(session: &mut Session, target: &Target, account: &mut Account) {
    let failed = match target.part {
        Some(part) => session.install(part).await,
        None => session.install_all().await,
    };
    if let Some(failed) = failed {
        return account.not_installed(&failed);
    }
    let task = Task {
        command: target.step.command.clone(),
        folder: target.folder.clone(),
        seconds_max: READY_SECONDS_MAX + 60,
    };
    let started = session.hands().start(&session.place(Whose::Gates), &task).await;
    let process = match started {
        Ok(process) => process,
        Err(unable) => return tell_unable(account, target, unable),
    };
    let mut seen = Seen::default();
    let came = timeout(Duration::from_secs(READY_SECONDS_MAX), wait(process.as_ref(), &mut seen)).await;
    let output = process.tail();
    process.kill().await;
    let under_way = Run {
        said: Said::WentOn,
        output,
        ..Run::of(&target.name, &target.step, READY_SECONDS_MAX, Err(Unable(String::new())))
    };
    tell(account, under_way.at_home_in(session.path()), came.ok(), &seen);
}

/// Waits for an answer, or for the end.
async fn wait(process: &dyn Running, seen: &mut Seen) -> Result<Came, Unable> {
    loop {
        if let Some(end) = process.wait(LOOK_AGAIN).await? {
            return Ok(Came::End(end));
        }
        // It may be about to end: then that is seen next.
        seen.ports = process.listening().await.unwrap_or_default();
        for port in seen.ports.iter().copied().take(PORTS_MAX) {
            match ask(process, port).await {
                Ok(status) if status < 500 => return Ok(Came::Answer { port, status }),
                Ok(status) => {
                    seen.bad = Some((port, status));
                    seen.bad_answers += 1;
                }
                Err(_no_answer) => {}
            }
        }
        if let Some((port, status)) = seen.bad.filter(|_| seen.bad_answers >= BAD_ANSWERS_MAX) {
            return Ok(Came::Bad { port, status });
        }
    }
}

/// The status that `GET /` is answered with.
async fn ask(process: &dyn Running, port: u16) -> io::Result<u16> {
    let asked = async {
        let mut stream = process.connect(port).await?;
        let request =
            format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        status(&mut stream).await
    };
    timeout(ANSWER_WITHIN, asked).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn status(stream: &mut TcpStream) -> io::Result<u16> {
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < ANSWER_BYTES_MAX {
        let mut bytes = [0; 256];
        match stream.read(&mut bytes).await? {
            0 => break,
            read => answer.extend_from_slice(&bytes[..read]),
        }
    }
    status_of(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP"))
}

/// `HTTP/1.1 200 OK`
fn status_of(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer.split(|byte| *byte == b'\n').next()?).ok()?;
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    let digits = rest.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|status| (100..600).contains(status))
}

fn tell_unable(account: &mut Account, target: &Target, unable: Unable) {
    let run = Run::of(&target.name, &target.step, READY_SECONDS_MAX, Err(unable));
    if let Said::Unable(why) = &run.said {
        account.unclear(&run, format!("{}: {why}", run.title()));
    }
}

fn tell(account: &mut Account, run: Run, came: Option<Result<Came, Unable>>, seen: &Seen) {
    let title = run.title();
    match came {
        Some(Err(Unable(why))) => {
            account.unclear(&run, format!("{title}: what became of it is not known: {why}"))
        }
        Some(Ok(Came::Answer { port, status })) => {
            account.passed(&run, format!("{title} answers on port {port} with {status}"));
        }
        Some(Ok(Came::Bad { port, status })) => {
            account.failed(&run, format!("{title} answers on port {port} with {status}"), Vec::new());
        }
        Some(Ok(Came::End(end))) => {
            let run = Run { said: said(&run.step, end, READY_SECONDS_MAX), ..run };
            match &run.said {
                Said::Unable(why) => account.unclear(&run, format!("{title}: {why}")),
                Said::Ended(_) | Said::WentOn => {
                    account.failed(&run, format!("{title} ended before it answered"), Vec::new());
                }
            }
        }
        None => {
            let what = match (seen.bad, seen.ports.as_slice()) {
                (Some((port, status)), _) => format!("answers on port {port} with {status}"),
                (None, []) => format!("listened on no port within {READY_SECONDS_MAX} s"),
                (None, [port, ..]) => format!("listens on port {port} and answers no HTTP there"),
            };
            account.failed(&run, format!("{title} {what}"), Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::status_of;

    #[test]
    fn only_http_is_an_answer() {
        let cases: &[(&[u8], Option<u16>)] = &[
            (b"HTTP/1.1 200 OK\r\nServer: x", Some(200)),
            (b"HTTP/1.0 404\r\n", Some(404)),
            (b"HTTP/1.1 503 no\n", Some(503)),
            (b"HTTP/1.1 2000", Some(200)),
            (b"HTTP/2 200", None),
            (b"HTTP/1.1 20", None),
            (b"HTTP/1.1 999 x", None),
            (b"HTTP/1.1 +20 x", None),
            (b"SSH-2.0-x\r\n", None),
            (b"\xff\xfe", None),
            (b"", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(status_of(answer), *expected, "{answer:?}");
        }
    }
}
