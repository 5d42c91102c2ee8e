use loki_store::Timestamp;

use super::*;

const ADDRESS: &str = "ada@example.org";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// Somebody with the address, confirmed or not.
fn user(is_confirmed: bool) -> User {
    let mut user = User::new("1".to_owned(), now());
    user.email = Some(ADDRESS.to_owned());
    user.email_confirmed_at = is_confirmed.then(now);
    user.password = Some("hash".to_owned());
    user
}

/// The same, who has come from a provider that has checked the address, or has not.
fn vouched_for(is_verified: bool) -> User {
    let mut user = user(true);
    let mut identity = Identity::of_email("2".to_owned(), "1", ADDRESS, is_verified, now());
    identity.provider = "google".to_owned();
    user.identities = vec![identity];
    user
}

#[test]
fn whose_account_it_is() {
    let on = Settings::default();
    let off = Settings { confirm_email: false, ..Settings::default() };
    let closed = Settings { signup: false, ..Settings::default() };
    let known = |user| There { known: Some(user), ..There::default() };
    let namesake = |user| There { namesake: Some(user), ..There::default() };
    let cases = [
        (&on, known(user(true)), Ok(Fate::Return), "the same as last time"),
        (&closed, known(user(true)), Ok(Fate::Return), "nobody new"),
        (&on, known(user(false)), Ok(Fate::Confirm), "the address was only said until now"),
        (&on, namesake(user(true)), Ok(Fate::Link), "both sides have checked it"),
        (&closed, namesake(user(true)), Ok(Fate::Link), "nobody new"),
        (&on, namesake(user(false)), Ok(Fate::TakeOver), "anybody may have said it"),
        (&off, namesake(user(true)), Ok(Fate::TakeOver), "nobody has checked it, whatever is noted"),
        (&off, namesake(vouched_for(true)), Ok(Fate::Link), "another provider has"),
        (&off, namesake(vouched_for(false)), Ok(Fate::TakeOver), "another provider has not"),
        (&on, There::default(), Ok(Fate::Make), "nobody has it"),
        (&closed, There::default(), Err(Code::SignupDisabled), "nobody may come"),
    ];
    for (settings, there, expected, why) in cases {
        let decided = decide(settings, false, Some(ADDRESS), &there).map_err(|error| error.code);
        assert_eq!(decided, expected, "{why}");
    }
    let mut other = user(false);
    other.email = Some("other@example.org".to_owned());
    let decided = decide(&on, false, Some(ADDRESS), &known(other));
    assert_eq!(decided, Ok(Fate::Return), "another address is not confirmed by this one");
    assert_eq!(decide(&on, false, None, &known(user(false))), Ok(Fate::Return), "nothing was checked");
}

#[test]
fn linking_takes_nobody_elses_identity() {
    let settings = Settings::default();
    let free = There { linking: Some(user(true)), namesake: Some(user(true)), ..There::default() };
    assert_eq!(decide(&settings, true, Some(ADDRESS), &free), Ok(Fate::Link));
    let taken = There { known: Some(user(true)), linking: Some(user(true)), ..There::default() };
    let decided = decide(&settings, true, Some(ADDRESS), &taken).map_err(|error| error.code);
    assert_eq!(decided, Err(Code::IdentityAlreadyExists));
}

#[test]
fn refusals_name_what_went_wrong() {
    let cases = [
        (OauthError::State, Code::BadOauthState),
        (OauthError::MixedUp, Code::BadOauthCallback),
        (OauthError::IdToken(crate::oauth::id_token::IdTokenError::Nonce), Code::BadOauthCallback),
        (OauthError::Status { attempt: "get tokens", status: 502 }, Code::Unavailable),
        (OauthError::Unsupported { what: "flow for devices" }, Code::OauthProviderNotSupported),
        (OauthError::Key, Code::UnexpectedFailure),
    ];
    for (error, code) in cases {
        assert_eq!(refusal(error).code, code);
    }
    let nonce = refusal(OauthError::IdToken(crate::oauth::id_token::IdTokenError::Nonce));
    assert_eq!(nonce.message, "the ID token of the provider does not hold: its nonce is another one");
}
