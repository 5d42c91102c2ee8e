//! The council's rules, by table, and its deterministic members.

use super::reviewers::{advocate, deterministic};
use super::{Ballot, Decision, Opinion, Round, decide};
use crate::tool::{Area, Fact, Finding, Proposal, Severity};

fn finding(rule: &str, severity: Severity) -> Finding {
    Finding {
        rule: rule.into(),
        severity,
        area: Area::Safety,
        subject: "posts".into(),
        message: "bad".into(),
        fix: "mend".into(),
        person: false,
    }
}

fn yes() -> Result<Opinion, String> {
    Ok(Opinion { approves: true, findings: vec![], reason: String::new() })
}

fn no(findings: Vec<Finding>) -> Result<Opinion, String> {
    Ok(Opinion { approves: false, findings, reason: String::new() })
}

fn round(votes: Vec<Result<Opinion, String>>, advocate: Option<Result<Opinion, String>>) -> Round {
    let ballot = |opinion| Ballot { reviewer: "r".into(), opinion };
    Round { ballots: votes.into_iter().map(ballot).collect(), advocate: advocate.map(ballot) }
}

fn rejected(rounds: &[Round]) -> bool {
    matches!(decide(rounds), Decision::Rejected(_))
}

#[test]
fn a_unanimous_vote_hears_the_other_side_first() {
    assert_eq!(decide(&[]), Decision::Convene(vec![]));
    assert_eq!(decide(&[round(vec![yes(), yes(), yes()], None)]), Decision::Advocate);
    assert_eq!(decide(&[round(vec![yes(), yes(), yes()], Some(yes()))]), Decision::Approved);
    assert!(rejected(&[round(vec![yes(), yes(), yes()], Some(Err("timeout".into())))]));
}

#[test]
fn a_reviewer_that_fails_is_no_vote_and_no_quorum_is_no_approval() {
    let gone = || Err("timeout".to_owned());
    assert!(rejected(&[round(vec![yes(), gone(), gone()], None)]));
    assert!(rejected(&[round(vec![gone(), gone(), gone()], None)]));
    assert!(rejected(&[round(vec![], None)]));
    assert_eq!(decide(&[round(vec![yes(), yes(), gone()], Some(yes()))]), Decision::Approved);
}

#[test]
fn critical_and_high_block_until_the_others_drop_them() {
    for severity in [Severity::High, Severity::Critical] {
        let f = finding("X1", severity);
        let first = round(vec![no(vec![f.clone()]), yes(), yes()], None);
        assert_eq!(decide(std::slice::from_ref(&first)), Decision::Convene(vec![f.clone()]));
        let upheld = round(vec![no(vec![f.clone()]), no(vec![f.clone()]), yes()], None);
        let rounds = [first.clone(), upheld.clone(), upheld.clone()];
        assert!(rejected(&rounds), "upheld for three rounds");
        let dropped = round(vec![yes(), yes(), yes()], None);
        assert_eq!(decide(&[first, dropped]), Decision::Approved);
    }
    let low = finding("X2", Severity::Low);
    let noted = Ok(Opinion { approves: true, findings: vec![low], reason: String::new() });
    assert_eq!(decide(&[round(vec![noted, yes(), yes()], Some(yes()))]), Decision::Approved);
}

#[test]
fn findings_freeze_in_round_one() {
    let first = round(vec![no(vec![finding("X1", Severity::High)]), yes(), yes()], None);
    let late = no(vec![finding("NEW", Severity::Critical)]);
    let second = round(vec![late, yes(), yes()], None);
    assert_eq!(decide(&[first, second]), Decision::Approved, "what is raised late does not count");
}

#[test]
fn there_are_at_most_three_rounds() {
    let f = finding("X1", Severity::High);
    let split = || round(vec![no(vec![f.clone()]), no(vec![f.clone()]), yes()], None);
    assert!(matches!(decide(&[split(), split()]), Decision::Convene(_)));
    assert!(rejected(&[split(), split(), split()]));
}

#[test]
fn a_doubt_of_the_advocate_is_voted_on() {
    let f = finding("COUNCIL003", Severity::High);
    let first = round(vec![yes(), yes(), yes()], Some(no(vec![f.clone()])));
    assert_eq!(decide(std::slice::from_ref(&first)), Decision::Convene(vec![f]));
}

fn proposal() -> Proposal {
    let fact = |name: &str, area| Fact { name: name.into(), area, passed: Some(true), detail: String::new() };
    Proposal {
        subject: "ab".into(),
        title: "add posts".into(),
        findings: vec![],
        facts: vec![
            fact("shadow_up_down_up", Area::Safety),
            fact("rls_two_identities", Area::Security),
            fact("backup_verified", Area::Operations),
        ],
        needs_person: None,
        person_alone: false,
        act: vec!["CREATE TABLE posts (id)".into()],
        undo: vec!["DROP TABLE posts".into()],
    }
}

/// Holds the whole council over a proposal.
async fn verdict(proposal: &Proposal) -> Decision {
    let mut rounds: Vec<Round> = Vec::new();
    loop {
        match decide(&rounds) {
            Decision::Convene(open) => {
                let mut ballots = Vec::new();
                for reviewer in deterministic() {
                    let opinion = reviewer.review(proposal, &open).await.opinion;
                    ballots.push(Ballot { reviewer: reviewer.name().to_owned(), opinion });
                }
                rounds.push(Round { ballots, advocate: None });
            }
            Decision::Advocate => {
                let opinion = advocate().review(proposal, &[]).await.opinion;
                rounds.last_mut().unwrap().advocate = Some(Ballot { reviewer: "advocate".into(), opinion });
            }
            end @ (Decision::Approved | Decision::Rejected(_)) => return end,
        }
    }
}

#[tokio::test]
async fn a_sound_proposal_passes() {
    assert_eq!(verdict(&proposal()).await, Decision::Approved);
}

#[tokio::test]
async fn each_missing_failed_or_inconclusive_fact_blocks() {
    for n in 0..3 {
        let mut missing = proposal();
        missing.facts.remove(n);
        assert!(matches!(verdict(&missing).await, Decision::Rejected(_)), "fact {n} missing");
        for passed in [Some(false), None] {
            let mut unsound = proposal();
            unsound.facts[n].passed = passed;
            assert!(matches!(verdict(&unsound).await, Decision::Rejected(_)), "fact {n} is {passed:?}");
        }
    }
    let mut one_way = proposal();
    one_way.undo.clear();
    assert!(matches!(verdict(&one_way).await, Decision::Rejected(_)), "no undo");
}

#[tokio::test]
async fn what_only_a_person_may_decide_blocks_nobody_else() {
    let mut loses = proposal();
    loses.findings.push(Finding { person: true, ..finding("MIG003", Severity::Critical) });
    assert!(matches!(verdict(&loses).await, Decision::Rejected(_)), "nobody is asked");
    loses.needs_person = Some("rows would be lost".into());
    assert_eq!(verdict(&loses).await, Decision::Approved, "a person is asked");
    loses.findings.push(finding("MIG001", Severity::Critical));
    assert!(matches!(verdict(&loses).await, Decision::Rejected(_)), "another finding still blocks");
}
