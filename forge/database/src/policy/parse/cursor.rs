//! Looking at tokens, taking them, and saying what was expected instead.

use super::{HEIGHT_MAX, NODES_MAX, Parser};
use crate::policy::error::{Flaw, PolicyError, Position};
use crate::policy::expr::{Expr, ExprKind};
use crate::policy::token::{Token, TokenKind};

impl Parser {
    pub(super) fn leaf(&mut self, kind: ExprKind, at: Position) -> Result<Expr, PolicyError> {
        self.next += 1;
        self.node(kind, at)
    }

    pub(super) fn node(&mut self, kind: ExprKind, at: Position) -> Result<Expr, PolicyError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("the policy has more than {NODES_MAX} parts");
            return Err(PolicyError::at(Flaw::Limit, at, message).hint("split it into several policies"));
        }
        let mut expr = Expr { kind, at, height: 1 };
        expr.height += expr.children().iter().map(|child| child.height).max().unwrap_or(0);
        if expr.height > HEIGHT_MAX {
            let message = format!("more than {HEIGHT_MAX} operators follow one another");
            return Err(
                PolicyError::at(Flaw::Limit, at, message).hint("write a list with `in`, or several policies")
            );
        }
        Ok(expr)
    }

    pub(super) fn name(&mut self, wanted: &str) -> Result<String, PolicyError> {
        let name = match self.peek() {
            TokenKind::Word(name) | TokenKind::Quoted(name) if !name.is_empty() => name.clone(),
            _ => return Err(self.unexpected(wanted)),
        };
        self.next += 1;
        Ok(name)
    }

    pub(super) fn peek(&self) -> &TokenKind {
        &self.token(0).kind
    }

    /// The token so many further on; beyond the last one, the last one.
    pub(super) fn token(&self, further: usize) -> &Token {
        &self.tokens[(self.next + further).min(self.tokens.len() - 1)]
    }

    pub(super) fn at(&self) -> Position {
        self.token(0).at
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.sign_at(0) == Some(sign)
    }

    pub(super) fn sign_at(&self, further: usize) -> Option<&'static str> {
        match self.token(further).kind {
            TokenKind::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.next += usize::from(found);
        found
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), PolicyError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    pub(super) fn refuse(&self, message: &str, hint: &str) -> PolicyError {
        PolicyError::at(Flaw::Unsupported, self.at(), message).hint(hint)
    }

    pub(super) fn unexpected(&self, wanted: &str) -> PolicyError {
        let found = match self.peek() {
            TokenKind::Word(word) | TokenKind::Quoted(word) | TokenKind::Number(word) => format!("`{word}`"),
            TokenKind::Text(text) => format!("the text '{text}'"),
            TokenKind::Sign(sign) => format!("`{sign}`"),
            TokenKind::End => "the end".to_owned(),
        };
        PolicyError::at(Flaw::Syntax, self.at(), format!("expected {wanted}, found {found}"))
    }
}
