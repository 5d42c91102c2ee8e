use super::*;
use crate::model::Factor;
use crate::totp;

const NOW: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn kept(failures: i64, failed_at: Option<i64>, last_step: i64) -> Kept {
    Kept {
        factor: Factor {
            id: "f".to_owned(),
            friendly_name: None,
            kind: FactorKind::Totp,
            verified: true,
            phone: None,
            last_challenged_at: None,
            created_at: at(0),
            updated_at: at(0),
        },
        user_id: "u".to_owned(),
        secret: None,
        credential: Value::Null,
        last_step,
        failures,
        failed_at: failed_at.map(at),
    }
}

fn secret() -> Secret {
    Secret::from_bytes(&[7; totp::SECRET_BYTES]).unwrap()
}

fn right() -> String {
    secret().code(totp::step(NOW))
}

fn wrong() -> String {
    // No code of the three steps that count.
    let near: Vec<String> = (0..3).map(|aside| secret().code(totp::step(NOW) + aside - 1)).collect();
    (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
}

#[test]
fn a_right_code_is_right() {
    let step = i64::try_from(totp::step(NOW)).unwrap();
    assert_eq!(judge(&kept(0, None, 0), &secret(), &right(), at(NOW)), Judged::Right(step));
    assert_eq!(judge(&kept(4, Some(NOW - 1), step - 1), &secret(), &right(), at(NOW)), Judged::Right(step));
}

#[test]
fn wrong_codes_are_counted_from_the_first_one_on() {
    let judged = |failures, failed_at| judge(&kept(failures, failed_at, 0), &secret(), &wrong(), at(NOW));
    assert_eq!(judged(0, None), Judged::Wrong { failures: 1, since: at(NOW) });
    assert_eq!(judged(3, Some(NOW - 299)), Judged::Wrong { failures: 4, since: at(NOW - 299) });
    assert_eq!(judged(4, Some(NOW - 300)), Judged::Wrong { failures: 1, since: at(NOW) });
}

#[test]
fn after_five_wrong_codes_no_code_is_looked_at() {
    let judged = |since| judge(&kept(5, Some(since), 0), &secret(), &right(), at(NOW));
    assert_eq!(judged(NOW), Judged::Locked(300));
    assert_eq!(judged(NOW - 299), Judged::Locked(1));
    assert!(matches!(judged(NOW - 300), Judged::Right(_)));
}

#[test]
fn a_used_code_is_a_wrong_one() {
    let step = i64::try_from(totp::step(NOW)).unwrap();
    let judged = judge(&kept(1, Some(NOW - 9), step), &secret(), &right(), at(NOW));
    assert_eq!(judged, Judged::Wrong { failures: 2, since: at(NOW - 9) });
}
