//! Whether the product needs a backend at all.

use crate::lexicon::Tag;
use crate::scope::{Scope, Scoped};

/// What the whole text says about where the product runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A server, or nothing that speaks against one.
    Server,
    /// A browser, a terminal, a desktop or a library: data stays there.
    Client,
}

/// The judgement and the lines it rests on.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub place: Place,
    /// The text asks for a server in so many words.
    pub server: bool,
    pub lines: Vec<u32>,
}

/// Counts what speaks for either side in the text that is in scope.
pub(crate) fn judge(scoped: &Scoped<'_>, logins: usize, endpoints: usize) -> Judgement {
    const OPENING_SENTENCES: usize = 12;
    let opening: Vec<_> = scoped.wanted().take(OPENING_SENTENCES).collect();
    let count = |tag| scoped.wanted().filter(|s| s.has(tag)).count();
    let denied_server = scoped.sentences.iter().any(|s| s.scope != Scope::Later && s.has(Tag::NoBackend));
    let server = count(Tag::Server) + count(Tag::Database) + logins + endpoints;
    let opens = |tag| opening.iter().any(|s| s.has(tag));
    let title = scoped
        .document
        .title
        .as_deref()
        .map(|t| crate::lexicon::hits(&crate::lexicon::normalise(t)))
        .unwrap_or_default();
    let titled = |tag| title.iter().any(|h| h.tag == tag);
    let local_app = |tag| titled(tag) || opens(tag) || count(tag) >= 3;
    let local = [Tag::Terminal, Tag::Library, Tag::Desktop].into_iter().filter(|tag| local_app(*tag)).count();
    let kept = count(Tag::ClientStore);
    let page = usize::from(opens(Tag::StaticPage));
    let client_points = usize::from(denied_server) * 6 + local * 4 + kept.min(3) * 3 + page * 2;
    let server_points =
        count(Tag::Server).min(4) + count(Tag::Database).min(4) + logins.min(4) * 2 + endpoints.min(6);
    let client = client_points > 0 && client_points > server_points;
    let tags = [Tag::NoBackend, Tag::ClientStore, Tag::Terminal, Tag::Library, Tag::Desktop, Tag::StaticPage];
    let mut lines: Vec<u32> = scoped.sentences.iter().filter(|s| s.has_any(&tags)).map(|s| s.line).collect();
    lines.dedup();
    lines.truncate(8);
    Judgement { place: if client { Place::Client } else { Place::Server }, server: server > 0, lines }
}
