//! Templates of mails: the built-in ones, or those of the settings, with placeholders as users of Supabase know
//! them.
//!
//! A placeholder is replaced by a value and that is all: there are no conditions and no loops. Values are escaped
//! for the place where they stand, and whatever cannot be replaced is an error when the settings are read, not
//! when somebody waits for a mail.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::address::Address;
use super::escape::Escape;
use super::markup::Markup;
use super::placeholder::Placeholder;
use super::{Kind, Mail, MailError, breaks, defaults, plain};

/// The bytes of a template's subject.
pub const SUBJECT_TEMPLATE_BYTES_MAX: usize = 255;
/// The bytes of a template's body.
pub const BODY_TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Placeholders in one subject or body.
const PLACEHOLDERS_MAX: usize = 64;
/// The bytes of an address of a page, a token, or anything else that is not the user's.
const VALUE_BYTES_MAX: usize = 4096;
/// Characters that are kept of what users say of themselves.
const DATA_CHARS_MAX: usize = 200;
/// Characters that are kept of a finished subject.
const SUBJECT_CHARS_MAX: usize = 200;

/// What the settings say about one kind of mail. What is left out stays as it is built in; a mail whose `html` is
/// given and whose `text` is not has a plain body that follows from the HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateText {
    /// The subject, at most [`SUBJECT_TEMPLATE_BYTES_MAX`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The HTML body, at most [`BODY_TEMPLATE_BYTES_MAX`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The plain body, at most [`BODY_TEMPLATE_BYTES_MAX`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The parts of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The subject.
    Subject,
    /// The HTML body.
    Html,
    /// The plain body.
    Text,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Subject => "subject",
            Part::Html => "HTML body",
            Part::Text => "plain body",
        })
    }
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It has a placeholder that there is not.
    #[error("the {part} of the mail `{kind}` has the unknown placeholder `{placeholder}`")]
    Unknown {
        /// The mail.
        kind: Kind,
        /// Where.
        part: Part,
        /// What stands there, cut to 64 characters.
        placeholder: String,
    },
    /// Mails of this kind have no such value.
    #[error("the {part} of the mail `{kind}` cannot have `{placeholder}`: there is no such value")]
    Unset {
        /// The mail.
        kind: Kind,
        /// Where.
        part: Part,
        /// The placeholder.
        placeholder: &'static str,
    },
    /// It stands where no value can be escaped.
    #[error(
        "the {part} of the mail `{kind}` has `{placeholder}` in a tag, a style or a script; put it into text, or \
         into an attribute between quotes"
    )]
    Misplaced {
        /// The mail.
        kind: Kind,
        /// Where.
        part: Part,
        /// The placeholder.
        placeholder: &'static str,
    },
    /// Whoever gets the mail could do nothing with it.
    #[error(
        "the {part} of the mail `{kind}` has none of `{{{{ .ConfirmationURL }}}}`, `{{{{ .TokenHash }}}}` and \
         `{{{{ .Token }}}}`"
    )]
    Useless {
        /// The mail.
        kind: Kind,
        /// Where.
        part: Part,
    },
    /// A subject has one line.
    #[error("the subject of the mail `{kind}` has line breaks or control characters")]
    Lines {
        /// The mail.
        kind: Kind,
    },
    /// It is too long.
    #[error(
        "the {part} of the mail `{kind}` is longer than {bytes_max} bytes, or has more than 64 placeholders"
    )]
    Long {
        /// The mail.
        kind: Kind,
        /// Where.
        part: Part,
        /// The bytes it may have.
        bytes_max: usize,
    },
}

/// What a mail is made from. Every text but those in `data` has one line of at most 4,096 bytes.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The address of the page that confirms; none where there is only a code.
    pub confirmation_url: Option<&'a str>,
    /// The code, usually six digits.
    pub token: Option<&'a str>,
    /// What `/verify` takes in place of the code.
    pub token_hash: Option<&'a str>,
    /// The site.
    pub site_url: &'a str,
    /// Where the user goes afterwards.
    pub redirect_to: &'a str,
    /// The user's address.
    pub email: &'a str,
    /// The address that it is to become.
    pub new_email: Option<&'a str>,
    /// What users say of themselves.
    pub data: &'a Map<String, Value>,
}

#[derive(Debug, Clone)]
enum Piece {
    Words(String),
    Value(Placeholder, Escape),
}

#[derive(Debug, Clone)]
struct Template {
    subject: Vec<Piece>,
    text: Vec<Piece>,
    html: Vec<Piece>,
}

/// A template for every kind of mail.
#[derive(Debug, Clone)]
pub struct Templates(BTreeMap<Kind, Template>);

impl Templates {
    /// The built-in templates with what `changes` says in place of them.
    pub fn read(changes: &BTreeMap<Kind, TemplateText>) -> Result<Templates, TemplateError> {
        let unchanged = TemplateText::default();
        let read = |kind: Kind| {
            let template = Template::read(kind, changes.get(&kind).unwrap_or(&unchanged))?;
            Ok((kind, template))
        };
        Ok(Templates(Kind::ALL.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Writes a mail. Fails where a value is too long or has line breaks, or where the mail becomes too long.
    pub fn compose(&self, kind: Kind, to: &Address, values: &Values<'_>) -> Result<Mail, MailError> {
        values.check()?;
        // Every kind has a template; one that had none would be a mail without words.
        let template = self.0.get(&kind).ok_or(MailError::Body)?;
        let subject: String = values.fill(&template.subject).chars().take(SUBJECT_CHARS_MAX).collect();
        let (text, html) = (values.fill(&template.text), values.fill(&template.html));
        Ok(Mail::new(kind, to.clone(), subject, text, html)?.with_tokens(values.token, values.token_hash))
    }
}

impl Template {
    fn read(kind: Kind, text: &TemplateText) -> Result<Template, TemplateError> {
        let built_in = defaults::of(kind);
        let subject = text.subject.as_deref().unwrap_or(built_in.subject);
        if subject.chars().any(breaks) {
            return Err(TemplateError::Lines { kind });
        }
        let html = text.html.as_deref().unwrap_or(&built_in.html);
        fits(kind, Part::Subject, subject)?;
        fits(kind, Part::Html, html)?;
        fits(kind, Part::Text, text.text.as_deref().unwrap_or_default())?;
        let plain = match (&text.text, &text.html) {
            (Some(text), _) => text.clone(),
            (None, Some(html)) => plain::of(html),
            (None, None) => built_in.text,
        };
        let template = Template {
            subject: read_part(kind, Part::Subject, subject)?,
            html: read_part(kind, Part::Html, html)?,
            text: read_part(kind, Part::Text, &plain)?,
        };
        for (part, pieces) in [(Part::Html, &template.html), (Part::Text, &template.text)] {
            if !pieces.iter().any(Piece::opens) {
                return Err(TemplateError::Useless { kind, part });
            }
        }
        Ok(template)
    }
}

impl Piece {
    /// Whether it lets whoever reads it go on.
    fn opens(&self) -> bool {
        use Placeholder::{ConfirmationUrl, Token, TokenHash};
        matches!(self, Piece::Value(ConfirmationUrl | Token | TokenHash, _))
    }
}

/// Refuses what is too long to be read. A plain body that follows from HTML is not longer than that.
fn fits(kind: Kind, part: Part, text: &str) -> Result<(), TemplateError> {
    let bytes_max = match part {
        Part::Subject => SUBJECT_TEMPLATE_BYTES_MAX,
        Part::Html | Part::Text => BODY_TEMPLATE_BYTES_MAX,
    };
    if text.len() > bytes_max || text.matches("{{").count() > PLACEHOLDERS_MAX {
        return Err(TemplateError::Long { kind, part, bytes_max });
    }
    Ok(())
}

fn read_part(kind: Kind, part: Part, text: &str) -> Result<Vec<Piece>, TemplateError> {
    let (mut markup, mut word) = (Markup::new(), Word::default());
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        markup.read(before);
        word.read(before);
        pieces.push(Piece::Words(before.to_owned()));
        let (inner, after) = after.split_once("}}").unwrap_or((after, ""));
        let placeholder = Placeholder::parse(inner).ok_or_else(|| TemplateError::Unknown {
            kind,
            part,
            placeholder: inner.trim().chars().take(64).collect(),
        })?;
        let name = placeholder.name();
        if !placeholder.is_set(kind) {
            return Err(TemplateError::Unset { kind, part, placeholder: name });
        }
        let escape = match part {
            Part::Subject => Escape::Plain,
            Part::Text => word.place(&placeholder),
            Part::Html => markup.place().ok_or(TemplateError::Misplaced { kind, part, placeholder: name })?,
        };
        pieces.push(Piece::Value(placeholder, escape));
        rest = after;
    }
    pieces.push(Piece::Words(rest.to_owned()));
    Ok(pieces)
}

/// The word of a plain text that a value is to stand in. In an address, values behind the question mark are
/// percent-encoded, as they are in HTML.
#[derive(Default)]
struct Word(String);

impl Word {
    fn read(&mut self, text: &str) {
        let ends = |c: char| c.is_whitespace() || "<>\"".contains(c);
        if let Some(at) = text.rfind(ends) {
            let behind = text[at..].trim_start_matches(ends);
            behind.clone_into(&mut self.0);
        } else {
            self.0.push_str(text);
        }
    }

    fn place(&mut self, placeholder: &Placeholder) -> Escape {
        use Placeholder::{ConfirmationUrl, RedirectTo, SiteUrl};
        let is_link = self.0.starts_with("https://") || self.0.starts_with("http://");
        let escape = if is_link && self.0.contains(['?', '#']) { Escape::Query } else { Escape::Plain };
        if self.0.is_empty() && matches!(placeholder, ConfirmationUrl | SiteUrl | RedirectTo) {
            self.0.push_str("https://");
        }
        escape
    }
}

impl Values<'_> {
    fn check(&self) -> Result<(), MailError> {
        for (placeholder, value) in [
            (Placeholder::ConfirmationUrl, self.confirmation_url),
            (Placeholder::Token, self.token),
            (Placeholder::TokenHash, self.token_hash),
            (Placeholder::SiteUrl, Some(self.site_url)),
            (Placeholder::RedirectTo, Some(self.redirect_to)),
            (Placeholder::Email, Some(self.email)),
            (Placeholder::NewEmail, self.new_email),
        ] {
            let value = value.unwrap_or_default();
            if value.len() > VALUE_BYTES_MAX || value.chars().any(breaks) {
                return Err(MailError::Value { placeholder: placeholder.name() });
            }
        }
        Ok(())
    }

    fn fill(&self, pieces: &[Piece]) -> String {
        let mut filled = String::new();
        for piece in pieces {
            match piece {
                Piece::Words(words) => filled.push_str(words),
                Piece::Value(placeholder, escape) => {
                    let ours = !matches!(placeholder, Placeholder::Data(_));
                    filled.push_str(&escape.apply(&self.value(placeholder), ours));
                }
            }
        }
        filled
    }

    fn value(&self, placeholder: &Placeholder) -> String {
        match placeholder {
            Placeholder::ConfirmationUrl => self.confirmation_url.unwrap_or_default().to_owned(),
            Placeholder::Token => self.token.unwrap_or_default().to_owned(),
            Placeholder::TokenHash => self.token_hash.unwrap_or_default().to_owned(),
            Placeholder::SiteUrl => self.site_url.to_owned(),
            Placeholder::RedirectTo => self.redirect_to.to_owned(),
            Placeholder::Email => self.email.to_owned(),
            Placeholder::NewEmail => self.new_email.unwrap_or_default().to_owned(),
            Placeholder::Data(path) => self.datum(path),
        }
    }

    /// What a user says of itself: one line, cut. What is neither text nor a number nor a truth value is empty.
    fn datum(&self, path: &[String]) -> String {
        let mut found = path.split_first().and_then(|(first, _)| self.data.get(first));
        for name in path.iter().skip(1) {
            found = found.and_then(|value| value.get(name));
        }
        let text = match found {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
        };
        text.chars().take(DATA_CHARS_MAX).map(|c| if breaks(c) || turns(c) { ' ' } else { c }).collect()
    }
}

/// Whether a character changes the direction of those around it.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
