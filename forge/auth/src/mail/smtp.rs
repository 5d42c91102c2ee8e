//! Mail by a server (SMTP, RFC 5321), always encrypted unless the server is on this machine.
//!
//! A connection is kept for the next mail only after a mail was taken whole: one that was left half-way might
//! answer a later question with an earlier answer.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as Named, Message, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Severity;
use loki_store::Clock;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::address::Address;
use super::{Mail, MailError, Mailer, breaks};

/// Connections that are kept open between mails.
const IDLE_MAX: usize = 4;
/// The bytes of a sender's name.
const NAME_BYTES_MAX: usize = 128;
/// The bytes of a host's name (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// From the first byte, usually on port 465.
    Tls,
    /// After a greeting, usually on port 587. A server that does not offer it gets no mail.
    StartTls,
    /// Not at all. Only to this machine.
    Plain,
}

/// A secret that `Debug` does not show.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Keeps a secret.
    pub fn new(secret: String) -> Password {
        Password(secret)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Which server, and as whom.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// With what to log in there.
    pub login: Option<(String, Password)>,
    /// Whom mails are from.
    pub from: Address,
    /// The name beside that address: one line of at most 128 bytes.
    pub from_name: Option<String>,
    /// A certificate in PEM that is trusted beside those of the system.
    pub certificate: Option<String>,
    /// How long one mail may take, connecting included.
    pub time_max: Duration,
}

/// Why a mail server cannot be used, or did not take a mail. What the server said is not repeated but for its
/// codes: it may repeat a password.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The name of the host is none.
    #[error("the mail server's name is not usable")]
    Host,
    /// The sender's name has line breaks or is too long.
    #[error("a sender's name has one line of at most {NAME_BYTES_MAX} bytes")]
    Name,
    /// Mail may leave this machine encrypted only.
    #[error("mail is sent without encryption to this machine only, not to `{host}`")]
    Exposed {
        /// Where to.
        host: String,
    },
    /// The certificate cannot be read.
    #[error("the mail server's certificate cannot be read")]
    Certificate,
    /// The mail could not be written down.
    #[error("a mail could not be put into the form of RFC 5322")]
    Form,
    /// There is nobody there.
    #[error("the mail server `{host}:{port}` cannot be reached, or hung up")]
    Unreachable {
        /// Its name.
        host: String,
        /// Its port.
        port: u16,
    },
    /// It is not whom it should be.
    #[error("the mail server `{host}` has no certificate that is trusted")]
    Untrusted {
        /// Its name.
        host: String,
    },
    /// It offers no encryption.
    #[error("the mail server `{host}` does not offer STARTTLS")]
    Unencrypted {
        /// Its name.
        host: String,
    },
    /// It offers no way to log in that is known here.
    #[error("the mail server `{host}` takes no password")]
    NoLogin {
        /// Its name.
        host: String,
    },
    /// It took too long.
    #[error("the mail server `{host}` did not take a mail in {} seconds", time_max.as_secs_f32())]
    Slow {
        /// Its name.
        host: String,
        /// The time it had.
        time_max: Duration,
    },
    /// It says no.
    #[error("the mail server answered {code}{}", detail.as_ref().map_or_else(String::new, |detail| format!(" {detail}")))]
    Refused {
        /// The code (RFC 5321, 4.2.3).
        code: u16,
        /// The enhanced code (RFC 3463).
        detail: Option<String>,
    },
    /// Its answer is none.
    #[error("the mail server's answer was not understood")]
    Answer,
}

impl SmtpError {
    /// Whether trying again in a moment is of no use.
    pub fn is_final(&self) -> bool {
        match self {
            SmtpError::Refused { code, .. } => *code >= 500,
            SmtpError::Unreachable { .. } | SmtpError::Slow { .. } | SmtpError::Answer => false,
            SmtpError::Host
            | SmtpError::Name
            | SmtpError::Exposed { .. }
            | SmtpError::Certificate
            | SmtpError::Form
            | SmtpError::Untrusted { .. }
            | SmtpError::Unencrypted { .. }
            | SmtpError::NoLogin { .. } => true,
        }
    }
}

/// A mail server.
pub struct Smtp {
    settings: SmtpSettings,
    sender: Named,
    tls: Option<TlsParameters>,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl Smtp {
    /// A mail server as the settings have it. Nothing is sent yet.
    pub fn new(settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Smtp, SmtpError> {
        let host = settings.host.as_str();
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || b".:-".contains(&byte);
        if host.is_empty() || host.len() > HOST_BYTES_MAX || !host.bytes().all(taken) {
            return Err(SmtpError::Host);
        }
        if settings.security == Security::Plain && loopback(host).is_empty() {
            return Err(SmtpError::Exposed { host: host.to_owned() });
        }
        let name = settings.from_name.clone();
        if name.iter().any(|name| name.len() > NAME_BYTES_MAX || name.chars().any(breaks)) {
            return Err(SmtpError::Name);
        }
        let sender = Named::new(name, address(&settings.from)?);
        let tls = match settings.security {
            Security::Plain => None,
            Security::Tls | Security::StartTls => Some(trusted(&settings)?),
        };
        Ok(Smtp { settings, sender, tls, clock, idle: Mutex::default() })
    }

    async fn deliver(&self, message: &Message) -> Result<(), SmtpError> {
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let sent = connection.send(message.envelope(), &message.formatted()).await;
        let answer = sent.map_err(|error| self.failed(&error))?;
        if answer.code().severity != Severity::PositiveCompletion {
            return Err(SmtpError::Answer);
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(())
    }

    /// A connection that was kept and is still good.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if connection.test_connected().await {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let host = &self.settings.host;
        let hello = ClientId::Domain(self.settings.from.domain().to_owned());
        let wrapped = self.tls.clone().filter(|_| self.settings.security == Security::Tls);
        let time = Some(self.settings.time_max);
        let mut connection = if self.settings.security == Security::Plain {
            let places: Vec<SocketAddr> =
                loopback(host).into_iter().map(|ip| SocketAddr::new(ip, self.settings.port)).collect();
            AsyncSmtpConnection::connect_tokio1(places.as_slice(), time, &hello, None, None).await
        } else {
            let place = (host.as_str(), self.settings.port);
            AsyncSmtpConnection::connect_tokio1(place, time, &hello, wrapped, None).await
        }
        .map_err(|error| self.failed(&error))?;
        if let Some(tls) = self.tls.clone().filter(|_| self.settings.security == Security::StartTls) {
            if !connection.can_starttls() {
                return Err(SmtpError::Unencrypted { host: host.clone() });
            }
            connection.starttls(tls, &hello).await.map_err(|error| self.failed(&error))?;
        }
        if let Some((user, password)) = &self.settings.login {
            let ways = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&ways).is_none() {
                return Err(SmtpError::NoLogin { host: host.clone() });
            }
            let credentials = Credentials::new(user.clone(), password.0.clone());
            connection.auth(&ways, &credentials).await.map_err(|error| self.failed(&error))?;
        }
        Ok(connection)
    }

    fn failed(&self, error: &lettre::transport::smtp::Error) -> SmtpError {
        let host = self.settings.host.clone();
        if let Some(code) = error.status() {
            let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            SmtpError::Refused { code: code.into(), detail: enhanced(&said) }
        } else if error.is_tls() || is_of_tls(error) {
            SmtpError::Untrusted { host }
        } else if error.is_timeout() {
            SmtpError::Slow { host, time_max: self.settings.time_max }
        } else if error.is_response() || error.is_client() {
            SmtpError::Answer
        } else {
            SmtpError::Unreachable { host, port: self.settings.port }
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message, SmtpError> {
        let mut random = [0; 16];
        SystemRandom::new().fill(&mut random).map_err(|_| SmtpError::Form)?;
        let id = format!("<{:032x}@{}>", u128::from_be_bytes(random), self.settings.from.domain());
        // Answering machines leave mail alone that says it was not written by a person (RFC 3834, 5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .date(SystemTime::from(self.clock.now()))
            .from(self.sender.clone())
            .to(Named::new(None, address(mail.to())?))
            .subject(mail.subject())
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let bodies = MultiPart::alternative_plain_html(mail.text().to_owned(), mail.html().to_owned());
        message.multipart(bodies).map_err(|_| SmtpError::Form)
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.message(mail)?;
        let time_max = self.settings.time_max;
        match tokio::time::timeout(time_max, self.deliver(&message)).await {
            Ok(delivered) => Ok(delivered?),
            Err(_elapsed) => Err(SmtpError::Slow { host: self.settings.host.clone(), time_max }.into()),
        }
    }
}

/// The addresses of a host that is this machine; none of any other. `localhost` is not looked up.
fn loopback(host: &str) -> Vec<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    host.parse().ok().filter(IpAddr::is_loopback).into_iter().collect()
}

fn trusted(settings: &SmtpSettings) -> Result<TlsParameters, SmtpError> {
    let mut tls = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.certificate {
        tls = tls
            .add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(|_| SmtpError::Certificate)?);
    }
    tls.build().map_err(|_| SmtpError::Certificate)
}

fn address(address: &Address) -> Result<lettre::Address, SmtpError> {
    address.as_str().parse().map_err(|_| SmtpError::Form)
}

/// The enhanced status code that an answer begins with, such as `5.7.1`.
fn enhanced(said: &str) -> Option<String> {
    let word = said.split_whitespace().next()?;
    let is_number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (word.split('.').count() == 3 && word.split('.').all(is_number)).then(|| word.to_owned())
}

/// Whether TLS is the reason: the handshake reports it as an error of the connection.
fn is_of_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
