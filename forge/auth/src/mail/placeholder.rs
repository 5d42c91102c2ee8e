//! The placeholders of templates, as users of Supabase know them.

use super::Kind;

/// How deep `.Data` is looked into.
const DATA_DEPTH_MAX: usize = 4;
/// Bytes of each name in the way there.
const NAME_BYTES_MAX: usize = 64;

/// What a value is put in place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placeholder {
    ConfirmationUrl,
    Token,
    TokenHash,
    SiteUrl,
    RedirectTo,
    Email,
    NewEmail,
    Data(Vec<String>),
}

impl Placeholder {
    /// Reads what stands between the braces, such as ` .Data.name `.
    pub(super) fn parse(inner: &str) -> Option<Placeholder> {
        let name = inner.trim_matches([' ', '\t']).strip_prefix('.')?;
        Some(match name {
            "ConfirmationURL" => Placeholder::ConfirmationUrl,
            "Token" => Placeholder::Token,
            "TokenHash" => Placeholder::TokenHash,
            "SiteURL" => Placeholder::SiteUrl,
            "RedirectTo" => Placeholder::RedirectTo,
            "Email" => Placeholder::Email,
            "NewEmail" => Placeholder::NewEmail,
            _ => Placeholder::Data(data_path(name)?),
        })
    }

    /// As it is written.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Placeholder::ConfirmationUrl => "{{ .ConfirmationURL }}",
            Placeholder::Token => "{{ .Token }}",
            Placeholder::TokenHash => "{{ .TokenHash }}",
            Placeholder::SiteUrl => "{{ .SiteURL }}",
            Placeholder::RedirectTo => "{{ .RedirectTo }}",
            Placeholder::Email => "{{ .Email }}",
            Placeholder::NewEmail => "{{ .NewEmail }}",
            Placeholder::Data(_) => "{{ .Data }}",
        }
    }

    /// Whether mails of this kind have a value for it.
    pub(super) fn is_set(&self, kind: Kind) -> bool {
        match self {
            Placeholder::ConfirmationUrl | Placeholder::TokenHash | Placeholder::RedirectTo => {
                kind != Kind::Reauthentication
            }
            Placeholder::NewEmail => kind == Kind::EmailChange,
            Placeholder::Token | Placeholder::SiteUrl | Placeholder::Email | Placeholder::Data(_) => true,
        }
    }
}

fn data_path(name: &str) -> Option<Vec<String>> {
    let path: Vec<String> = name.strip_prefix("Data.")?.split('.').map(str::to_owned).collect();
    let is_name = |part: &String| {
        (1..=NAME_BYTES_MAX).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (path.len() <= DATA_DEPTH_MAX && path.iter().all(is_name)).then_some(path)
}
