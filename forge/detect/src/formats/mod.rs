//! Tables out of structured text: schema languages, program types, diagrams, specifications.
//!
//! [`extract`] reads one code block, [`whole_file`] a document that is structured from end to end.
//! [`Source::Schema`] marks tables that the text declares as such; [`Source::Spec`] marks those that
//! are inferred from what an interface sends or from a type without an id, which other parts of the
//! document may confirm or not.
//!
//! Every reader is total (any text is read, nothing panics) and takes time linear in the text.

mod build;
mod classes;
mod dbml;
mod drizzle;
mod example;
mod go;
mod graphql;
mod listing;
mod mermaid;
mod mongoose;
mod openapi;
mod phrase;
mod prisma;
mod python;
mod scan;
mod shape;
mod sniff;
mod spec;
mod sql;
#[cfg(test)]
mod tests;
mod tree;
mod types;
mod typescript;
mod xml;
mod yaml;

use crate::draft::Draft;
#[cfg(doc)]
use crate::draft::Source;
use classes::Language;
use sniff::Format;

/// What a document that is structured from end to end says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Structured {
    /// The tables it describes.
    pub drafts: Vec<Draft>,
    /// Titles, descriptions and other sentences for people, each with its line, in order of lines.
    pub prose: Vec<(u32, String)>,
    /// Names of its parts (keys, elements), each with its line and depth (from 1), in order.
    pub headings: Vec<(u32, u8, String)>,
    /// True when it is an interface that callers must sign in to.
    pub secured: bool,
}

/// The tables in a code block whose text begins on line `first_line`.
///
/// The language named at the block's fence decides only where the text itself does not.
pub(crate) fn extract(language_hint: Option<&str>, text: &str, first_line: u32) -> Vec<Draft> {
    match sniff::block(language_hint, text) {
        Some(format) => read(format, text, first_line),
        None => Vec::new(),
    }
}

/// Reads a document that is JSON, YAML, XML, `OpenAPI`, SQL, Prisma, GraphQL or DBML as a whole;
/// nothing when it is prose. `name_hint` is the file's name, if it has one.
pub(crate) fn whole_file(text: &str, name_hint: Option<&str>) -> Option<Structured> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ending =
        name_hint.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    let ending = ending.as_deref().unwrap_or_default();
    if matches!(ending, "md" | "markdown" | "rst" | "html" | "htm") {
        return None;
    }
    if let Some((root, whole)) = tree::json(text, 1)
        && (whole || ending == "json")
    {
        return Some(tree_document(&root));
    }
    if xml::is(text) || ending == "xml" {
        return Some(xml::document(text, 1));
    }
    if let Some(format) = sniff::schema_file(ending, text) {
        let prose = sniff::comments(text);
        return Some(Structured { drafts: read(format, text, 1), prose, ..Structured::default() });
    }
    if matches!(ending, "yaml" | "yml") || sniff::is_yaml(text) {
        let root = yaml::read(text, 1)?;
        return (!root.entries().is_empty() || !root.items().is_empty()).then(|| tree_document(&root));
    }
    None
}

fn tree_document(root: &tree::Node) -> Structured {
    if openapi::is(root) { openapi::document(root) } else { spec::document(root) }
}

fn read(format: Format, text: &str, first_line: u32) -> Vec<Draft> {
    match format {
        Format::Sql => sql::extract(text, first_line),
        Format::Prisma => prisma::extract(text, first_line),
        Format::Drizzle => drizzle::extract(text, first_line),
        Format::Mongoose => mongoose::extract(text, first_line),
        Format::TypeScript => typescript::extract(text, first_line),
        Format::GraphQl => graphql::extract(text, first_line),
        Format::Mermaid => mermaid::extract(text, first_line),
        Format::Dbml => dbml::extract(text, first_line),
        Format::Go => go::extract(text, first_line),
        Format::Python => python::extract(text, first_line),
        Format::Swift => classes::extract(Language::Swift, text, first_line),
        Format::Kotlin => classes::extract(Language::Kotlin, text, first_line),
        Format::Rust => classes::extract(Language::Rust, text, first_line),
        Format::CSharp => classes::extract(Language::CSharp, text, first_line),
        Format::Json => {
            tree::json(text, first_line).map(|(root, _)| example::extract(&root)).unwrap_or_default()
        }
        Format::Yaml => yaml::read(text, first_line).map(|root| example::extract(&root)).unwrap_or_default(),
        Format::Xml => xml::document(text, first_line).drafts,
        Format::Listing => listing::extract(text, first_line),
    }
}
