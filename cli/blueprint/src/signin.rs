//! Ways of signing in, as they are declared: what each needs that only a person has, and how to get it.

use serde_json::{Value, json};

/// What marks a value that is kept elsewhere: `secret:GOOGLE_CLIENT_ID` stands for the value of that name.
const REFERENCE: &str = "secret:";
/// Letters of the name of such a value.
const NAME_BYTES_MAX: usize = 64;

/// A provider that people have accounts at.
struct Account {
    /// Its name, as declarations and clients have it.
    name: &'static str,
    /// Its name for people.
    title: &'static str,
    /// Its issuer, where it is one of OpenID Connect that is not known by name.
    issuer: Option<&'static str>,
    /// Where an application is registered, step by step, up to the redirect URI.
    console: &'static str,
    /// What must be taken from there: the field, the variable, and where it is shown.
    needs: &'static [Need],
}

/// Something that only a person can get.
struct Need {
    field: &'static str,
    variable: &'static str,
    shown: &'static str,
}

const fn need(field: &'static str, variable: &'static str, shown: &'static str) -> Need {
    Need { field, variable, shown }
}

const ACCOUNTS: &[Account] = &[
    Account {
        name: "google",
        title: "Google",
        issuer: None,
        console: "at https://console.cloud.google.com/apis/credentials choose \"Create credentials\", \"OAuth client ID\", type \
                  \"Web application\", and add under \"Authorized redirect URIs\"",
        needs: &[
            need("client_id", "GOOGLE_CLIENT_ID", "\"Client ID\""),
            need("client_secret", "GOOGLE_CLIENT_SECRET", "\"Client secret\""),
        ],
    },
    Account {
        name: "github",
        title: "GitHub",
        issuer: None,
        console: "at https://github.com/settings/developers choose \"New OAuth App\" and enter as \"Authorization callback URL\"",
        needs: &[
            need("client_id", "GITHUB_CLIENT_ID", "\"Client ID\""),
            need(
                "client_secret",
                "GITHUB_CLIENT_SECRET",
                "the secret that \"Generate a new client secret\" shows once",
            ),
        ],
    },
    Account {
        name: "apple",
        title: "Apple",
        issuer: None,
        console: "at https://developer.apple.com/account/resources/identifiers make a Services ID with \"Sign in with Apple\", and \
                  enter under \"Configure\", \"Return URLs\"",
        needs: &[
            need("client_id", "APPLE_CLIENT_ID", "the identifier of the Services ID"),
            need("team_id", "APPLE_TEAM_ID", "the Team ID (\"Membership details\")"),
            need("key_id", "APPLE_KEY_ID", "the Key ID of a key with \"Sign in with Apple\" (\"Keys\")"),
            need(
                "private_key",
                "APPLE_PRIVATE_KEY",
                "the text of that key's file AuthKey_….p8, which can be loaded once",
            ),
        ],
    },
    Account {
        name: "microsoft",
        title: "Microsoft",
        issuer: None,
        console: "at https://entra.microsoft.com choose \"App registrations\", \"New registration\", and enter as redirect URI of the \
                  platform \"Web\"",
        needs: &[
            need("client_id", "MICROSOFT_CLIENT_ID", "\"Application (client) ID\""),
            need(
                "client_secret",
                "MICROSOFT_CLIENT_SECRET",
                "the \"Value\" of a new secret under \"Certificates & secrets\"",
            ),
        ],
    },
    Account {
        name: "gitlab",
        title: "GitLab",
        issuer: None,
        console: "at https://gitlab.com/-/user_settings/applications choose \"Add new application\" with the scopes openid, profile and \
                  email, and enter as \"Redirect URI\"",
        needs: &[
            need("client_id", "GITLAB_CLIENT_ID", "\"Application ID\""),
            need("client_secret", "GITLAB_CLIENT_SECRET", "\"Secret\""),
        ],
    },
    Account {
        name: "discord",
        title: "Discord",
        issuer: None,
        console: "at https://discord.com/developers/applications choose \"New Application\", \"OAuth2\", and add under \"Redirects\"",
        needs: &[
            need("client_id", "DISCORD_CLIENT_ID", "\"Client ID\""),
            need("client_secret", "DISCORD_CLIENT_SECRET", "the secret that \"Reset Secret\" shows once"),
        ],
    },
    Account {
        name: "slack",
        title: "Slack",
        issuer: None,
        console: "at https://api.slack.com/apps choose \"Create New App\", \"OAuth & Permissions\", and add under \"Redirect URLs\"",
        needs: &[
            need("client_id", "SLACK_CLIENT_ID", "\"Client ID\" (\"Basic Information\")"),
            need("client_secret", "SLACK_CLIENT_SECRET", "\"Client Secret\" (\"Basic Information\")"),
        ],
    },
    Account {
        name: "linkedin",
        title: "LinkedIn",
        issuer: Some("https://www.linkedin.com/oauth"),
        console: "at https://www.linkedin.com/developers/apps choose \"Create app\", ask under \"Products\" for \"Sign In with LinkedIn \
                  using OpenID Connect\", and add under \"Auth\", \"Authorized redirect URLs\"",
        needs: &[
            need("client_id", "LINKEDIN_CLIENT_ID", "\"Client ID\" (\"Auth\")"),
            need("client_secret", "LINKEDIN_CLIENT_SECRET", "\"Primary Client Secret\" (\"Auth\")"),
        ],
    },
    Account {
        name: "kakao",
        title: "Kakao",
        issuer: Some("https://kauth.kakao.com"),
        console: "at https://developers.kakao.com/console/app add an application, activate \"Kakao Login\" with \"OpenID Connect\", \
                  and enter as \"Redirect URI\"",
        needs: &[
            need("client_id", "KAKAO_CLIENT_ID", "\"REST API key\""),
            need("client_secret", "KAKAO_CLIENT_SECRET", "the code under \"Client secret\""),
        ],
    },
    Account {
        name: "twitch",
        title: "Twitch",
        issuer: Some("https://id.twitch.tv/oauth2"),
        console: "at https://dev.twitch.tv/console/apps choose \"Register Your Application\" and add under \"OAuth Redirect URLs\"",
        needs: &[
            need("client_id", "TWITCH_CLIENT_ID", "\"Client ID\""),
            need("client_secret", "TWITCH_CLIENT_SECRET", "the secret that \"New Secret\" shows once"),
        ],
    },
    Account {
        name: "yahoo",
        title: "Yahoo",
        issuer: Some("https://api.login.yahoo.com"),
        console: "at https://developer.yahoo.com/apps choose \"Create an App\" with \"OpenID Connect Permissions\", and enter as \
                  \"Redirect URI\"",
        needs: &[
            need("client_id", "YAHOO_CLIENT_ID", "\"Client ID (Consumer Key)\""),
            need("client_secret", "YAHOO_CLIENT_SECRET", "\"Client Secret (Consumer Secret)\""),
        ],
    },
    // A document that says "OAuth" or "SAML" and no name leaves the choice to whoever runs it.
    OIDC,
];

const OIDC: Account = Account {
    name: "oidc",
    title: "an identity provider of your own (OpenID Connect)",
    issuer: None,
    console: "register an application of the type \"Web\" at the identity provider, with the redirect URI",
    needs: &[
        need(
            "issuer",
            "OIDC_ISSUER",
            "its issuer, the address under which it has /.well-known/openid-configuration",
        ),
        need("client_id", "OIDC_CLIENT_ID", "the client's identifier"),
        need("client_secret", "OIDC_CLIENT_SECRET", "the client's secret"),
    ],
};

/// Ways of signing in that need nobody else, by the names that documents have for them.
const OWN: &[(&str, &str)] = &[
    ("email-password", "password"),
    ("magic-link", "otp"),
    ("anonymous", "anonymous"),
    ("totp", "totp"),
    ("passkey", "passkey"),
];

/// The name under which a way of signing in is declared. What a document calls `oauth` or `saml` is OpenID
/// Connect with an issuer that a person names.
pub(crate) fn declared_name(asked: &str) -> &str {
    if matches!(asked, "oauth" | "saml") { OIDC.name } else { asked }
}

/// What is declared of a way of signing in. Its `method` is `password`, `otp`, `anonymous`, `totp`, `passkey`,
/// `oauth`, or `none` for what cannot be had yet. What only a person has is there by reference.
pub fn default_spec(name: &str) -> Value {
    if let Some((_, method)) = OWN.iter().find(|(own, _)| *own == name) {
        return json!({ "method": method });
    }
    let Some(account) = account(name) else { return json!({ "method": "none" }) };
    let mut spec = serde_json::Map::from_iter([("method".to_owned(), json!("oauth"))]);
    if let Some(issuer) = account.issuer {
        spec.insert("issuer".to_owned(), json!(issuer));
    }
    for need in account.needs {
        spec.insert(need.field.to_owned(), json!(format!("{REFERENCE}{}", need.variable)));
    }
    Value::Object(spec)
}

/// The variables that declarations of these ways of signing in refer to.
pub(crate) fn variables(names: &[&str]) -> Vec<&'static str> {
    let accounts = names.iter().filter_map(|name| account(name));
    accounts.flat_map(|account| account.needs.iter().map(|need| need.variable)).collect()
}

/// The names of values that must be found in no file: what shows a provider that the application is itself.
pub fn secret_variables() -> impl Iterator<Item = &'static str> {
    let needs = ACCOUNTS.iter().flat_map(|account| account.needs);
    let secret = |need: &&Need| matches!(need.field, "client_secret" | "private_key");
    needs.filter(secret).map(|need| need.variable)
}

fn account(name: &str) -> Option<&'static Account> {
    ACCOUNTS.iter().find(|account| account.name == name)
}

/// The name that a value refers to: `GOOGLE_CLIENT_ID` for `secret:GOOGLE_CLIENT_ID`. `None` for a value that is
/// no reference, or refers to no name that a variable can have (A-Z, 0-9, `_`, at most 64).
pub fn reference(value: &str) -> Option<&str> {
    let name = value.strip_prefix(REFERENCE)?;
    let starts = name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_');
    let plain = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (starts && plain && name.len() <= NAME_BYTES_MAX).then_some(name)
}

/// The names that a declaration refers to, in the order in which they are to be got.
pub fn references(provider: &str, spec: &Value) -> Vec<String> {
    let fields = spec.as_object().into_iter().flatten();
    let mut named: Vec<(usize, String)> = fields
        .filter_map(|(field, value)| {
            let needs = account(provider).map_or(&[][..], |account| account.needs);
            let place = needs.iter().position(|need| need.field == field).unwrap_or(needs.len());
            Some((place, reference(value.as_str()?)?.to_owned()))
        })
        .collect();
    named.sort();
    named.dedup();
    named.into_iter().map(|(_, name)| name).collect()
}

/// What a person must do so that a declared way of signing in gets the value called `variable`. `callback` is
/// where the provider sends people back: `https://api.example.org/auth/v1/callback`.
pub fn steps(provider: &str, variable: &str, callback: &str) -> String {
    let account = account(provider);
    let need = account.and_then(|account| account.needs.iter().find(|need| need.variable == variable));
    let (title, console) =
        account.map_or((provider, OIDC.console), |account| (account.title, account.console));
    let shown = need.map_or("the value", |need| need.shown);
    format!(
        "{variable} is not set, and sign-in with {title} is off until it is: {console} {callback}; then take {shown} and set it \
         as the environment variable {variable} of the server, or put it with `loki forge auth providers set {variable}`, which reads \
         it from standard input"
    )
}

/// Why a declared way of signing in cannot be had, and what could be had instead; `None` for one that can.
pub fn unavailable(provider: &str, spec: &Value) -> Option<String> {
    (spec["method"] == "none").then(|| match provider {
        "phone" => "codes by text message need a service that sends them, and none can be set yet; codes by e-mail are there \
                    (`magic-link`)"
            .to_owned(),
        _ => format!(
            "{provider} has no OpenID Connect that could be used; people can sign in in another way, such as by e-mail"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_nobody_has_no_references() {
        for (name, method) in OWN {
            assert_eq!(default_spec(name)["method"], *method);
            assert!(references(name, &default_spec(name)).is_empty());
            assert_eq!(unavailable(name, &default_spec(name)), None);
        }
    }

    #[test]
    fn a_provider_needs_what_only_a_person_has_and_says_how_to_get_it() {
        let google = default_spec("google");
        assert_eq!(
            google,
            json!({ "method": "oauth", "client_id": "secret:GOOGLE_CLIENT_ID", "client_secret": "secret:GOOGLE_CLIENT_SECRET" })
        );
        assert_eq!(references("google", &google), ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"]);
        let told = steps("google", "GOOGLE_CLIENT_SECRET", "https://a.example/auth/v1/callback");
        for part in [
            "console.cloud.google.com",
            "https://a.example/auth/v1/callback",
            "\"Client secret\"",
            "GOOGLE_CLIENT_SECRET",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        for account in ACCOUNTS {
            let spec = default_spec(account.name);
            assert_eq!(references(account.name, &spec).len(), account.needs.len(), "{}", account.name);
            for name in references(account.name, &spec) {
                assert!(!steps(account.name, &name, "x").contains("take the value and"), "{name}");
            }
        }
    }

    #[test]
    fn what_must_be_found_nowhere_is_known() {
        let found: Vec<&str> = secret_variables().collect();
        assert!(found.contains(&"GOOGLE_CLIENT_SECRET") && found.contains(&"APPLE_PRIVATE_KEY"));
        assert!(!found.contains(&"GOOGLE_CLIENT_ID"), "it is in every page that signs people in");
    }

    #[test]
    fn only_names_that_a_variable_can_have_are_references() {
        for value in ["", "secret:", "secret:a", "secret:A/B", "secret:../X", "secret:1A", "SECRET:A", "A"] {
            assert_eq!(reference(value), None, "{value}");
        }
        assert_eq!(reference("secret:A_1"), Some("A_1"));
        assert_eq!(reference(&format!("secret:{}", "A".repeat(65))), None);
    }

    #[test]
    fn what_cannot_be_had_says_so() {
        for name in ["phone", "wechat", "facebook"] {
            assert!(unavailable(name, &default_spec(name)).is_some(), "{name}");
        }
        assert_eq!(default_spec(declared_name("saml")), default_spec("oidc"));
    }
}
