use super::*;
use crate::oauth::discovery::ClientAuth;
use crate::oauth::provider::{Credential, Registration};

fn person(name: &str, issuer: &str, claims: Value) -> Profile {
    let registration = Registration {
        name: name.to_owned(),
        client_id: "app".to_owned(),
        other_client_ids: Vec::new(),
        credential: Credential::Secret("secret".to_owned()),
        issuer: Some(issuer.to_owned()),
        scopes: Vec::new(),
    };
    let metadata = Metadata {
        issuer: issuer.replace("common", "{tenantid}"),
        authorization_endpoint: Url::parse(issuer).unwrap(),
        token_endpoint: Url::parse(issuer).unwrap(),
        device_authorization_endpoint: None,
        userinfo_endpoint: None,
        jwks_uri: None,
        names_issuer: false,
        client_auth: ClientAuth::Body,
    };
    let Value::Object(mut all) = claims else { panic!() };
    all.entry("sub").or_insert(json!("1"));
    Profile::of_claims(&Provider::new(registration).unwrap(), &metadata, all).unwrap()
}

fn oidc(claims: Value) -> Profile {
    person("corporate", "https://op.example", claims)
}

#[test]
fn an_address_counts_only_where_the_provider_vouches_for_it() {
    let cases = [
        (json!(true), true),
        (json!("true"), true),
        (json!(1), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("yes"), false),
        (json!(null), false),
        (json!([true]), false),
    ];
    for (said, is_verified) in cases {
        let profile = oidc(json!({ "email": "a@b.example", "email_verified": said }));
        assert_eq!(profile.email_verified, is_verified, "{said}");
    }
    assert!(!oidc(json!({ "email_verified": true })).email_verified, "there is no address");
}

#[test]
fn tenants_of_microsoft_give_their_people_any_address() {
    let shared = "https://login.microsoftonline.com/common/v2.0";
    let own = "https://login.microsoftonline.com/4f3f0d6e-0000-4000-8000-000000000000/v2.0";
    let claims = json!({ "email": "ada@example.org", "email_verified": true });
    assert!(!person("azure", shared, claims.clone()).email_verified);
    assert!(person("azure", own, claims).email_verified, "the operator has chosen this one");
    for checked in [json!(true), json!("1"), json!(1)] {
        let claims = json!({ "email": "ada@example.org", "xms_edov": checked });
        assert!(person("azure", shared, claims).email_verified);
    }
    let claims = json!({ "email": "ada@example.org", "xms_edov": "0" });
    assert!(!person("azure", shared, claims).email_verified);
}

#[test]
fn what_is_no_address_name_or_picture_is_left_out() {
    for odd in [
        "",
        "ada",
        "@b.example",
        "ada@",
        "a da@b.example",
        "ada@b.example\r\nBcc: x@y.example",
        "<a>@b.example",
        "a@b@c.example",
        &format!("{}@b.example", "a".repeat(250)),
    ] {
        assert_eq!(oidc(json!({ "email": odd, "email_verified": true })).email, None, "{odd}");
    }
    for odd in ["javascript:alert(1)", "http://b.example/a.png", "data:image/png;base64,", &"h".repeat(3_000)]
    {
        assert_eq!(oidc(json!({ "picture": odd })).avatar_url, None, "{odd}");
    }
    let profile = oidc(json!({ "name": " A\u{0}d\na ", "picture": "https://b.example/a.png" }));
    assert_eq!(profile.name.as_deref(), Some("Ada"));
    assert_eq!(profile.avatar_url.as_deref(), Some("https://b.example/a.png"));
    assert_eq!(oidc(json!({ "name": "\u{e9}".repeat(200) })).name.unwrap().len(), 256);
    assert_eq!(oidc(json!({ "given_name": "Ada", "family_name": "L" })).name.as_deref(), Some("Ada L"));
    assert_eq!(oidc(json!({ "x": "y".repeat(20_000) })).raw, Map::new());
}

#[test]
fn apple_gives_the_name_by_way_of_the_browser() {
    let mut profile = oidc(json!({ "email": "a@b.example", "email_verified": "true" }));
    let user = r#"{"name":{"firstName":"Ada","lastName":"L"},"email":"root@b.example","sub":"2"}"#;
    profile.named_by_apple(user);
    assert_eq!(profile.name.as_deref(), Some("Ada L"));
    assert_eq!((profile.email.as_deref(), profile.subject.as_str()), (Some("a@b.example"), "1"));
    profile.named_by_apple(r#"{"name":{"firstName":"Eve"}}"#);
    profile.named_by_apple("nonsense");
    assert_eq!(profile.name.as_deref(), Some("Ada L"));
}

#[test]
fn data_has_the_names_that_clients_know() {
    let profile = oidc(json!({
        "email": "a@b.example", "name": "Ada", "preferred_username": "ada", "picture": "https://b.example/a.png",
    }));
    let expected = json!({
        "iss": "https://op.example", "sub": "1", "provider_id": "1", "email": "a@b.example",
        "email_verified": false, "phone_verified": false, "name": "Ada", "full_name": "Ada",
        "user_name": "ada", "preferred_username": "ada", "avatar_url": "https://b.example/a.png",
        "picture": "https://b.example/a.png",
    });
    assert_eq!(Value::Object(profile.data()), expected);
}

#[test]
fn only_the_primary_verified_address_of_github_counts() {
    let entry = |email: &str, primary: bool, verified: bool| json!({ "email": email, "primary": primary, "verified": verified, "visibility": null });
    let first = [entry("a@b.example", false, true), entry("C@b.example", true, true)];
    assert_eq!(primary(&first).as_deref(), Some("c@b.example"));
    assert_eq!(primary(&[entry("a@b.example", true, false), entry("c@b.example", false, true)]), None);
    assert_eq!(primary(&[json!("a@b.example"), json!({ "primary": "true", "verified": "true" })]), None);
}
