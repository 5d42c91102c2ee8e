//! The ids of calls: unique in a conversation, and such as a vendor accepts.

use std::collections::{BTreeMap, BTreeSet};

use crate::vendors::IdRule;
use crate::{Message, Request};

/// Translates the ids of a conversation, in the order of its messages, to what a vendor accepts. The
/// beginning of a longer conversation is translated as that of a shorter one, so that caches hold.
pub(crate) struct Ids {
    rule: IdRule,
    /// What each id of ours is called there; the last call of a name counts.
    wire: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    made: usize,
}

impl Ids {
    pub(crate) fn new(rule: IdRule) -> Self {
        Self { rule, wire: BTreeMap::new(), taken: BTreeSet::new(), made: 0 }
    }

    /// The vendor's id for the call `id`, which stands here in the conversation.
    pub(crate) fn call(&mut self, id: &str) -> String {
        let mut wire = id.to_owned();
        while !accepts(self.rule, &wire) || self.taken.contains(&wire) {
            self.made += 1;
            wire = format!("c{:08}", self.made);
        }
        self.taken.insert(wire.clone());
        self.wire.insert(id.to_owned(), wire.clone());
        wire
    }

    /// The vendor's id for the call that a result answers; `None` where there was no such call.
    pub(crate) fn answered(&self, id: &str) -> Option<&str> {
        self.wire.get(id).map(String::as_str)
    }
}

fn accepts(rule: IdRule, id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    match rule {
        IdRule::Token { bytes_max } => {
            (1..=bytes_max).contains(&id.len()) && id.bytes().all(|byte| plain(byte) || b"_-".contains(&byte))
        }
        IdRule::NineAlphanumerics => id.len() == 9 && id.bytes().all(plain),
    }
}

/// Gives each new call of a conversation an id of its own: the vendor's, if it is one.
pub(crate) struct Fresh {
    known: BTreeSet<String>,
    /// Where the answer stands in the conversation.
    place: usize,
}

impl Fresh {
    pub(crate) fn new(request: &Request) -> Self {
        let calls = request.messages.iter().filter_map(|message| match message {
            Message::Assistant { calls, .. } => Some(calls),
            Message::User { .. } | Message::Tool { .. } => None,
        });
        let known = calls.flatten().map(|call| call.id.clone()).collect();
        Self { known, place: request.messages.len() }
    }

    /// The id of the answer's call number `index`, which its vendor calls `id`.
    pub(crate) fn id(&mut self, id: &str, index: usize) -> String {
        let usable = accepts(IdRule::Token { bytes_max: 64 }, id);
        let base = if usable { id.to_owned() } else { format!("call_{}_{index}", self.place) };
        let mut unique = base.clone();
        let mut count = 1;
        while !self.known.insert(unique.clone()) {
            count += 1;
            unique = format!("{base}_{count}");
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_vendor_accepts_stays_and_all_else_is_named_anew() {
        let mut ids = Ids::new(IdRule::NineAlphanumerics);
        assert_eq!(ids.call("abcDEF123"), "abcDEF123");
        assert_eq!(ids.call("toolu_01"), "c00000001");
        assert_eq!(ids.call("c00000002"), "c00000002");
        assert_eq!(ids.call("call_9"), "c00000003");
        assert_eq!(ids.answered("toolu_01"), Some("c00000001"));
        assert_eq!(ids.answered("nobody"), None);
    }

    #[test]
    fn an_id_that_is_used_twice_names_the_last_call() {
        let mut ids = Ids::new(IdRule::Token { bytes_max: 40 });
        assert_eq!(ids.call("a"), "a");
        assert_eq!(ids.call("a"), "c00000001");
        assert_eq!(ids.answered("a"), Some("c00000001"));
        assert_eq!(ids.call(&"x".repeat(41)), "c00000002");
    }

    #[test]
    fn new_ids_are_unique_in_the_conversation() {
        let mut fresh = Fresh { known: BTreeSet::from(["a".to_owned()]), place: 3 };
        assert_eq!(fresh.id("b", 0), "b");
        assert_eq!(fresh.id("a", 1), "a_2");
        assert_eq!(fresh.id("b", 2), "b_2");
        assert_eq!(fresh.id("", 3), "call_3_3");
        assert_eq!(fresh.id("two words", 4), "call_3_4");
    }
}
