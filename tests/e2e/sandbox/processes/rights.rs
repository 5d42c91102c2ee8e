//! What one job may do beside what its policy says, and what it may not where it works for one purpose.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use loki_sandbox::policy::Document;
use loki_sandbox::{CallError, DenialKind, End, Job, Level};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::{LEVELS, PATIENCE, python, shell, tests};
use crate::env;

/// Connects to a socket, says `hello`, and prints what comes back, or that it was refused.
const CONNECT: &str = "import os, socket, sys
for path in [os.environ.get('LOKI_DOOR', '')] + sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        s.sendall(b'hello')
        print(s.recv(100).decode())
    except OSError as error:
        print('refused')
";

/// Answers one connection, and returns what was said over it.
async fn answer_once(listener: &UnixListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut said = [0; 5];
    stream.read_exact(&mut said).await.unwrap();
    stream.write_all(b"welcome").await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_door_leads_to_loki_and_nothing_else_does() {
    let env = env();
    let outside = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(outside.path().join("door")).unwrap();
    let _other = UnixListener::bind(env.path("other")).unwrap();
    for level in LEVELS {
        let workshop = tests(&env, level);
        // Another socket beside the door and one in the project, both of this process.
        let job = |door: Option<&Path>| {
            let mut job = python(&workshop, CONNECT);
            job.command.push(workshop.places.project().join("other").into());
            job.door = door.map(Path::to_owned);
            job
        };
        let door = outside.path().join("door");
        let answered = tokio::time::timeout(PATIENCE, answer_once(&listener));
        let (done, answered) = tokio::join!(workshop.run(job(Some(&door))), answered);
        let done = done.unwrap();
        assert_eq!(done.both.text(), "welcome\nrefused\n", "{level:?}");
        assert_eq!(answered.unwrap(), "hello");
        let denied: Vec<_> = done.outcome.denials.iter().map(|one| (one.kind, one.count)).collect();
        assert_eq!(denied, [(DenialKind::Socket, 1)]);
        // The control: without a door that same socket is out of reach.
        let mut shut = job(None);
        shut.variables.insert("LOKI_DOOR".to_owned(), outside.path().join("door").display().to_string());
        let done = workshop.run(shut).await.unwrap();
        assert_eq!(done.both.text(), "refused\nrefused\n", "{level:?}");
    }
}

#[tokio::test]
async fn a_program_of_its_own_can_be_run_and_read_and_nothing_can_be_written_there() {
    let env = env();
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().canonicalize().unwrap();
    let tool = folder.join("tool");
    fs::write(&tool, "#!/bin/sh\necho ran; cat $1; touch $2 2>/dev/null || echo refused\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.join("data")).unwrap();
    fs::write(folder.join("data/file"), "data\n").unwrap();
    std::os::unix::fs::symlink(&tool, folder.join("link")).unwrap();
    for level in LEVELS {
        let workshop = tests(&env, level);
        for name in ["tool", "link"] {
            let program = folder.join(name);
            let mut job = Job::new(
                [
                    program.as_os_str(),
                    folder.join("data/file").as_os_str(),
                    folder.join("data/new").as_os_str(),
                ],
                workshop.places.project(),
            );
            let without = workshop.run(job.clone()).await.unwrap();
            assert!(matches!(without.outcome.end, End::NotStarted { .. }), "{level:?}: {without:?}");
            job.programs = vec![program];
            job.read = vec![folder.join("data")];
            let done = workshop.run(job).await.unwrap();
            assert_eq!(done.stdout.text(), "ran\ndata\nrefused\n", "{level:?} {name}: {done:?}");
        }
    }
    assert!(!folder.join("data/new").exists());
    let mut job = shell(&tests(&env, Level::Isolated), "true");
    job.programs = vec!["/etc/shadow".into()];
    let refused = tests(&env, Level::Isolated).run(job).await.unwrap_err();
    assert!(matches!(refused, CallError::Job(_)), "{refused:?}");
}

#[tokio::test]
async fn elsewhere_and_for_reading_alone_the_project_stays_as_it_is() {
    let env = env();
    env.write("file", "here\n");
    let checkout = tempfile::tempdir().unwrap();
    let own = tempfile::tempdir().unwrap();
    fs::write(checkout.path().join("file"), "there\n").unwrap();
    for level in LEVELS {
        let workshop = tests(&env, level);
        let there = workshop.elsewhere(checkout.path(), &own.path().join("home"), &own.path().join("tmp"));
        let there = there.unwrap();
        let here = workshop.places.project().join("file");
        let script = format!(
            "cat file; echo more >> file && echo x > $HOME/x && echo x > $TMPDIR/x; cat {}",
            here.display()
        );
        let done = there.run(shell(&there, &script)).await.unwrap();
        assert_eq!(done.stdout.text(), "there\n", "{level:?}: {}", done.stderr.text());
        assert_eq!(fs::read_to_string(checkout.path().join("file")).unwrap(), "there\nmore\n");
        assert!(own.path().join("home/x").exists() && own.path().join("tmp/x").exists());
        fs::write(checkout.path().join("file"), "there\n").unwrap();

        let reader = workshop.read_only();
        let script = "cat file; echo more >> file; touch new; echo x > $TMPDIR/x && echo own";
        let done = reader.run(shell(&reader, script)).await.unwrap();
        assert_eq!(done.stdout.text(), "here\nown\n", "{level:?}: {}", done.stderr.text());
        assert_eq!(env.read("file"), "here\n");
        assert!(!env.has("new"));
    }
}

#[tokio::test]
async fn a_server_on_loki_s_own_loopback_is_reached_where_a_policy_names_it() {
    const ASK: &str = "import os, urllib.request
request = urllib.request.Request('http://127.0.0.1:%s/v1' % os.environ['PORT'], headers={'x-api-key': 'placeholder'})
print(urllib.request.urlopen(request, timeout=30).read().decode(), os.environ.get('MODEL_KEY'))
";
    let env = env();
    for level in LEVELS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answered = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
            String::from_utf8(head).unwrap()
        });
        let document = format!(
            "version = 1\n\
             [[network]]\nhost = \"127.0.0.1\"\nports = [{port}]\nprivate = true\nreason = \"a fake\"\n\
             headers = {{ x-api-key = \"secret:MODEL\" }}\n\
             [[secrets]]\nname = \"MODEL\"\nvariable = \"MODEL_KEY\"\nreason = \"a fake\"\n"
        );
        let document = Document::read("test", document.as_bytes()).unwrap();
        let workshop = tests(&env, level).with_document(&document);
        let mut job = python(&workshop, ASK);
        job.variables.insert("PORT".to_owned(), port.to_string());
        let done = workshop.run(job).await.unwrap();
        assert_eq!(done.stdout.text(), "hello None\n", "{level:?}: {}", done.stderr.text());
        let head = answered.join().unwrap();
        assert!(head.contains("s3cr3t-s3cr3t") && !head.contains("placeholder"), "{head}");
        let requests = done.egress.unwrap().requests;
        assert_eq!((requests.len(), requests[0].port), (1, port));
    }
}
