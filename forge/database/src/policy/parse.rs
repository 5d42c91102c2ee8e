//! Tokens to a tree, by precedence climbing with the precedences of Postgres.

mod cursor;
mod part;

use super::error::{Flaw, PolicyError, Position};
use super::expr::{Access, Binary, Case, Expr, ExprKind, Function, Is, Key, Unary, Yields};
use super::token::{Token, TokenKind, tokens};

/// How deep parentheses, operators and subqueries may be nested.
pub const DEPTH_MAX: usize = 32;
/// How many levels a policy's tree may have: `a or b or c` has one for each operator. Everything that walks a
/// tree does so on the stack.
pub const HEIGHT_MAX: usize = 100;
/// The most nodes of a policy's tree.
pub const NODES_MAX: usize = 500;

/// Reads a policy's text.
pub fn parse(text: &str) -> Result<Expr, PolicyError> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, nodes: 0 };
    let expr = parser.expr(OR)?;
    match parser.peek() {
        TokenKind::End => Ok(expr),
        TokenKind::Sign(";") => {
            Err(parser.refuse("a policy is one expression", "leave out `;` and what follows"))
        }
        _ => Err(parser.unexpected("the end")),
    }
}

/// Words that start or join something, so a column of that name needs double quotes.
pub(super) const RESERVED: &[&str] = &[
    "and", "or", "not", "is", "in", "like", "ilike", "between", "exists", "select", "from", "where", "join",
    "on", "true", "false", "null", "case", "when", "then", "else", "end", "as", "inner", "left", "right",
    "full", "cross", "union", "group", "order", "limit", "having", "any", "all", "some", "similar", "with",
];

// Precedences, the loosest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARE: u8 = 5;
const MEMBER: u8 = 6;
const ARROW: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const NEGATE: u8 = 10;

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    nodes: usize,
}

impl Parser {
    fn expr(&mut self, loosest: u8) -> Result<Expr, PolicyError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("the policy is nested more than {DEPTH_MAX} deep");
            return Err(
                PolicyError::at(Flaw::Limit, self.at(), message).hint("split it into several policies")
            );
        }
        let mut left = self.prefix()?;
        while let Some((precedence, operator)) = self.operator() {
            if precedence < loosest {
                break;
            }
            left = self.infix(left, precedence, operator)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Expr, PolicyError> {
        let at = self.at();
        if self.take_word("not") {
            let of = self.expr(NOT)?;
            return self.node(ExprKind::Unary(Unary::Not, Box::new(of)), at);
        }
        if self.take_sign("-") {
            let of = self.expr(NEGATE)?;
            return self.node(ExprKind::Unary(Unary::Negate, Box::new(of)), at);
        }
        let mut expr = self.primary()?;
        while self.take_sign("::") {
            let ty = self.type_name()?;
            expr = self.node(ExprKind::Cast(Box::new(expr), ty), at)?;
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, PolicyError> {
        let at = self.at();
        match self.peek().clone() {
            TokenKind::Text(text) => self.leaf(ExprKind::Text(text), at),
            TokenKind::Number(number) => {
                let kind = match number.parse() {
                    Ok(whole) => ExprKind::Int(whole),
                    Err(_) if number.contains('.') && number.len() <= 40 => ExprKind::Decimal(number),
                    Err(_) => {
                        return Err(self.refuse("the number is too long", "numbers have at most 64 bits"));
                    }
                };
                self.leaf(kind, at)
            }
            TokenKind::Sign("(") => self.parenthesis(),
            TokenKind::Quoted(_) => self.column(at),
            TokenKind::Word(word) => self.word(&word.to_lowercase(), at),
            TokenKind::Sign(_) | TokenKind::End => Err(self.unexpected("a column, a value or a function")),
        }
    }

    fn parenthesis(&mut self) -> Result<Expr, PolicyError> {
        self.expect("(")?;
        let at = self.at();
        if !self.take_word("select") {
            let expr = self.expr(OR)?;
            self.expect(")")?;
            return Ok(expr);
        }
        // `(select auth.uid())`, with which Postgres calls the function once instead of once a row.
        let expr = self.expr(OR)?;
        if self.is_word("from") {
            let message = "a subquery stands only after `exists` or `in`";
            return Err(PolicyError::at(Flaw::Unsupported, at, message)
                .hint("write `x in (select column from table where ...)`"));
        }
        self.expect(")")?;
        Ok(expr)
    }

    fn word(&mut self, word: &str, at: Position) -> Result<Expr, PolicyError> {
        match word {
            "true" | "false" => self.leaf(ExprKind::Bool(word == "true"), at),
            "null" => self.leaf(ExprKind::Null, at),
            "exists" => {
                self.next += 1;
                self.expect("(")?;
                let select = self.select()?;
                self.node(ExprKind::Exists(Box::new(select)), at)
            }
            "case" => {
                Err(self.refuse("`case` is not part of policies", "write the conditions with `and` and `or`"))
            }
            _ if RESERVED.contains(&word) => Err(self.unexpected("a column, a value or a function")),
            "auth" if self.sign_at(1) == Some(".") && self.sign_at(3) == Some("(") => self.auth(at),
            _ if self.sign_at(1) == Some("(") => self.call(word, at),
            _ => self.column(at),
        }
    }

    fn auth(&mut self, at: Position) -> Result<Expr, PolicyError> {
        self.next += 2;
        let name = self.name("a function of `auth`")?;
        let kind = match name.to_lowercase().as_str() {
            "uid" => ExprKind::Uid,
            "role" => ExprKind::Role,
            "jwt" => ExprKind::Jwt,
            "email" => {
                self.expect("(")?;
                self.expect(")")?;
                let from = Box::new(self.node(ExprKind::Jwt, at)?);
                let key = Key::Name("email".to_owned());
                return self.node(ExprKind::Get { from, key, yields: Yields::Text }, at);
            }
            "can" => return self.can(at),
            other => {
                let message = format!("there is no function `auth.{other}`");
                return Err(PolicyError::at(Flaw::Unsupported, at, message)
                    .hint("there are auth.uid(), auth.role(), auth.email(), auth.can('resource', 'read') and auth.jwt() ->> 'claim'"));
            }
        };
        self.expect("(")?;
        self.expect(")")?;
        self.node(kind, at)
    }

    /// `(resource, 'access')`
    fn can(&mut self, at: Position) -> Result<Expr, PolicyError> {
        self.expect("(")?;
        let resource = Box::new(self.expr(OR)?);
        self.expect(",")?;
        let access = match self.peek() {
            TokenKind::Text(name) => Access::named(name),
            _ => None,
        };
        let Some(access) = access else {
            return Err(self.unexpected("`'read'`, `'write'`, `'control'` or `'*'`"));
        };
        self.next += 1;
        self.expect(")")?;
        self.node(ExprKind::Can(resource, access), at)
    }

    fn call(&mut self, name: &str, at: Position) -> Result<Expr, PolicyError> {
        let (function, arguments_max) = match name {
            "now" => {
                self.next += 1;
                self.expect("(")?;
                self.expect(")")?;
                return self.node(ExprKind::Now, at);
            }
            "coalesce" => (Function::Coalesce, 16),
            "lower" => (Function::Lower, 1),
            "upper" => (Function::Upper, 1),
            "length" | "char_length" => (Function::Length, 1),
            _ => {
                let message = format!("the function `{name}` is not part of policies");
                return Err(PolicyError::at(Flaw::Unsupported, at, message).hint(
                    "the functions are auth.uid, auth.role, auth.email, auth.jwt, auth.can, now, coalesce, lower, upper and length",
                ));
            }
        };
        self.next += 1;
        self.expect("(")?;
        let arguments = self.list()?;
        if arguments.len() > arguments_max {
            let message = format!("`{name}` takes at most {arguments_max} arguments");
            return Err(PolicyError::at(Flaw::Syntax, at, message));
        }
        self.node(ExprKind::Call(function, arguments), at)
    }

    fn column(&mut self, at: Position) -> Result<Expr, PolicyError> {
        let first = self.name("a column")?;
        if !self.take_sign(".") {
            return self.node(ExprKind::Column { table: None, name: first }, at);
        }
        let name = self.name("a column")?;
        if self.is_sign(".") {
            return Err(self.refuse("the name has too many parts", "write `table.column`, without a schema"));
        }
        self.node(ExprKind::Column { table: Some(first), name }, at)
    }

    /// `a, b)`
    fn list(&mut self) -> Result<Vec<Expr>, PolicyError> {
        let mut list = vec![self.expr(OR)?];
        while self.take_sign(",") {
            list.push(self.expr(OR)?);
        }
        self.expect(")")?;
        Ok(list)
    }

    /// The operator that comes next and its precedence. Words are told apart in [`Parser::infix`].
    fn operator(&self) -> Option<(u8, String)> {
        let (precedence, name) = match self.peek() {
            TokenKind::Sign(sign) => {
                let precedence = match *sign {
                    "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" => COMPARE,
                    "->" | "->>" => ARROW,
                    "+" | "-" => SUM,
                    "*" | "/" => PRODUCT,
                    _ => return None,
                };
                (precedence, (*sign).to_owned())
            }
            TokenKind::Word(word) => {
                let word = word.to_lowercase();
                let precedence = match word.as_str() {
                    "or" => OR,
                    "and" => AND,
                    "is" => IS,
                    "in" | "like" | "ilike" | "between" | "not" => MEMBER,
                    _ => return None,
                };
                (precedence, word)
            }
            TokenKind::Quoted(_) | TokenKind::Text(_) | TokenKind::Number(_) | TokenKind::End => return None,
        };
        Some((precedence, name))
    }

    fn infix(&mut self, left: Expr, precedence: u8, operator: String) -> Result<Expr, PolicyError> {
        let at = left.at;
        let here = self.at();
        self.next += 1;
        let left = Box::new(left);
        let binary = match operator.as_str() {
            "is" => return self.is(left, at),
            "not" | "in" | "like" | "ilike" | "between" => return self.member(left, &operator, at),
            "->" | "->>" => {
                let yields = if operator == "->" { Yields::Json } else { Yields::Text };
                let key = self.key()?;
                return self.node(ExprKind::Get { from: left, key, yields }, at);
            }
            "or" => Binary::Or,
            "and" => Binary::And,
            "=" => Binary::Equal,
            "<>" | "!=" => Binary::NotEqual,
            "<" => Binary::Less,
            "<=" => Binary::LessOrEqual,
            ">" => Binary::Greater,
            ">=" => Binary::GreaterOrEqual,
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            _ => Binary::Divide,
        };
        let right = self.expr(precedence + 1)?;
        if precedence == COMPARE && self.operator().is_some_and(|(next, _)| next == COMPARE) {
            let message = "comparisons do not follow one another";
            return Err(PolicyError::at(Flaw::Syntax, here, message).hint("join them with `and`"));
        }
        self.node(ExprKind::Binary(binary, left, Box::new(right)), at)
    }

    fn is(&mut self, of: Box<Expr>, at: Position) -> Result<Expr, PolicyError> {
        let negated = self.take_word("not");
        if self.take_word("distinct") {
            if !self.take_word("from") {
                return Err(self.unexpected("`from`"));
            }
            let binary = if negated { Binary::NotDistinct } else { Binary::Distinct };
            let right = self.expr(IS + 1)?;
            return self.node(ExprKind::Binary(binary, of, Box::new(right)), at);
        }
        let what = match self.peek() {
            TokenKind::Word(word) => match word.to_lowercase().as_str() {
                "null" | "unknown" => Is::Null,
                "true" => Is::True,
                "false" => Is::False,
                _ => return Err(self.unexpected("`null`, `true`, `false` or `distinct from`")),
            },
            _ => return Err(self.unexpected("`null`, `true`, `false` or `distinct from`")),
        };
        self.next += 1;
        self.node(ExprKind::Is { of, what, negated }, at)
    }

    fn member(&mut self, of: Box<Expr>, operator: &str, at: Position) -> Result<Expr, PolicyError> {
        let negated = operator == "not";
        let word = if negated {
            self.name("`in`, `like` or `between`")?.to_lowercase()
        } else {
            operator.to_owned()
        };
        let kind = match word.as_str() {
            "in" => {
                self.expect("(")?;
                if self.is_word("select") {
                    let select = Box::new(self.select()?);
                    ExprKind::InSelect { of, select, negated }
                } else {
                    ExprKind::In { of, list: self.list()?, negated }
                }
            }
            "like" | "ilike" => {
                let case = if word == "like" { Case::Sensitive } else { Case::Insensitive };
                let pattern = Box::new(self.expr(MEMBER + 1)?);
                ExprKind::Like { of, pattern, case, negated }
            }
            "between" => {
                let low = Box::new(self.expr(MEMBER + 1)?);
                if !self.take_word("and") {
                    return Err(self.unexpected("`and`"));
                }
                let high = Box::new(self.expr(MEMBER + 1)?);
                ExprKind::Between { of, low, high, negated }
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected("`in`, `like`, `ilike` or `between`"));
            }
        };
        self.node(kind, at)
    }
}
