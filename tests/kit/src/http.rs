//! A plain HTTP/1.1 client: what is asked is sent as it stands, and what comes back is read as it came.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection that stays open for one request after the other.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// A request as it goes over the wire.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The verb.
    pub method: &'static str,
    /// Path and query, encoded.
    pub path: String,
    /// Headers beyond `host` and those of the body.
    pub headers: Vec<(&'static str, String)>,
    /// The body; of JSON, unless a header says otherwise.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> Request {
        Request { method: "GET", path: path.into(), ..Request::default() }
    }

    /// A request with a JSON body.
    pub fn with_json(method: &'static str, path: impl Into<String>, body: &serde_json::Value) -> Request {
        Request { method, path: path.into(), body: body.to_string().into_bytes(), ..Request::default() }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    /// Connects to a port of this machine.
    pub fn open(port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    /// Sends a request and reads the answer.
    pub fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
        let said = |name: &str| request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !said("host") {
            head.push_str("host: 127.0.0.1\r\n");
        }
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !request.body.is_empty() {
            if !said("content-type") {
                head.push_str("content-type: application/json\r\n");
            }
            head.push_str(&format!("content-length: {}\r\n", request.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(&request.body);
        self.stream.get_mut().write_all(&bytes)?;
        self.answer(request.method == "HEAD")
    }

    fn answer(&mut self, is_head: bool) -> io::Result<Answer> {
        let status = self.line()?.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status =
            status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "there is no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if !is_head && status != 204 && status != 304 {
            self.body(&mut answer)?;
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &mut Answer) -> io::Result<()> {
        if answer.header("transfer-encoding") != Some("chunked") {
            let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            answer.body.resize(length, 0);
            return self.stream.read_exact(&mut answer.body);
        }
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).unwrap_or(0);
            let from = answer.body.len();
            answer.body.resize(from + size, 0);
            self.stream.read_exact(&mut answer.body[from..])?;
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
