//! What mails say where the settings do not say it.

use super::Kind;

/// Subject, plain body and HTML body.
pub(super) struct Default {
    pub(super) subject: &'static str,
    pub(super) text: String,
    pub(super) html: String,
}

/// The words of a mail: what happened, what the link does, and what to do if it was somebody else.
struct Words {
    subject: &'static str,
    happened: &'static str,
    link: Option<&'static str>,
    otherwise: &'static str,
}

pub(super) fn of(kind: Kind) -> Default {
    let words = words(kind);
    Default { subject: words.subject, text: text(&words), html: html(&words) }
}

fn words(kind: Kind) -> Words {
    const IGNORE: &str = "If this was not you, you can ignore this mail.";
    match kind {
        Kind::Confirmation => Words {
            subject: "Confirm your e-mail address",
            happened: "Somebody signed up at {{ .SiteURL }} with this e-mail address.",
            link: Some("Confirm the address"),
            otherwise: IGNORE,
        },
        Kind::Recovery => Words {
            subject: "Set a new password",
            happened: "Somebody asked for a new password for your account at {{ .SiteURL }}.",
            link: Some("Set a new password"),
            otherwise: "If this was not you, you can ignore this mail: your password stays as it is.",
        },
        Kind::MagicLink => Words {
            subject: "Sign in",
            happened: "Somebody wants to sign in to your account at {{ .SiteURL }}.",
            link: Some("Sign in"),
            otherwise: "If this was not you, you can ignore this mail. Tell nobody the code.",
        },
        Kind::Invite => Words {
            subject: "You are invited",
            happened: "You are invited to have an account at {{ .SiteURL }}.",
            link: Some("Accept the invitation"),
            otherwise: "If you do not want one, you can ignore this mail.",
        },
        Kind::EmailChange => Words {
            subject: "Confirm the change of your e-mail address",
            happened: "The account of {{ .Email }} at {{ .SiteURL }} is to have the address {{ .NewEmail }} instead.",
            link: Some("Confirm the change"),
            otherwise: "If this was not you, do not follow the link, and change your password.",
        },
        Kind::Reauthentication => Words {
            subject: "Your code",
            happened: "A change of your account at {{ .SiteURL }} needs this code.",
            link: None,
            otherwise: "If this was not you, tell nobody the code, and change your password.",
        },
    }
}

fn text(words: &Words) -> String {
    let link = words.link.map_or_else(String::new, |link| format!("{link}:\n{{{{ .ConfirmationURL }}}}\n\n"));
    let code = if words.link.is_some() { "Or enter this code" } else { "Code" };
    format!("{}\n\n{link}{code}: {{{{ .Token }}}}\n\n{}\n", words.happened, words.otherwise)
}

fn html(words: &Words) -> String {
    let link = words.link.map_or_else(String::new, |link| {
        format!("<p><a href=\"{{{{ .ConfirmationURL }}}}\">{link}</a></p>\n")
    });
    let code = if words.link.is_some() { "Or enter this code" } else { "Code" };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n\
         <body style=\"font-family: sans-serif; line-height: 1.5\">\n<p>{}</p>\n{link}\
         <p>{code}: <strong>{{{{ .Token }}}}</strong></p>\n<p>{}</p>\n</body>\n</html>\n",
        words.subject, words.happened, words.otherwise
    )
}
