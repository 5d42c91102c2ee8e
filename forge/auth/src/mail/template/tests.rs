use serde_json::json;

use super::*;

const LINK: &str =
    "https://app.example/auth/v1/verify?token=h4sh&type=signup&redirect_to=https://app.example/in";

fn ann() -> Address {
    Address::parse("ann@example.org").unwrap()
}

fn data(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn values<'a>(data: &'a Map<String, Value>) -> Values<'a> {
    Values {
        confirmation_url: Some(LINK),
        token: Some("314159"),
        token_hash: Some("h4sh"),
        site_url: "https://app.example",
        redirect_to: "https://app.example/in?a=1&b=2",
        email: "ann@example.org",
        new_email: Some("lee@example.org"),
        data,
    }
}

fn changed(kind: Kind, text: TemplateText) -> Result<Templates, TemplateError> {
    Templates::read(&BTreeMap::from([(kind, text)]))
}

fn with_html(html: &str) -> TemplateText {
    TemplateText { html: Some(html.to_owned()), ..TemplateText::default() }
}

fn composed(text: TemplateText, told: Value) -> Mail {
    let data = data(told);
    changed(Kind::EmailChange, text).unwrap().compose(Kind::EmailChange, &ann(), &values(&data)).unwrap()
}

#[test]
fn every_kind_has_a_built_in_mail_with_a_code_and_where_it_fits_a_link() {
    let (templates, nothing) = (Templates::read(&BTreeMap::new()).unwrap(), Map::new());
    for kind in Kind::ALL {
        let mail = templates.compose(kind, &ann(), &values(&nothing)).unwrap();
        assert_eq!(mail.code(), Some("314159"));
        assert!(mail.text().contains("314159") && mail.html().contains("<strong>314159</strong>"), "{kind}");
        assert!(!mail.text().contains("{{") && !mail.html().contains("{{") && !mail.subject().contains("{{"));
        let first = mail.links().first().map(String::as_str);
        let link = if kind == Kind::Reauthentication { "https://app.example" } else { LINK };
        assert_eq!(first, Some(link), "{kind}: the first link is the one to follow");
        assert!(!mail.html().contains("<img"));
    }
    let mail = templates.compose(Kind::EmailChange, &ann(), &values(&nothing)).unwrap();
    assert!(mail.text().contains("ann@example.org") && mail.text().contains("lee@example.org"));
}

#[test]
fn the_settings_replace_what_they_name() {
    let told = json!({ "name": "Ann", "age": 7, "deep": { "er": true }, "list": [1] });
    let text = TemplateText {
        subject: Some(
            "Hi {{.Data.name}}, {{ .Data.age }} {{ .Data.deep.er }}{{ .Data.list }}{{ .Data.no }}".to_owned(),
        ),
        ..TemplateText::default()
    };
    let mail = composed(text, told);
    assert_eq!(mail.subject(), "Hi Ann, 7 true");
    assert!(mail.html().contains(">Confirm the change</a>"), "the body stays");

    let mail = composed(with_html("<p>Go <a href=\"{{ .ConfirmationURL }}\">on</a></p>"), json!({}));
    assert_eq!(mail.html(), format!("<p>Go <a href=\"{}\">on</a></p>", LINK.replace('&', "&amp;")));
    assert_eq!(mail.text(), format!("Go on <{LINK}>\n"));
    assert_eq!(mail.links(), [LINK]);
}

#[test]
fn values_are_escaped_where_they_stand() {
    let html = "<p title='{{ .Data.x }}'>{{ .Data.x }}</p><a href=\"{{ .Data.x }}\">x</a>\
                <a href=\"{{ .SiteURL }}/c?t={{ .TokenHash }}&amp;to={{ .RedirectTo }}&amp;x={{ .Data.x }}\">y</a>";
    let evil = "javascript://%0a'\"><script>alert(`1`)</script>&";
    let mail = composed(with_html(html), json!({ "x": evil }));
    let safe = "javascript://%0a&#39;&quot;&gt;&lt;script&gt;alert(&#96;1&#96;)&lt;/script&gt;&amp;";
    let to = "https%3A%2F%2Fapp.example%2Fin%3Fa%3D1%26b%3D2";
    let x = "javascript%3A%2F%2F%250a%27%22%3E%3Cscript%3Ealert%28%601%60%29%3C%2Fscript%3E%26";
    assert_eq!(
        mail.html(),
        format!(
            "<p title='{safe}'>{safe}</p><a href=\"#\">x</a>\
             <a href=\"https://app.example/c?t=h4sh&amp;to={to}&amp;x={x}\">y</a>"
        )
    );
    assert_eq!(
        mail.links(),
        [format!("https://app.example/c?t=h4sh&to={to}&x={x}")],
        "and in the plain body"
    );
}

#[test]
fn what_users_say_of_themselves_is_one_short_line() {
    let text = TemplateText { subject: Some("Hi {{ .Data.name }}!".to_owned()), ..TemplateText::default() };
    let mail = composed(text.clone(), json!({ "name": "A\r\nBcc: eve@example.org\u{2028}\u{202e}x" }));
    assert_eq!(mail.subject(), "Hi A  Bcc: eve@example.org  x!");
    assert_eq!(composed(text, json!({ "name": "a".repeat(900) })).subject().len(), SUBJECT_CHARS_MAX);
    let html = with_html("{{ .Token }}{{ .Data.name }}");
    assert_eq!(composed(html, json!({ "name": "a".repeat(900) })).html().len(), 6 + DATA_CHARS_MAX);
}

#[test]
fn a_value_with_a_line_break_is_in_no_mail() {
    let (templates, nothing) = (Templates::read(&BTreeMap::new()).unwrap(), Map::new());
    let good = values(&nothing);
    let long = "a".repeat(VALUE_BYTES_MAX + 1);
    for bad in ["https://app.example/\r\nBcc: eve@example.org", "a\0", &long] {
        for values in [
            Values { confirmation_url: Some(bad), ..good },
            Values { token: Some(bad), ..good },
            Values { token_hash: Some(bad), ..good },
            Values { site_url: bad, ..good },
            Values { redirect_to: bad, ..good },
            Values { email: bad, ..good },
            Values { new_email: Some(bad), ..good },
        ] {
            let refused = templates.compose(Kind::Invite, &ann(), &values);
            assert!(matches!(refused, Err(MailError::Value { .. })), "{bad:.20}");
        }
    }
}

#[test]
fn an_unknown_placeholder_is_found_when_the_settings_are_read() {
    for placeholder in [
        "",
        " ",
        " . ",
        " Token ",
        " .token ",
        " .Tokens ",
        " if .Token ",
        " .Token | html ",
        "- .Token -",
        " .Data ",
        " .Data. ",
        " .Data.a.b.c.d.e ",
        " .Data.a-b ",
        " .Data.\u{e4} ",
        "{ .Token }",
    ] {
        let html = format!("{{{{ .Token }}}}{{{{{placeholder}}}}}");
        let error = changed(Kind::Invite, with_html(&html)).unwrap_err();
        assert!(matches!(error, TemplateError::Unknown { .. }), "{placeholder}: {error:?}");
    }
    let open = changed(Kind::Invite, with_html("{{ .Token }} {{ .Email")).unwrap_err();
    assert!(open.to_string().is_ascii(), "an open brace is taken as far as the text goes: {open}");
}

#[test]
fn a_template_that_cannot_work_is_refused() {
    let refused = |kind, text| changed(kind, text).unwrap_err();
    let subject = |text: &str| TemplateText { subject: Some(text.to_owned()), ..TemplateText::default() };
    assert!(matches!(
        refused(Kind::Invite, with_html("<p>Hello</p>")),
        TemplateError::Useless { part: Part::Html, .. }
    ));
    let text = TemplateText { text: Some("Hello".to_owned()), ..TemplateText::default() };
    assert!(matches!(refused(Kind::Invite, text), TemplateError::Useless { part: Part::Text, .. }));
    for name in ["ConfirmationURL", "TokenHash", "RedirectTo", "NewEmail"] {
        let html = with_html(&format!("{{{{ .Token }}}} {{{{ .{name} }}}}"));
        assert!(matches!(refused(Kind::Reauthentication, html), TemplateError::Unset { .. }), "{name}");
    }
    assert!(matches!(refused(Kind::Invite, with_html("{{ .NewEmail }}")), TemplateError::Unset { .. }));
    let html = with_html("<a href={{ .ConfirmationURL }}>x</a>");
    assert!(matches!(refused(Kind::Invite, html), TemplateError::Misplaced { .. }));
    assert!(matches!(refused(Kind::Invite, subject("a\nb")), TemplateError::Lines { .. }));
    assert!(matches!(refused(Kind::Invite, subject(&"a".repeat(256))), TemplateError::Long { .. }));
    let long = |more: usize| {
        with_html(&format!("{{{{ .Token }}}}{}", "a".repeat(BODY_TEMPLATE_BYTES_MAX - 12 + more)))
    };
    assert!(changed(Kind::Invite, long(0)).is_ok());
    assert!(matches!(refused(Kind::Invite, long(1)), TemplateError::Long { .. }));
    let many = with_html(&"{{ .Token }}".repeat(65));
    assert!(matches!(refused(Kind::Invite, many), TemplateError::Long { .. }));
}

#[test]
fn settings_are_strict() {
    let read = serde_json::from_value::<BTreeMap<Kind, TemplateText>>;
    assert!(read(json!({ "magic_link": { "subject": "Hi", "html": "x", "text": "y" } })).is_ok());
    assert!(read(json!({ "magic_link": { "body": "x" } })).is_err());
    assert!(read(json!({ "magiclink": {} })).is_err());
}
