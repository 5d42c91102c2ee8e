use super::*;

fn registration(name: &str) -> Registration {
    let credential = match name {
        "apple" => Credential::Apple {
            team_id: "TEAM".to_owned(),
            key_id: "KEY".to_owned(),
            private_key: "-----BEGIN".to_owned(),
        },
        _ => Credential::Secret("hunter2".to_owned()),
    };
    Registration {
        name: name.to_owned(),
        client_id: "app".to_owned(),
        other_client_ids: Vec::new(),
        credential,
        issuer: None,
        scopes: Vec::new(),
    }
}

#[test]
fn providers_that_are_known_by_name() {
    let issuers = [
        ("google", "https://accounts.google.com"),
        ("apple", "https://appleid.apple.com"),
        ("azure", "https://login.microsoftonline.com/common/v2.0"),
        ("microsoft", "https://login.microsoftonline.com/common/v2.0"),
        ("gitlab", "https://gitlab.com"),
        ("slack", "https://slack.com"),
        ("slack_oidc", "https://slack.com"),
    ];
    for (name, issuer) in issuers {
        let provider = Provider::new(registration(name)).unwrap();
        assert!(provider.has_id_tokens() && provider.is_of(issuer), "{name}");
        assert_eq!(provider.has_many_tenants(), matches!(name, "azure" | "microsoft"), "{name}");
        assert!(!format!("{provider:?}").contains("hunter2"), "{name}");
    }
    for (name, token) in [
        ("github", "https://github.com/login/oauth/access_token"),
        ("discord", "https://discord.com/api/oauth2/token"),
    ] {
        let provider = Provider::new(registration(name)).unwrap();
        let Source::Known(known) = &provider.source else { panic!("{name}") };
        assert_eq!(known.metadata.token_endpoint.as_str(), token);
        assert!(!provider.has_id_tokens());
    }
}

#[test]
fn registrations_that_cannot_be_used() {
    let with = |change: &dyn Fn(&mut Registration)| {
        let mut registration = registration("google");
        change(&mut registration);
        Provider::new(registration).map(|_| ())
    };
    assert_eq!(with(&|_| ()), Ok(()));
    for name in ["", "Google", "a b", "../x", &"a".repeat(41)] {
        assert_eq!(with(&|r| r.name = name.to_owned()), Err(ProviderError::Name), "{name}");
    }
    for id in ["", "a b", "a\n", &"a".repeat(513)] {
        assert_eq!(with(&|r| r.client_id = id.to_owned()), Err(ProviderError::Client), "{id}");
    }
    assert_eq!(with(&|r| r.other_client_ids = vec!["x".to_owned(); 16]), Err(ProviderError::Client));
    assert_eq!(with(&|r| r.name = "corporate".to_owned()), Err(ProviderError::NoIssuer));
    for issuer in [
        "",
        "accounts.example",
        "http://accounts.example",
        "https://a.example/?x",
        "https://a.example/#x",
        "https://u:p@a.example",
        "file:///etc/passwd",
    ] {
        assert_eq!(with(&|r| r.issuer = Some(issuer.to_owned())), Err(ProviderError::Issuer), "{issuer}");
    }
    for scope in ["", "a b", "a\"b", "a\\b", "a\u{e9}"] {
        assert_eq!(with(&|r| r.scopes = vec![scope.to_owned()]), Err(ProviderError::Scope), "{scope}");
    }
    assert_eq!(with(&|r| r.credential = registration("apple").credential), Err(ProviderError::Credential));
    assert_eq!(with(&|r| r.name = "apple".to_owned()), Err(ProviderError::Credential));
}

#[test]
fn a_server_of_ones_own() {
    let mut own = registration("github");
    own.issuer = Some("https://git.example/".to_owned());
    let Source::Known(known) = Provider::new(own).unwrap().source else { panic!() };
    assert_eq!(known.metadata.authorization_endpoint.as_str(), "https://git.example/login/oauth/authorize");
    assert_eq!(known.metadata.userinfo_endpoint.unwrap().as_str(), "https://git.example/api/v3/user");
    assert_eq!(known.emails.unwrap().as_str(), "https://git.example/api/v3/user/emails");
}
