//! Policies as Postgres has them: expressions, and the statements that put them on a table.
//!
//! An expression means what the SQLite compiler makes of the same tree. Where Postgres would raise an
//! error (a text that does not convert, a division by zero, a whole number too large) the result is null
//! or a wider number as there; where it follows the server's locale or the session's time zone, it is
//! told not to. A subquery's tables bring their own policies, for the database applies them itself.

mod statements;
mod value;

use std::fmt::Write as _;

use super::error::{Flaw, PolicyError};
use super::typed::{
    Binary, Case, Function, Is, Key, Literal, Node, NodeKind, Query, ROW, Resolved, Ty, Unary, Yields,
};
use crate::ddl::postgres::{quote_name as quote, quote_text as text};
use crate::people;
pub use statements::{custom_roles, policies};
pub(crate) use statements::{named, reads};
use value::{converted, like, type_name};

/// The most bytes of an expression.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// Settings that say who asks, to be set for the transaction of a request: the claims as JSON (empty
/// when there are none).
pub const CLAIMS: &str = "request.jwt.claims";
/// The subject; where it is not set, the claim `sub` counts.
pub const SUBJECT: &str = "request.jwt.claim.sub";
/// The role's name; where it is not set, the claim `role` counts, then the database's current role.
pub const ROLE: &str = "request.jwt.claim.role";

/// The condition of a policy on the rows of its table, as it stands in `USING (...)`.
pub fn expression(policy: &Resolved) -> Result<String, PolicyError> {
    let mut writer = Writer { sql: String::new(), row: quote(&policy.table) };
    writer.node(&policy.root, Where::Root)?;
    Ok(writer.sql)
}

/// A check constraint's condition. [`super::sqlite::constraint`] has refused what knows more than its row.
pub(crate) fn constraint(check: &Resolved) -> Result<String, PolicyError> {
    expression(check)
}

/// What becomes of a node's value: under the root, `and` and `or`, null is as good as false, so that a
/// comparison may take the form that an index helps with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Root,
    Inside,
}

struct Writer {
    sql: String,
    /// The table of the judged row, quoted.
    row: String,
}

impl Writer {
    /// Writes a node so that it stands as one operand.
    fn node(&mut self, node: &Node, at: Where) -> Result<(), PolicyError> {
        if self.sql.len() > SQL_BYTES_MAX {
            let message = format!("the policy comes to more than {SQL_BYTES_MAX} bytes of SQL");
            return Err(PolicyError::new(Flaw::Limit, message).hint("split it into several policies"));
        }
        match &node.kind {
            NodeKind::Column { source, name } => self.column(*source, name),
            NodeKind::Literal(literal) => self.literal(literal, &node.ty),
            // Subqueries of their own, so that they are worked out once for a statement.
            NodeKind::Uid => self.sql.push_str("(select auth.uid())"),
            NodeKind::Role => self.sql.push_str("(select auth.role())"),
            NodeKind::Jwt => self.sql.push_str("(select auth.jwt())"),
            NodeKind::Now => self.sql.push_str("now()"),
            NodeKind::Can(resource, access) => {
                // One that is the same for every row is worked out once.
                let (open, close) = if is_fixed(resource) { ("(select ", ")") } else { ("", "") };
                let access = text(access.name());
                self.around(&format!("{open}auth.can("), resource, &format!(", {access}){close}"))?;
            }
            NodeKind::Get(of, path, yields) => self.get(of, path, *yields)?,
            NodeKind::Unary(Unary::Not, of) => self.around("(not ", of, ")")?,
            NodeKind::Unary(Unary::Negate, of) => {
                self.sql.push_str("(- ");
                self.wide(of, &node.ty)?;
                self.sql.push(')');
            }
            NodeKind::Binary(binary, left, right) => self.binary(*binary, left, right, &node.ty, at)?,
            NodeKind::Is(of, what) => {
                self.sql.push('(');
                self.whole(of, follows_subject(of))?;
                self.sql.push_str(match what {
                    Is::Null => " is null)",
                    Is::True => " is true)",
                    Is::False => " is false)",
                });
            }
            NodeKind::In(of, list) => {
                let textual = follows_subject(of) || list.iter().any(follows_subject);
                let textual = textual && !(at == Where::Root && as_uuids(of, list));
                self.sql.push('(');
                self.whole(of, textual)?;
                self.sql.push_str(" in (");
                for (index, item) in list.iter().enumerate() {
                    self.sql.push_str(if index == 0 { "" } else { ", " });
                    self.whole(item, textual)?;
                }
                self.sql.push_str("))");
            }
            NodeKind::InQuery(of, query) => {
                let yielded = query.column.as_ref();
                let textual = follows_subject(of) || yielded.is_some_and(follows_subject);
                let textual = textual && !(at == Where::Root && as_uuids(of, yielded));
                self.sql.push('(');
                self.whole(of, textual)?;
                self.sql.push_str(" in ");
                self.query(query, textual)?;
                self.sql.push(')');
            }
            NodeKind::Exists(query) => {
                self.sql.push_str("(exists ");
                self.query(query, false)?;
                self.sql.push(')');
            }
            NodeKind::Like(of, pattern, case) => {
                let (open, close) =
                    if *case == Case::Insensitive { ("(lower((", ") collate \"C\")") } else { ("((", ")") };
                let pattern = text(&like(pattern, *case));
                self.around(open, of, &format!("{close} collate \"C\" like {pattern})"))?;
            }
            NodeKind::Call(function, arguments) => self.call(*function, arguments, &node.ty)?,
            NodeKind::Cast(of) => self.cast(of, &node.ty)?,
        }
        Ok(())
    }

    fn around(&mut self, before: &str, node: &Node, after: &str) -> Result<(), PolicyError> {
        self.sql.push_str(before);
        self.node(node, Where::Inside)?;
        self.sql.push_str(after);
        Ok(())
    }

    fn column(&mut self, source: u32, name: &str) {
        if source == ROW {
            write_all(&mut self.sql, format_args!("{}.{}", self.row, quote(name)));
        } else {
            write_all(&mut self.sql, format_args!("_s{source}.{}", quote(name)));
        }
    }

    fn literal(&mut self, literal: &Literal, ty: &Ty) {
        let cast = type_name(ty).map_or_else(String::new, |name| format!("::{name}"));
        match literal {
            Literal::Null => write_all(&mut self.sql, format_args!("(null{cast})")),
            Literal::Bool(value) => self.sql.push_str(if *value { "true" } else { "false" }),
            Literal::Int(value) => write_all(&mut self.sql, format_args!("({value})")),
            Literal::Decimal(value) => write_all(&mut self.sql, format_args!("({value})")),
            Literal::Text(value) => write_all(&mut self.sql, format_args!("({}{cast})", text(value))),
        }
    }

    /// An operand of a comparison. `textual` where it is compared with the subject of a token that need
    /// not be a uuid.
    fn whole(&mut self, node: &Node, textual: bool) -> Result<(), PolicyError> {
        if !textual {
            return self.node(node, Where::Inside);
        }
        match &node.kind {
            NodeKind::Uid => self.sql.push_str("(select loki.subject())"),
            NodeKind::Call(Function::Coalesce, arguments) => {
                self.sql.push_str("coalesce(");
                for (index, argument) in arguments.iter().enumerate() {
                    self.sql.push_str(if index == 0 { "" } else { ", " });
                    self.whole(argument, true)?;
                }
                self.sql.push(')');
            }
            _ => self.around("((", node, ")::text)")?,
        }
        Ok(())
    }

    /// An operand of arithmetic: whole numbers that cannot overflow, or doubles, as SQLite has them.
    fn wide(&mut self, node: &Node, ty: &Ty) -> Result<(), PolicyError> {
        self.around("(", node, if *ty == Ty::Int { ")::numeric" } else { ")::double precision" })
    }

    /// A member of JSON, step by step: a path in one would take the number of an element for a name.
    fn get(&mut self, of: &Node, path: &[Key], yields: Yields) -> Result<(), PolicyError> {
        self.sql.push_str(&"(".repeat(path.len()));
        self.node(of, Where::Inside)?;
        for (index, key) in path.iter().enumerate() {
            let last = index + 1 == path.len();
            let arrow = if last && yields == Yields::Text { "->>" } else { "->" };
            match key {
                Key::Name(name) => write_all(&mut self.sql, format_args!(" {arrow} {})", text(name))),
                Key::Index(at) => write_all(&mut self.sql, format_args!(" {arrow} {at})")),
            }
        }
        Ok(())
    }

    fn binary(
        &mut self,
        binary: Binary,
        left: &Node,
        right: &Node,
        ty: &Ty,
        at: Where,
    ) -> Result<(), PolicyError> {
        match binary {
            Binary::And | Binary::Or => {
                self.sql.push('(');
                self.node(left, at)?;
                self.sql.push_str(if binary == Binary::And { " and " } else { " or " });
                self.node(right, at)?;
                self.sql.push(')');
                Ok(())
            }
            Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide => {
                self.arithmetic(binary, left, right, ty)
            }
            Binary::Equal => {
                let subject = follows_subject(left) || follows_subject(right);
                let native = at == Where::Root && as_uuids(left, [right]);
                self.compared(left, "=", right, subject && !native)
            }
            Binary::NotEqual
            | Binary::Less
            | Binary::LessOrEqual
            | Binary::Greater
            | Binary::GreaterOrEqual
            | Binary::Distinct
            | Binary::NotDistinct => {
                let operator = match binary {
                    Binary::NotEqual => "<>",
                    Binary::Less => "<",
                    Binary::LessOrEqual => "<=",
                    Binary::Greater => ">",
                    Binary::GreaterOrEqual => ">=",
                    Binary::Distinct => "is distinct from",
                    _ => "is not distinct from",
                };
                self.compared(left, operator, right, follows_subject(left) || follows_subject(right))
            }
        }
    }

    fn compared(
        &mut self,
        left: &Node,
        operator: &str,
        right: &Node,
        textual: bool,
    ) -> Result<(), PolicyError> {
        let ordered = operator.starts_with(['<', '>']) && operator != "<>";
        let collate = if ordered && (textual || left.ty == Ty::Text) { " collate \"C\"" } else { "" };
        self.sql.push('(');
        self.whole(left, textual)?;
        write_all(&mut self.sql, format_args!("{collate} {operator} "));
        self.whole(right, textual)?;
        self.sql.push(')');
        Ok(())
    }

    fn arithmetic(&mut self, binary: Binary, left: &Node, right: &Node, ty: &Ty) -> Result<(), PolicyError> {
        let (open, between, close) = match (binary, ty) {
            (Binary::Divide, Ty::Int) => ("div(", ", nullif(", ", 0))"),
            (Binary::Divide, _) => ("(", " / nullif(", ", 0))"),
            (Binary::Add, _) => ("(", " + ", ")"),
            (Binary::Subtract, _) => ("(", " - ", ")"),
            _ => ("(", " * ", ")"),
        };
        self.sql.push_str(open);
        self.wide(left, ty)?;
        self.sql.push_str(between);
        self.wide(right, ty)?;
        self.sql.push_str(close);
        Ok(())
    }

    fn call(&mut self, function: Function, arguments: &[Node], ty: &Ty) -> Result<(), PolicyError> {
        let (open, close) = match function {
            Function::Coalesce => ("coalesce(", ")"),
            // Only the letters of ASCII have a case, whatever the server's locale.
            Function::Lower => ("lower(", " collate \"C\")"),
            Function::Upper => ("upper(", " collate \"C\")"),
            Function::Length => ("length(", ")"),
        };
        self.sql.push_str(open);
        for (index, argument) in arguments.iter().enumerate() {
            self.sql.push_str(if index == 0 { "" } else { ", " });
            match ty {
                // One type for all, so that mixed numbers meet as SQLite's do.
                Ty::Double | Ty::Numeric if function == Function::Coalesce => self.wide(argument, ty)?,
                _ => self.node(argument, Where::Inside)?,
            }
        }
        self.sql.push_str(close);
        Ok(())
    }

    /// `(select ... from ... where ...)`.
    fn query(&mut self, query: &Query, textual: bool) -> Result<(), PolicyError> {
        self.sql.push_str("(select ");
        match &query.column {
            Some(column) => self.whole(column, textual)?,
            None => self.sql.push('1'),
        }
        for (at, source) in query.from.iter().enumerate() {
            let joined = if at == 0 { "from" } else { "join" };
            let table = match source.table.as_str() {
                people::USERS => people::VIEW.to_owned(),
                other => format!("public.{}", quote(other)),
            };
            write_all(&mut self.sql, format_args!(" {joined} {table} as _s{}", source.number));
            if at > 0 {
                self.sql.push_str(" on ");
                match &source.on {
                    Some(on) => self.node(on, Where::Root)?,
                    None => self.sql.push_str("true"),
                }
            }
        }
        if let Some(filter) = &query.filter {
            self.sql.push_str(" where ");
            self.node(filter, Where::Root)?;
        }
        self.sql.push(')');
        Ok(())
    }

    /// A conversion; what does not convert becomes null.
    fn cast(&mut self, of: &Node, to: &Ty) -> Result<(), PolicyError> {
        if *to == Ty::Text && follows_subject(of) {
            return self.whole(of, true);
        }
        let (before, after) = converted(&of.ty, to);
        self.around(before, of, after)
    }
}

/// Whether the value is the same for every row: one without columns.
fn is_fixed(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Literal(_) | NodeKind::Uid | NodeKind::Role | NodeKind::Jwt => true,
        NodeKind::Get(of, ..) | NodeKind::Cast(of) => is_fixed(of),
        _ => false,
    }
}

/// Whether the value may be the subject as it is in the token, which need not be a uuid.
fn follows_subject(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Uid => true,
        NodeKind::Call(Function::Coalesce, arguments) => arguments.iter().any(follows_subject),
        _ => false,
    }
}

/// Whether `of` may meet `others` as uuids where null is as good as false: a subject that is none equals no
/// value that is one. Two subjects are equal whatever they are.
fn as_uuids<'n>(of: &Node, others: impl IntoIterator<Item = &'n Node>) -> bool {
    let alone = |node: &Node| matches!(node.kind, NodeKind::Uid);
    let mut others = others.into_iter();
    if alone(of) {
        others.all(|other| !follows_subject(other))
    } else {
        !follows_subject(of) && others.all(|other| alone(other) || !follows_subject(other))
    }
}

fn write_all(sql: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    sql.write_fmt(arguments).unwrap_or_default();
}
