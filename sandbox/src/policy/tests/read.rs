use super::*;
use crate::policy::{Access, Origin, PolicyError, Preset, layered};

/// The message without the position, the position, and the hint.
fn refusal(text: &str) -> (String, String, String) {
    let error = Document::read("p.toml", text.as_bytes()).expect_err(text);
    let position = error.position().map(ToString::to_string).unwrap_or_default();
    let message = error.to_string().replacen(&format!("{position}: "), "", 1);
    (message, position.replacen("p.toml:", "", 1), error.hint().unwrap_or_default())
}

/// Asserts that what follows `version = 1` is refused with a message that holds `part`, and accepted as `sound`.
fn refused(bad: &str, part: &str, sound: &str) {
    let (message, ..) = refusal(&format!("version = 1\n{bad}"));
    assert!(message.contains(part), "{bad}\nsays: {message}");
    document(sound);
}

#[test]
fn everything_a_file_may_say() {
    let text = r#"
preset = "test"
[[files]]
path = "~//.cache/./pip/"
access = "write"
reason = "  pip keeps what it downloaded "
[[network]]
host = "API.example.com"
ports = [8443, 443, 443]
reason = "the service under test"
headers = { Authorization = "Bearer secret:EXAMPLE" }
[[network]]
host = "[::1]"
private = true
reason = "r"
[[environment]]
name = "FEATURES_*"
reason = "switches"
[[environment]]
name = "MODE"
value = "strict"
reason = "r"
[[secrets]]
name = "EXAMPLE"
variable = "EXAMPLE_TOKEN"
reason = "signs requests"
[limits]
wall_seconds_max = 900
memory_bytes_max = 1_073_741_824
"#;
    let policy = layered(Preset::Build, Some(&document(text)), None).unwrap();
    assert_eq!(policy.preset, "test");
    let file = policy.files.iter().find(|rule| rule.origin == Origin::User).unwrap();
    assert_eq!((file.path.as_str(), file.access), ("~/.cache/pip", Access::Write));
    assert_eq!(file.reason, "pip keeps what it downloaded");
    let host = policy.host("api.example.com", 443).unwrap();
    assert_eq!(host.ports, [443, 8443]);
    assert_eq!(host.headers["authorization"], "Bearer secret:EXAMPLE");
    assert_eq!(policy.host("::1", 443).unwrap().host, "::1");
    assert_eq!(policy.secrets[0].variable, "EXAMPLE_TOKEN");
    assert_eq!(policy.limits.wall_seconds_max, 900);
    assert_eq!(policy.limits.memory_bytes_max, 1 << 30);
    assert_eq!(policy.limits.cpu_seconds_max, Preset::Test.policy().limits.cpu_seconds_max);
}

#[test]
fn errors_say_where_and_what_is_near() {
    let (message, at, hint) =
        refusal("version = 1\n[[files]]\npath = \".\"\nacces = \"read\"\nreason = \"r\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("unknown key `acces`", "4:1"));
    assert_eq!(hint, "Did you mean `access`?");

    let (message, at, hint) =
        refusal("version = 1\n[[files]]\npath = \"ä\"\naccess = 'wirte'\nreason = \"r\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("unknown access `wirte`", "4:10"));
    assert_eq!(hint, "Did you mean `write`?");

    let (message, at, hint) = refusal("version = 1\npreset = \"all\"\n");
    assert_eq!((message.as_str(), at.as_str()), ("unknown preset `all`", "2:10"));
    assert_eq!(hint, "There are: `read-only`, `test`, `build`, `network`.");

    let (message, at, _) = refusal("version = 1\nlimits = { 'ü' = 1 }\n");
    assert_eq!((message.as_str(), at.as_str()), ("unknown key `ü`", "2:12"));

    let (message, at, hint) = refusal("version = 2\n");
    assert_eq!((message.as_str(), at.as_str()), ("version 2 of the format is not known", "1:11"));
    assert_eq!(hint, "Write `version = 1`.");

    let (message, ..) = refusal("");
    assert_eq!(message, "the version is missing: write `version = 1`");

    let (message, at, _) = refusal("version = 1\n\n[[secrets]]\nname = \"A\"\nvariable = \"B\"\n");
    assert_eq!(message, "a `reason` is missing: every rule says why it is there");
    assert_eq!(at, "3:1");

    let (_, at, _) = refusal("version = 1\n[[files]\n");
    assert!(at.starts_with("2:"), "{at}");
}

#[test]
fn an_unknown_key_cannot_pass_for_a_known_one() {
    let (message, _, hint) = refusal("version = 1\n\"x`, expected `y\\u001b\" = 1\n");
    assert_eq!(message, "unknown key `x`, expected `y\\u{1b}`");
    assert!(hint.contains("`version`"), "{hint}");
}

#[test]
fn what_is_too_long_or_no_text_is_refused() {
    let long = format!("version = 1\n#{}\n", "x".repeat(64 * 1024));
    let error = Document::read("p.toml", long.as_bytes()).unwrap_err();
    assert!(matches!(error, PolicyError::TooLarge { bytes_max: 65_536, .. }), "{error}");
    Document::read("p.toml", &long.as_bytes()[..64 * 1024]).unwrap();

    let error = Document::read("p.toml", b"version = 1\n#\xC3\xA4\xFF").unwrap_err();
    assert_eq!(error.to_string(), "p.toml:2:3: this is not UTF-8");
}

#[test]
fn counts_are_bounded() {
    let many = |count: usize, rule: fn(usize) -> String| (0..count).map(rule).collect::<String>();
    let files: fn(usize) -> String = |n| format!("[[files]]\npath='{n}'\naccess='read'\nreason='r'\n");
    refused(&many(257, files), "at most 256 rules for files, not 257", &many(256, files));
    let hosts: fn(usize) -> String = |n| format!("[[network]]\nhost='h{n}.example.com'\nreason='r'\n");
    refused(&many(257, hosts), "at most 256 rules for hosts", &many(256, hosts));
    let names: fn(usize) -> String = |n| format!("[[environment]]\nname='V{n}'\nreason='r'\n");
    refused(&many(257, names), "at most 256 variables", &many(256, names));
    let secrets: fn(usize) -> String = |n| format!("[[secrets]]\nname='S{n}'\nvariable='V{n}'\nreason='r'\n");
    refused(&many(65, secrets), "at most 64 secrets", &many(64, secrets));
    let ports = |count: usize| {
        let ports: Vec<String> = (1..=count).map(|port| port.to_string()).collect();
        host_rule("a.example.com", &format!("ports = [{}]", ports.join(",")))
    };
    refused(&ports(65), "at most 64 ports", &ports(64));
    let headers = |count: usize| {
        let headers: Vec<String> = (0..count).map(|n| format!("x-{n} = 'v'")).collect();
        host_rule("a.example.com", &format!("headers = {{ {} }}", headers.join(",")))
    };
    refused(&headers(33), "at most 32 headers", &headers(32));
    let only = |count: usize| {
        let hosts: Vec<String> = (0..count).map(|n| format!("'h{n}.example.com'")).collect();
        format!("network_only = [{}]\n", hosts.join(","))
    };
    refused(&only(257), "at most 256 hosts", &only(256));
}

#[test]
fn a_reason_is_one_line_that_says_something() {
    let rule = |reason: &str| format!("[[environment]]\nname = \"A\"\nreason = {reason}\n");
    for (bad, part) in [
        ("\"\"", "the reason is empty"),
        ("\" \\t\"", "the reason is empty"),
        ("\"a\\u001b[2Jb\"", "control character"),
        ("\"a\\u202Eb\"", "control character"),
        ("\"a\\nb\"", "longer than a line"),
    ] {
        refused(&rule(bad), part, &rule("\"ä reason\""));
    }
    refused(
        &rule(&format!("'{}'", "x".repeat(501))),
        "at most 500",
        &rule(&format!("'{}'", "x".repeat(500))),
    );
}

#[test]
fn paths_are_plain() {
    for (bad, part) in [
        ("", "a path is missing"),
        ("a/../b", "holds `..`"),
        ("..", "holds `..`"),
        ("~/..", "holds `..`"),
        ("~root/x", "another user's home"),
        ("a\\u0000b", "control character"),
        ("a\\u001bb", "control character"),
        ("a\\u202Eb", "control character"),
        ("**/*.rs", "wildcard"),
        ("@home/x", "belongs to the sandbox itself"),
        ("@tmp", "belongs to the sandbox itself"),
    ] {
        refused(&file_rule(bad, "read"), part, &file_rule("src/./main.rs/", "read"));
    }
    let long = |length: usize| file_rule(&"x".repeat(length), "read");
    refused(&long(1025), "at most 1024 bytes", &long(1024));
    // Names that only look special.
    for (sound, normal) in [
        ("./@home", "./@home"),
        ("./~x", "./~x"),
        ("a/@types", "a/@types"),
        ("...", "..."),
        ("app/[id]", "app/[id]"),
        ("./", "."),
        ("~/", "~"),
        ("@homestead", "./@homestead"),
    ] {
        assert_eq!(document(&file_rule(sound, "read")).files[0].value.path, normal, "{sound}");
    }
    refused(&(file_rule("a", "read") + &file_rule("./a/", "hide")), "a second time", &file_rule("a", "read"));
}

#[test]
fn what_would_undo_the_confinement_is_refused() {
    for (path, access) in [
        ("/", "read"),
        ("/etc", "read"),
        ("/etc/passwd", "write"),
        ("/etc/shadow", "read"),
        ("/etc/ssh/ssh_host_ed25519_key", "read"),
        ("/etc/ssl/private", "protect"),
        ("/usr", "write"),
        ("/usr/local/bin", "write"),
        ("/proc/sys", "write"),
        ("/dev", "read"),
        ("/dev/mem", "read"),
        ("/run", "read"),
        ("/run/docker.sock", "read"),
        ("/var/run/docker.sock", "write"),
        ("~", "write"),
        ("~/.ssh", "write"),
        ("~/.ssh/authorized_keys", "write"),
        ("~/.bashrc", "write"),
        ("~/.config/systemd/user", "write"),
        ("~/.config/loki", "read"),
        (".loki", "read"),
        (".loki/loki.db", "read"),
        (".git/hooks", "write"),
        (".git/hooks/pre-commit", "write"),
        (".git/config", "write"),
    ] {
        let (message, ..) = refusal(&format!("version = 1\n{}", file_rule(path, access)));
        assert!(
            message.contains("can only be hidden") || message.contains("never written"),
            "{path}: {message}"
        );
        document(&file_rule(path, "hide"));
    }
    for (path, access) in [
        ("/etc/nginx", "read"),
        ("/usr/local/share/data", "write"),
        ("/usr/src/app", "write"),
        ("/dev/kvm", "write"),
        ("/srv", "write"),
        ("~", "read"),
        ("~/.ssh/known_hosts", "read"),
        ("~/.cache/pip", "write"),
        (".git/config", "read"),
        (".vscode", "write"),
        (".lokis", "write"),
    ] {
        document(&file_rule(path, access));
    }
}

#[test]
fn hosts_are_sane() {
    for (bad, part) in [
        ("", "between 1 and 253"),
        ("*", "every host"),
        ("*.", "every host"),
        ("*.com", "anybody can get a name below `com`"),
        ("*.co.uk", "anybody can get a name below `co.uk`"),
        ("*.github.io", "anybody can get a name below `github.io`"),
        ("*.S3.amazonaws.com", "anybody can get a name below `s3.amazonaws.com`"),
        ("a.*.example.com", "elsewhere than in front"),
        ("*a.example.com", "elsewhere than in front"),
        ("*.*.example.com", "elsewhere than in front"),
        ("a..example.com", "not the name of a host"),
        ("-a.example.com", "not the name of a host"),
        ("a b", "not the name of a host"),
        ("a_b.example.com", "not the name of a host"),
        ("user@example.com", "not the name of a host"),
        ("example.com.", "not the name of a host"),
        ("bücher.example", "not written in ASCII"),
        ("https://example.com/", "address of a page"),
        ("example.com:443", "holds a port"),
        ("127.1", "neither a name nor an address"),
        ("2130706433", "neither a name nor an address"),
        ("0x7f.0x1", "neither a name nor an address"),
        ("0.0.0.0", "no host's address"),
        ("224.0.0.1", "no host's address"),
        ("::", "no host's address"),
        ("169.254.169.254", "the machine's own credentials"),
        ("::ffff:169.254.169.254", "the machine's own credentials"),
        ("fd00:ec2::254", "the machine's own credentials"),
        ("metadata.google.internal", "the machine's own credentials"),
        ("*.google.internal", "the machine's own credentials"),
    ] {
        // `private` is not what they are refused for.
        refused(&host_rule(bad, "private = true"), part, &host_rule("*.example.com", ""));
    }
    for private in [
        "127.0.0.1",
        "10.0.0.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
        "localhost",
        "db.localhost",
        "[::ffff:127.0.0.1]",
    ] {
        refused(&host_rule(private, ""), "on a private network", &host_rule(private, "private = true"));
    }
    for ports in ["[0]", "[65536]", "[-1]"] {
        refused(
            &host_rule("a.b", &format!("ports = {ports}")),
            "is not a port",
            &host_rule("a.b", "ports = [65535]"),
        );
    }
    refused(&host_rule("a.b", "ports = []"), "without ports", &host_rule("a.b", "ports = [1]"));
    refused(
        "network_only = ['a.b:0']",
        "is not a port",
        "network_only = ['a.b:80', '[::1]:80', '::1', '*.b.c', 'd']",
    );
    refused("network_only = ['a.b:x']", "is not a port", "network_only = []");
}

#[test]
fn headers_cannot_break_out_of_a_request() {
    let rule = |host: &str, name: &str, value: &str| {
        host_rule(host, &format!("headers = {{ \"{name}\" = \"{value}\" }}"))
            + "[[secrets]]\nname='S'\nvariable='S_TOKEN'\nreason='r'\n"
    };
    let sound = rule("a.example.com", "X-Key", "Bearer secret:S, secret:S!");
    for (name, value, part) in [
        ("", "v", "not the name of a header"),
        ("a b", "v", "not the name of a header"),
        ("a:", "v", "not the name of a header"),
        ("a\\r\\nb", "v", "not the name of a header"),
        ("Host", "v", "belongs to the connection"),
        ("transfer-encoding", "chunked", "belongs to the connection"),
        ("x", "", "between 1 and"),
        ("x", "a\\r\\nb: c", "only visible ASCII"),
        ("x", "a\\u0000", "only visible ASCII"),
        ("x", "ä", "only visible ASCII"),
        ("x", "secret:", "not followed by a name"),
        ("x", "secret:9", "not followed by a name"),
        ("x", "secret:T", "the secret `T` is not declared"),
    ] {
        refused(&rule("a.example.com", name, value), part, &sound);
    }
    refused(&rule("*.example.com", "x", "secret:S"), "named in full", &rule("*.example.com", "x", "plain"));
    let twice = host_rule("a.example.com", "headers = { x = 'a', X = 'b' }");
    refused(&twice, "stands here twice", &sound);
}

#[test]
fn variables_are_named_and_not_the_sandboxs_own() {
    let rule =
        |name: &str, more: &str| format!("[[environment]]\nname = \"{name}\"\n{more}\nreason = \"r\"\n");
    let sound = rule("_Ab9_*", "") + &rule("LD_PRELOAD", "value = 'x.so'");
    for name in [
        "HOME",
        "TMPDIR",
        "HTTP_PROXY",
        "http_proxy",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "no_proxy",
        "NO_PROXY",
        "LOKI_X",
        "HOME*",
    ] {
        refused(&rule(name, ""), "set by the sandbox itself", &sound);
    }
    refused(&rule("*", ""), "every variable", &sound);
    for name in ["", "9A", "A-B", "A*B", "A**", "A B", "Ä", "A="] {
        refused(&rule(name, ""), "not the name of a variable", &sound);
    }
    refused(&rule("A*", "value = 'x'"), "cannot have a value", &sound);
    refused(&rule("A", "value = \"a\\u0000\""), "no NUL", &sound);
    refused(
        &rule("A", "value = 'https://me:pw@example.com/'"),
        "holds a password",
        &rule("A", "value = 'a@b'"),
    );
    refused(&(rule("A", "") + &rule("A", "value = 'x'")), "a second time", &sound);
    let secret = "[[secrets]]\nname='S'\nvariable='S_TOKEN'\nreason='r'\n";
    refused(&(rule("S_TOKEN", "") + secret), "which is a secret", &(rule("S_*", "") + secret));
}

#[test]
fn limits_stay_within_bounds() {
    for bound in &crate::policy::BOUNDS {
        let at = |value: i128| format!("[limits]\n{} = {value}\n", bound.name);
        let (min, max) = (i128::from(bound.min), i128::from(bound.max));
        refused(&at(min - 1), "is between", &at(min));
        refused(&at(max + 1), "is between", &at(max));
    }
    refused("[limits]\nwall_seconds_max = '9'\n", "invalid type", "[limits]\n");
}
