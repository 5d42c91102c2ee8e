//! Which format a text is in.

use super::scan::{self, Comments, Kind};

/// The most bytes that are looked at.
const LOOK_BYTES_MAX: usize = 20_000;

/// A format that tables are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Sql,
    Prisma,
    Drizzle,
    Mongoose,
    TypeScript,
    GraphQl,
    Mermaid,
    Dbml,
    Go,
    Python,
    Swift,
    Kotlin,
    Rust,
    /// C# and Java.
    CSharp,
    Json,
    Yaml,
    Xml,
    Listing,
}

/// The format of a code block. What the text shows wins over the fence's language.
pub(crate) fn block(hint: Option<&str>, text: &str) -> Option<Format> {
    let hint =
        hint.unwrap_or_default().split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    if matches!(
        hint.as_str(),
        "bash"
            | "sh"
            | "shell"
            | "zsh"
            | "console"
            | "http"
            | "env"
            | "dotenv"
            | "html"
            | "css"
            | "scss"
            | "diff"
            | "powershell"
            | "dockerfile"
            | "nginx"
            | "toml"
            | "ini"
    ) {
        return None;
    }
    let text = head(text);
    let seen = shown(text);
    match hint.as_str() {
        "sql" | "postgresql" | "postgres" | "mysql" | "sqlite" | "psql" | "tsql" => Some(Format::Sql),
        "prisma" => Some(Format::Prisma),
        "graphql" | "gql" => Some(Format::GraphQl),
        "mermaid" => text.contains("erDiagram").then_some(Format::Mermaid),
        "dbml" => Some(Format::Dbml),
        "ts" | "tsx" | "typescript" | "js" | "jsx" | "javascript" => seen.or(Some(Format::TypeScript)),
        "go" | "golang" => Some(Format::Go),
        "py" | "python" | "python3" => Some(Format::Python),
        "swift" => Some(Format::Swift),
        "kotlin" | "kt" => Some(Format::Kotlin),
        "rust" | "rs" => Some(Format::Rust),
        "csharp" | "cs" | "c#" | "java" => Some(Format::CSharp),
        "json" | "jsonc" | "json5" => seen.or(Some(Format::Json)),
        "yaml" | "yml" => seen.or(Some(Format::Yaml)),
        "xml" => Some(Format::Xml),
        _ => seen.or_else(|| loose(text)),
    }
}

/// The format of a file that holds nothing but a schema.
pub(crate) fn schema_file(ending: &str, text: &str) -> Option<Format> {
    let by_name = match ending {
        "sql" | "ddl" => Some(Format::Sql),
        "prisma" => Some(Format::Prisma),
        "graphql" | "gql" | "graphqls" => Some(Format::GraphQl),
        "dbml" => Some(Format::Dbml),
        "mmd" | "mermaid" => Some(Format::Mermaid),
        _ => None,
    };
    by_name.or_else(|| {
        let start = first_code_line(text)?;
        let first = start.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let opens = |words: &[&str]| words.contains(&first.as_str());
        let seen = shown(head(text))?;
        let fits = match seen {
            Format::Sql => {
                opens(&["create", "begin;", "drop", "set", "use", "alter", "begin"]) && !start.ends_with('.')
            }
            Format::Prisma => opens(&["generator", "datasource", "model", "enum"]),
            Format::GraphQl => {
                opens(&["type", "schema", "scalar", "enum", "directive", "interface"]) && start.ends_with('{')
            }
            Format::Dbml => opens(&["table", "project", "enum"]),
            Format::Mermaid => opens(&["erdiagram"]),
            Format::Drizzle
            | Format::Mongoose
            | Format::TypeScript
            | Format::Go
            | Format::Python
            | Format::Swift
            | Format::Kotlin
            | Format::Rust
            | Format::CSharp
            | Format::Json
            | Format::Yaml
            | Format::Xml
            | Format::Listing => false,
        };
        fits.then_some(seen)
    })
}

/// True for a text whose every line has the look of YAML.
pub(crate) fn is_yaml(text: &str) -> bool {
    let mut keys = 0;
    for line in text.lines() {
        let bare = line.trim_end();
        if bare.is_empty() || bare == "---" || bare == "..." || bare.starts_with([' ', '\t', '#']) {
            // `# Title` is a comment here and a heading in Markdown: one at the start is enough to doubt.
            if bare.starts_with("# ") && keys == 0 || bare.starts_with("##") {
                return false;
            }
            continue;
        }
        let item = bare == "-" || bare.starts_with("- ");
        if item && keys > 0 {
            continue;
        }
        let Some((key, rest)) = bare.split_once(':') else { return false };
        let plain = key.split_whitespace().count() == 1
            && key
                .trim_matches('"')
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !plain || !(rest.is_empty() || rest.starts_with(' ')) {
            return false;
        }
        keys += 1;
    }
    keys >= 2 && text.lines().any(|line| line.starts_with([' ', '-']))
}

/// The comments of a schema file, which are its only sentences.
pub(crate) fn comments(text: &str) -> Vec<(u32, String)> {
    let mut out = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        let comment = ["--", "///", "//", "#"].iter().find_map(|sign| line.strip_prefix(sign));
        if let Some(comment) = comment.map(str::trim).filter(|comment| comment.contains(' ')) {
            out.push((number, comment.to_owned()));
        }
    }
    out
}

fn head(text: &str) -> &str {
    let mut end = text.len().min(LOOK_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn first_code_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| {
        !line.is_empty() && !["--", "//", "#", "/*", "*"].iter().any(|sign| line.starts_with(sign))
    })
}

/// Formats whose signs are plain.
fn shown(text: &str) -> Option<Format> {
    let tokens = scan::tokens(text, 1, Comments::Percent);
    let words: Vec<_> = tokens.iter().filter(|token| token.kind != Kind::Line).collect();
    let row = |wanted: &[&str]| {
        words.windows(wanted.len()).any(|window| {
            window.iter().zip(wanted).all(|(token, want)| token.text.eq_ignore_ascii_case(want))
        })
    };
    let called =
        |names: &[&str]| words.windows(2).any(|two| two[1].mark('(') && names.contains(&two[0].text));
    let block = |opener: &str| {
        words.windows(3).any(|three| three[0].text == opener && three[1].names() && three[2].mark('{'))
    };
    if text.trim_start().starts_with("erDiagram") || text.lines().any(|line| line.trim() == "erDiagram") {
        Some(Format::Mermaid)
    } else if called(&["pgTable", "sqliteTable", "mysqlTable", "pgEnum"]) {
        Some(Format::Drizzle)
    } else if row(&["new", "Schema", "("]) || row(&["mongoose", ".", "Schema", "("]) {
        Some(Format::Mongoose)
    } else if row(&["create", "table"]) || row(&["alter", "table"]) {
        Some(Format::Sql)
    } else if block("model") && !row(&["class"]) {
        Some(Format::Prisma)
    } else if block("Table") {
        Some(Format::Dbml)
    } else if row(&["data", "class"]) {
        Some(Format::Kotlin)
    } else if words
        .windows(3)
        .any(|three| three[0].text == "type" && three[1].names() && three[2].text == "struct")
    {
        Some(Format::Go)
    } else if class_with_colon(text) {
        Some(Format::Python)
    } else if block("interface")
        || row(&["z", ".", "object", "("])
        || words.windows(3).any(|t| t[0].text == "type" && t[1].names() && t[2].mark('='))
    {
        Some(Format::TypeScript)
    } else if words.windows(3).any(|t| {
        t[0].text == "type"
            && t[1].kind == Kind::Word
            && (t[2].mark('{') || t[2].mark('@') || t[2].is("implements"))
    }) {
        Some(Format::GraphQl)
    } else if words.iter().any(|token| token.text == "struct") {
        let swift = row(&["let"]) || row(&["var"]);
        Some(if swift { Format::Swift } else { Format::Rust })
    } else if (row(&["get", ";"]) || row(&["private"]) || row(&["@", "Entity"])) && row(&["class"]) {
        Some(Format::CSharp)
    } else if row(&["class"]) && (row(&["var"]) || row(&["let"])) && row(&["@", "Model"]) {
        Some(Format::Swift)
    } else {
        None
    }
}

/// `class User(Base):` on a line.
fn class_with_colon(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| line.starts_with("class ") && line.ends_with(':'))
}

/// Formats that are told by their first sign alone.
fn loose(text: &str) -> Option<Format> {
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return Some(Format::Json);
    }
    if start.starts_with('<') && start.trim_end().ends_with('>') {
        return Some(Format::Xml);
    }
    Some(Format::Listing)
}
