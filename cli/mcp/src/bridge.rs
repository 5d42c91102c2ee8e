//! An MCP server that is elsewhere: stdin and stdout, passed on to a Unix socket.
//!
//! An agent starts its MCP servers itself, confined as it is. What answers is loki, outside; so what the agent
//! starts does nothing but connect to the door that loki has left open for it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

/// Connects to the socket at `door`, and passes on what comes from `input` and what comes back, until the other
/// side has said all it has to say. The end of `input` is passed on as such.
pub fn bridge(door: &Path, mut input: impl Read + Send + 'static, mut output: impl Write) -> io::Result<()> {
    let mut answers = UnixStream::connect(door)?;
    let mut questions = answers.try_clone()?;
    // Nobody waits for it: it may stand in a read that never ends, and is over when the program is.
    thread::spawn(move || {
        let copied = io::copy(&mut input, &mut questions);
        // Where the other side is gone already, so is whoever would be told.
        let _told = questions.shutdown(Shutdown::Write);
        copied
    });
    let mut piece = [0; 16 * 1024];
    loop {
        match answers.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => output.write_all(&piece[..count]).and_then(|()| output.flush())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn both_directions_and_the_end_are_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        let door = folder.path().join("door");
        let listener = UnixListener::bind(&door).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"first ").unwrap();
            let mut heard = String::new();
            stream.read_to_string(&mut heard).unwrap();
            stream.write_all(b"last").unwrap();
            heard
        });
        let mut said = Vec::new();
        bridge(&door, io::Cursor::new(b"question".to_vec()), &mut said).unwrap();
        assert_eq!((server.join().unwrap().as_str(), said.as_slice()), ("question", &b"first last"[..]));
    }

    #[test]
    fn a_door_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("door");
        assert!(bridge(&missing, io::empty(), io::sink()).is_err());
    }
}
