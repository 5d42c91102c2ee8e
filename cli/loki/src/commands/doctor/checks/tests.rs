use super::super::Severity;
use super::*;

#[test]
fn a_machine_that_confines_less_is_a_warning() {
    let support = |landlock_abi, namespaces: Option<&str>| Support {
        landlock_abi,
        namespaces: namespaces.map(str::to_owned),
        seccomp: true,
        cgroup: None,
    };
    assert_eq!(judge_confinement(&support(Some(7), None)).severity, Severity::Ok);
    assert_eq!(judge_confinement(&support(Some(7), Some("no"))).severity, Severity::Warning);
    assert_eq!(judge_confinement(&support(None, Some("no"))).severity, Severity::Warning);
}

#[test]
fn little_space_is_an_error() {
    assert_eq!(judge_space(FREE_BYTES_MIN).severity, Severity::Ok);
    let low = judge_space(FREE_BYTES_MIN - 1);
    assert_eq!((low.severity, low.message.as_str()), (Severity::Error, "511 MiB free"));
    assert_eq!(disk_space(Path::new("/no/such/folder")).severity, Severity::Warning);
}

#[test]
fn git_must_be_a_program_on_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    assert_eq!(git_present(path).severity, Severity::Warning);
    let git = dir.path().join("git");
    std::fs::write(&git, "").unwrap();
    std::fs::set_permissions(&git, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(git_present(path).severity, Severity::Warning, "a file that cannot be run");
    std::fs::set_permissions(&git, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(git_present(path).severity, Severity::Ok);
}

#[test]
fn a_key_that_others_can_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(receipt_keys(&dir.path().join("none")), []);
    for (name, mode) in [("a", 0o600), ("b", 0o640), ("b.pub", 0o644)] {
        let path = dir.path().join(name);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let severities: Vec<Severity> = receipt_keys(dir.path()).iter().map(|found| found.severity).collect();
    assert_eq!(severities, [Severity::Ok, Severity::Error]);
}

#[test]
fn a_folder_that_is_not_there_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(project_writable(dir.path()).severity, Severity::Ok);
    assert_eq!(project_writable(&dir.path().join("none")).severity, Severity::Error);
}
