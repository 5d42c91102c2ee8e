use std::collections::BTreeSet;

use super::*;
use crate::policy::{Limits, Origin, Policy, Preset, layered};

/// A change of this text is a change of every digest that was ever recorded.
#[test]
fn the_digest_is_what_it_was() {
    let file = |path: &str| crate::policy::FileRule {
        path: path.to_owned(),
        access: crate::policy::Access::Protect,
        reason: "a \"reason\"\n".to_owned(),
        origin: Origin::Project,
    };
    let policy = Policy {
        preset: "build".to_owned(),
        files: vec![file("b"), file("a")],
        network: Vec::new(),
        environment: Vec::new(),
        secrets: Vec::new(),
        limits: Limits {
            wall_seconds_max: 1,
            cpu_seconds_max: 2,
            memory_bytes_max: 3,
            processes_max: 4,
            written_bytes_max: 5,
            file_bytes_max: 6,
            open_files_max: 7,
            output_bytes_max: 8,
            connections_max: 9,
            transfer_bytes_max: u64::MAX,
        },
    };
    assert_eq!(policy.digest(), "85bd883e58ac6cb1db332c2e52c2d53ed8a108778792e6c02b10ea78866f03e2");
}

#[test]
fn every_part_counts() {
    let digest = |text: &str| layered(Preset::Build, Some(&document(text)), None).unwrap().digest();
    let all = [
        digest(""),
        digest(&file_rule("a", "read")),
        digest(&file_rule("a", "write")),
        digest(&host_rule("a.b", "")),
        digest(&host_rule("a.b", "private = true")),
        digest(&host_rule("a.b", "headers = { x = 'y' }")),
        digest("[[environment]]\nname='A'\nreason='r'\n"),
        digest("[[environment]]\nname='A'\nreason='s'\n"),
        digest("[[secrets]]\nname='A'\nvariable='B'\nreason='r'\n"),
        digest("[limits]\nopen_files_max = 99\n"),
        digest("preset = 'test'\n"),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(digest("# nothing\n"), digest(""));
}
