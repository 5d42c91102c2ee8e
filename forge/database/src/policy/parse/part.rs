//! The parts of an expression that are none: subqueries, JSON keys, types.

use super::{OR, Parser, RESERVED};
use crate::people;
use crate::policy::error::{Flaw, PolicyError};
use crate::policy::expr::{From, Key, Select};
use crate::policy::token::TokenKind;
use crate::schema::Type;

impl Parser {
    /// `select ... from ... )`
    pub(super) fn select(&mut self) -> Result<Select, PolicyError> {
        let at = self.at();
        if !self.take_word("select") {
            return Err(self.unexpected("`select`"));
        }
        let column = if self.take_sign("*") { None } else { Some(self.expr(OR)?) };
        if self.is_sign(",") {
            return Err(self.refuse("a subquery selects one column", "name the column that is compared"));
        }
        if !self.take_word("from") {
            return Err(self.unexpected("`from`"));
        }
        let mut from = vec![self.from()?];
        while self.is_word("join") || self.is_word("inner") {
            self.take_word("inner");
            if !self.take_word("join") {
                return Err(self.unexpected("`join`"));
            }
            let mut joined = self.from()?;
            if !self.take_word("on") {
                return Err(self.unexpected("`on`"));
            }
            joined.on = Some(self.expr(OR)?);
            from.push(joined);
        }
        let filter = if self.take_word("where") { Some(self.expr(OR)?) } else { None };
        if let TokenKind::Word(word) = self.peek()
            && RESERVED.contains(&word.to_lowercase().as_str())
        {
            let message = format!("`{word}` is not part of a policy's subquery");
            return Err(self.refuse(&message, "a subquery has `from`, inner `join ... on` and `where`"));
        }
        self.expect(")")?;
        Ok(Select { column, from, filter, at })
    }

    pub(super) fn from(&mut self) -> Result<From, PolicyError> {
        let at = self.at();
        let mut table = self.name("a table")?;
        let mut alias = table.clone();
        if self.take_sign(".") {
            let schema = table;
            table = self.name("a table")?;
            alias.clone_from(&table);
            match (schema.as_str(), table.as_str()) {
                ("public", _) => {}
                ("auth", people::NAME) => table = people::USERS.to_owned(),
                _ => {
                    let message = format!("there is no table `{schema}.{table}`");
                    let hint = "subqueries read the tables of the application, and `auth.users` for the row of the one who asks";
                    return Err(PolicyError::at(Flaw::UnknownTable, at, message).hint(hint));
                }
            }
        }
        let named = self.take_word("as");
        let bare = match self.peek() {
            TokenKind::Word(word) => !RESERVED.contains(&word.to_lowercase().as_str()),
            TokenKind::Quoted(_) => true,
            TokenKind::Text(_) | TokenKind::Number(_) | TokenKind::Sign(_) | TokenKind::End => false,
        };
        if named || bare {
            alias = self.name("an alias")?;
        }
        Ok(From { table, alias, on: None, at })
    }

    pub(super) fn key(&mut self) -> Result<Key, PolicyError> {
        let key = match self.peek() {
            // SQLite's JSON paths cannot hold a quotation mark in every version.
            TokenKind::Text(name) if !name.contains(['"', '\\']) => Key::Name(name.clone()),
            TokenKind::Number(number) => match number.parse() {
                Ok(index) => Key::Index(index),
                Err(_) => return Err(self.unexpected("a whole number")),
            },
            _ => {
                return Err(
                    self.unexpected("a member's name such as `'role'`, without quotation marks in it")
                );
            }
        };
        self.next += 1;
        Ok(key)
    }

    pub(super) fn type_name(&mut self) -> Result<Type, PolicyError> {
        let at = self.at();
        let name = self.name("a type")?.to_lowercase();
        let ty = match name.as_str() {
            "text" | "varchar" => Type::Text,
            "int" | "integer" | "int4" => Type::Integer,
            "smallint" | "int2" => Type::Smallint,
            "bigint" | "int8" => Type::Bigint,
            "float8" => Type::Double,
            "double" if self.take_word("precision") => Type::Double,
            "boolean" | "bool" => Type::Boolean,
            "uuid" => Type::Uuid,
            "timestamptz" => Type::Timestamptz,
            "date" => Type::Date,
            _ => {
                let hint = "the types are text, integer, bigint, smallint, double precision, boolean, uuid, timestamptz and date";
                return Err(PolicyError::at(
                    Flaw::Unsupported,
                    at,
                    format!("no cast to `{name}` in policies"),
                )
                .hint(hint));
            }
        };
        Ok(ty)
    }
}
