//! Where the columns of a view come from, as the tree of its rule tells it.
//!
//! The tree is a `QUERY`; each entry of its target list names the table and the column that it shows unchanged
//! (`resorigtbl`, `resorigcol`), or zero where it is computed. For a view over a view that is the other view.

/// A column of a view that shows one of another relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its name in the view.
    pub(super) name: String,
    /// The relation's number.
    pub(super) relation: i64,
    /// The column's number.
    pub(super) column: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open(char),
    Close,
    Word(String),
}

/// The columns of the view with this tree that show others. What cannot be read shows none.
pub(super) fn shown(tree: &str) -> Vec<Shown> {
    let tokens = tokens(tree);
    let Some(list) = target_list(&tokens) else { return Vec::new() };
    let mut found = Vec::new();
    let (mut depth, mut entry): (usize, Vec<&Token>) = (0, Vec::new());
    for token in list {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Word(_) => {}
        }
        // The entry's own members are one level deep; what is deeper belongs to its expression.
        if depth == 1 && matches!(token, Token::Word(_)) {
            entry.push(token);
        }
        if depth == 0 {
            found.extend(read(&entry));
            entry.clear();
        }
    }
    found
}

/// What is between the parentheses behind the outermost `:targetList`.
fn target_list(tokens: &[Token]) -> Option<&[Token]> {
    // `(` of the list of actions and `{` of the query.
    const MEMBER: usize = 2;
    let mut depth = 0_usize;
    let mut start = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(kind) => {
                depth += 1;
                let begins = *kind == '(' && depth == MEMBER + 1;
                let named = at > 0 && matches!(&tokens[at - 1], Token::Word(word) if word == ":targetList");
                if begins && named {
                    start = Some(at + 1);
                }
            }
            Token::Close => {
                depth = depth.saturating_sub(1);
                if let Some(start) = start
                    && depth == MEMBER
                {
                    return tokens.get(start..at);
                }
            }
            Token::Word(_) => {}
        }
    }
    None
}

fn read(entry: &[&Token]) -> Option<Shown> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.clone()),
        Token::Open(_) | Token::Close => None,
    };
    let words: Vec<String> = entry.iter().filter_map(|token| word(token)).collect();
    let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let relation = after(":resorigtbl")?.parse().ok().filter(|oid| *oid != 0)?;
    let column = after(":resorigcol")?.parse().ok().filter(|number| *number > 0)?;
    if after(":resjunk")? != "false" {
        return None;
    }
    Some(Shown { name: after(":resname")?.clone(), relation, column })
}

/// The tokens of a tree. A backslash makes the next letter part of a word.
fn tokens(tree: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = tree.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => word.get_or_insert_default().extend(letters.next()),
            '(' | '{' | ')' | '}' | ' ' | '\n' | '\t' => {
                out.extend(word.take().map(Token::Word));
                match letter {
                    '(' | '{' => out.push(Token::Open(letter)),
                    ')' | '}' => out.push(Token::Close),
                    _ => {}
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    out.extend(word.map(Token::Word));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outermost_target_list_counts() {
        let tree = "({QUERY :rtable ({RTE :subquery {QUERY :targetList ({TARGETENTRY :resname wrong :resorigtbl 9 \
                    :resorigcol 9 :resjunk false})}}) :targetList ({TARGETENTRY :expr {VAR :varno 1 :resname odd} :resno 1 \
                    :resname a\\ b :ressortgroupref 0 :resorigtbl 16 :resorigcol 2 :resjunk false} {TARGETENTRY :expr \
                    {CONST} :resname c :resorigtbl 0 :resorigcol 0 :resjunk false} {TARGETENTRY :resname d :resorigtbl 16 \
                    :resorigcol 3 :resjunk true}) :override 0})";
        assert_eq!(shown(tree), [Shown { name: "a b".to_owned(), relation: 16, column: 2 }]);
    }

    #[test]
    fn what_is_no_tree_shows_nothing() {
        for tree in ["", "<>", "({QUERY", ")))", "({QUERY :targetList <>})"] {
            assert_eq!(shown(tree), [], "{tree}");
        }
    }
}
