use loki_store::FixedClock;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::super::Kind;
use super::*;

const PASSWORD: &str = "correct horse battery";

/// How the server of a test behaves.
#[derive(Clone, Default)]
struct Manner {
    security: Option<Security>,
    /// Whether it offers to log in.
    login: bool,
    /// What it answers to commands that begin so, in place of yes.
    says: Vec<(&'static str, String)>,
    /// The command at which it falls silent.
    silent_at: Option<&'static str>,
    /// Whether it hangs up after each mail without a word.
    hangs_up: bool,
}

/// A small mail server on this machine. It writes down every line that it is told, those of a mail behind a bar.
struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    certificate: String,
}

#[derive(PartialEq)]
enum Talk {
    Encrypt,
    End,
}

impl Server {
    async fn start(manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let key =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![key.cert.der().clone()],
                PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let seen = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, acceptor, heard) = (manner.clone(), acceptor.clone(), Arc::clone(&seen));
                heard.lock().unwrap().push("(connection)".to_owned());
                tokio::spawn(async move { serve(stream, &manner, &acceptor, &heard).await });
            }
        });
        Server { port, heard, certificate: key.cert.pem() }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.heard().iter().filter(|line| *line == "(connection)").count()
    }

    fn settings(&self, security: Security) -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            security,
            login: None,
            from: Address::parse("app@example.org").unwrap(),
            from_name: Some("The App, \u{dc}ber".to_owned()),
            certificate: Some(self.certificate.clone()),
            time_max: Duration::from_secs(10),
        }
    }
}

async fn serve(stream: TcpStream, manner: &Manner, acceptor: &TlsAcceptor, heard: &Mutex<Vec<String>>) {
    if manner.security == Some(Security::Tls) {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        talk(&mut BufStream::new(stream), manner, heard, true).await;
        return;
    }
    let mut stream = BufStream::new(stream);
    if talk(&mut stream, manner, heard, true).await == Talk::Encrypt
        && let Ok(stream) = acceptor.accept(stream.into_inner()).await
    {
        heard.lock().unwrap().push("(encrypted)".to_owned());
        let inside = Manner { security: None, ..manner.clone() };
        talk(&mut BufStream::new(stream), &inside, heard, false).await;
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    manner: &Manner,
    heard: &Mutex<Vec<String>>,
    greets: bool,
) -> Talk {
    if greets {
        say(stream, "220 mail.example ESMTP").await;
    }
    let mut in_body = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return Talk::End;
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if in_body && line != "." {
            heard.lock().unwrap().push(format!("| {line}"));
            continue;
        }
        heard.lock().unwrap().push(line.to_owned());
        if manner.silent_at == Some(line.split(':').next().unwrap_or_default()) {
            // Until the other side gives up.
            stream.read_line(&mut String::new()).await.unwrap_or(0);
            return Talk::End;
        }
        in_body = line == "DATA";
        let answer =
            manner.says.iter().find(|(begins, _)| line.starts_with(begins)).map(|(_, says)| says.clone());
        say(stream, &answer.unwrap_or_else(|| usual(line, manner))).await;
        if line == "STARTTLS" {
            return Talk::Encrypt;
        }
        if line == "QUIT" || (line == "." && manner.hangs_up) {
            return Talk::End;
        }
    }
}

fn usual(line: &str, manner: &Manner) -> String {
    match line {
        "DATA" => "354 go on".to_owned(),
        line if line.starts_with("EHLO") => {
            let starts = if manner.security == Some(Security::StartTls) { "250-STARTTLS\r\n" } else { "" };
            let login = if manner.login { "250-AUTH PLAIN LOGIN\r\n" } else { "" };
            format!("250-mail.example\r\n{starts}{login}250 8BITMIME")
        }
        line if line.starts_with("AUTH") => "235 welcome".to_owned(),
        "STARTTLS" => "220 go on".to_owned(),
        _ => "250 ok".to_owned(),
    }
}

async fn say<S: AsyncWrite + AsyncRead + Unpin>(stream: &mut BufStream<S>, answer: &str) {
    // Whoever hung up is noticed when its next line is read.
    drop(stream.write_all(format!("{answer}\r\n").as_bytes()).await);
    drop(stream.flush().await);
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::new("2026-12-01T04:05:06Z".parse().unwrap(), Duration::ZERO))
}

fn smtp(settings: SmtpSettings) -> Result<Smtp, SmtpError> {
    Smtp::new(settings, clock())
}

fn mail() -> Mail {
    let to = Address::parse("ann@example.net").unwrap();
    let text = "Gr\u{fc}\u{df}e\n.\nRCPT TO:<eve@example.net>\n".to_owned();
    Mail::new(Kind::Invite, to, "Sch\u{f6}n".to_owned(), text, "<p>x</p>".to_owned()).unwrap()
}

async fn refused(
    manner: Manner,
    security: Security,
    change: impl FnOnce(&mut SmtpSettings),
) -> (SmtpError, Server) {
    let server = Server::start(manner).await;
    let mut settings = server.settings(security);
    change(&mut settings);
    let sent = smtp(settings).unwrap().send(&mail()).await;
    let Err(MailError::Smtp(error)) = sent else { panic!("{sent:?}") };
    (error, server)
}

#[tokio::test]
async fn a_mail_arrives_with_both_bodies_and_its_headers() {
    let server = Server::start(Manner::default()).await;
    smtp(server.settings(Security::Plain)).unwrap().send(&mail()).await.unwrap();
    let heard = server.heard();
    let has = |line: &str| heard.iter().any(|heard| heard == line);
    assert!(
        has("EHLO example.org") && has("MAIL FROM:<app@example.org>") && has("RCPT TO:<ann@example.net>")
    );
    assert!(has("| Date: Tue, 01 Dec 2026 04:05:06 +0000") && has("| Auto-Submitted: auto-generated"));
    assert!(has("| To: ann@example.net") && has("| Subject: =?utf-8?b?U2Now7Zu?="), "{heard:#?}");
    assert!(
        heard.iter().any(|line| line.starts_with("| From: ") && line.ends_with("<app@example.org>")),
        "{heard:#?}"
    );
    assert!(heard.iter().any(|line| line.starts_with("| Message-ID: <") && line.ends_with("@example.org>")));
    assert!(
        has("| Content-Type: text/plain; charset=utf-8") && has("| Content-Type: text/html; charset=utf-8")
    );
    assert_eq!(
        heard.iter().filter(|line| line.starts_with("RCPT")).count(),
        1,
        "a line of the body is no command"
    );
    assert_eq!(heard.iter().filter(|line| *line == ".").count(), 1);
}

#[tokio::test]
async fn the_password_goes_through_tls_only() {
    for security in [Security::Tls, Security::StartTls] {
        let manner = Manner { security: Some(security), login: true, ..Manner::default() };
        let server = Server::start(manner).await;
        let mut settings = server.settings(security);
        settings.login = Some(("app".to_owned(), Password::new(PASSWORD.to_owned())));
        smtp(settings).unwrap().send(&mail()).await.unwrap();
        let heard = server.heard();
        let at = |begin: &str| heard.iter().position(|line| line.starts_with(begin));
        assert!(at("AUTH PLAIN").is_some() && at("RCPT TO:<ann@example.net>").is_some());
        assert!(security == Security::Tls || at("(encrypted)") < at("AUTH PLAIN"), "{heard:#?}");
    }
}

#[tokio::test]
async fn without_encryption_nothing_is_sent() {
    let (error, server) = refused(Manner::default(), Security::StartTls, |_| {}).await;
    assert!(matches!(error, SmtpError::Unencrypted { .. }) && error.is_final());
    assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")));

    let manner = Manner { security: Some(Security::StartTls), ..Manner::default() };
    let (error, server) = refused(manner, Security::StartTls, |settings| settings.certificate = None).await;
    assert!(matches!(error, SmtpError::Untrusted { .. }) && error.is_final(), "{error:?}");
    assert!(!server.heard().iter().any(|line| line == "(encrypted)" || line.starts_with("MAIL")));

    let manner = Manner { security: Some(Security::Tls), ..Manner::default() };
    let (error, _) = refused(manner, Security::Tls, |settings| settings.certificate = None).await;
    assert!(matches!(error, SmtpError::Untrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn plain_is_for_this_machine() {
    let server = Server::start(Manner::default()).await;
    for (host, local) in [
        ("localhost", true),
        ("127.0.0.9", true),
        ("::1", true),
        ("0.0.0.0", false),
        ("10.0.0.1", false),
        ("mail.example", false),
        ("localhost.example", false),
        ("127.0.0.1.example", false),
    ] {
        let made = smtp(SmtpSettings { host: host.to_owned(), ..server.settings(Security::Plain) });
        assert_eq!(made.is_ok(), local, "{host}");
    }
}

#[tokio::test]
async fn settings_that_would_break_a_header_are_refused() {
    let server = Server::start(Manner::default()).await;
    let good = || server.settings(Security::Plain);
    for name in ["App\r\nBcc: eve@example.org", "a\0", &"a".repeat(NAME_BYTES_MAX + 1)] {
        let made = smtp(SmtpSettings { from_name: Some(name.to_owned()), ..good() });
        assert!(matches!(made.err(), Some(SmtpError::Name)), "{name:?}");
    }
    for host in ["", "a b", "a\r\nb", "mail.example/x", &"a".repeat(254)] {
        let made = smtp(SmtpSettings { host: host.to_owned(), security: Security::Tls, ..good() });
        assert!(matches!(made.err(), Some(SmtpError::Host)), "{host:?}");
    }
    let made = smtp(SmtpSettings {
        certificate: Some("-----BEGIN CERTIFICATE-----\nx".to_owned()),
        security: Security::Tls,
        ..good()
    });
    assert!(made.is_err());
}

#[tokio::test]
async fn a_connection_serves_several_mails() {
    let server = Server::start(Manner::default()).await;
    let smtp = smtp(server.settings(Security::Plain)).unwrap();
    for _ in 0..3 {
        smtp.send(&mail()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);

    let server = Server::start(Manner { hangs_up: true, ..Manner::default() }).await;
    let smtp = self::smtp(server.settings(Security::Plain)).unwrap();
    for _ in 0..3 {
        smtp.send(&mail()).await.unwrap();
    }
    assert_eq!(server.connections(), 3, "one that was hung up is not used again");
}

#[tokio::test]
async fn a_refusal_is_told_by_its_codes_and_never_shows_the_password() {
    let echo = format!("535 5.7.8 no: {PASSWORD}");
    let manner = Manner { login: true, says: vec![("AUTH", echo)], ..Manner::default() };
    let (error, _) = refused(manner, Security::Plain, |settings| {
        settings.login = Some(("app".to_owned(), Password::new(PASSWORD.to_owned())));
        assert!(!format!("{settings:?}").contains("horse"));
    })
    .await;
    assert_eq!(error.to_string(), "the mail server answered 535 5.7.8");
    assert!(!format!("{error:?}").contains("horse") && error.is_final());

    let manner = Manner { says: vec![("RCPT", "451 try later".to_owned())], ..Manner::default() };
    let (error, _) = refused(manner, Security::Plain, |_| {}).await;
    assert_eq!(error.to_string(), "the mail server answered 451");
    assert!(!error.is_final());

    let manner = Manner { says: vec![(".", "354 what?".to_owned())], ..Manner::default() };
    let (error, server) = refused(manner, Security::Plain, |_| {}).await;
    assert!(matches!(error, SmtpError::Answer), "an answer to another question is no yes");
    assert_eq!(server.connections(), 1);

    let (error, _) = refused(Manner::default(), Security::Plain, |settings| {
        settings.login = Some(("app".to_owned(), Password::new(PASSWORD.to_owned())));
    })
    .await;
    assert!(matches!(error, SmtpError::NoLogin { .. }));
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_its_connection_with_it() {
    for silent_at in ["EHLO example.org", "RCPT TO", "."] {
        let manner = Manner { silent_at: Some(silent_at), ..Manner::default() };
        let server = Server::start(manner).await;
        let settings =
            SmtpSettings { time_max: Duration::from_millis(150), ..server.settings(Security::Plain) };
        let smtp = smtp(settings).unwrap();
        for _ in 0..2 {
            let sent = smtp.send(&mail()).await;
            assert!(matches!(sent, Err(MailError::Smtp(SmtpError::Slow { .. }))), "{silent_at}: {sent:?}");
        }
        assert_eq!(server.connections(), 2, "{silent_at}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_sent() {
    let server = Server::start(Manner::default()).await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let sent = smtp(SmtpSettings { port, ..server.settings(Security::Plain) }).unwrap().send(&mail()).await;
    let Err(MailError::Smtp(error)) = sent else { panic!("{sent:?}") };
    assert!(matches!(error, SmtpError::Unreachable { .. }) && !error.is_final());
}

#[test]
fn of_what_a_server_says_the_code_is_kept() {
    assert_eq!(enhanced("5.7.1 no relaying"), Some("5.7.1".to_owned()));
    for said in ["", "no", "5.7", "5.7.1.2", "5.7.x", "5.7.1000", "127.0.0.1"] {
        assert_eq!(enhanced(said), None, "{said}");
    }
}
