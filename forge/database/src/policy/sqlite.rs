//! Policies as SQLite conditions.
//!
//! A condition holds literals of the policy, quoted here, and three named parameters for who asks, so a
//! prepared statement serves everybody of one role. SQLite has no policies of its own: a subquery's
//! tables get theirs here, in place.

mod form;

use std::fmt::Write as _;

use forge_core::Role;

use super::error::{Flaw, PolicyError};
use super::rule::{Rule, Side, cycle_error, rule};
use super::typed::{
    Access, Binary, Case, Function, Is, Key, Literal, Node, NodeKind, Query, ROW, Resolved, Ty, Unary, Yields,
};
use crate::ddl::sqlite::{quote_name as quote, quote_text as text};
use crate::people;
use crate::schema::{Command, Schema};
use form::{beyond_row, conversion, glob};

/// What the judged row's table is called in a statement: `from "posts" as "_row"`.
pub const ROW_ALIAS: &str = "_row";
/// The most bytes of a condition, the policies of the tables it reads included.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
pub use crate::ddl::sqlite::NOW;

/// A condition on the row called [`ROW_ALIAS`]. A row passes where it is true; null is not true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// The condition.
    pub sql: String,
    /// The parameters in it.
    pub params: Vec<Param>,
}

/// A named parameter: something about who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Param {
    /// The user's id in lower case, or null.
    Uid,
    /// The role's name.
    Role,
    /// The claims as JSON, or null.
    Jwt,
}

impl Param {
    /// Its name in the statement.
    pub fn name(self) -> &'static str {
        match self {
            Param::Uid => ":auth_uid",
            Param::Role => ":auth_role",
            Param::Jwt => ":auth_jwt",
        }
    }
}

/// Which rows of `table` the command reaches, or, on the side of the check, may leave.
///
/// For the service, all. A role without a policy reaches none.
pub fn predicate(
    schema: &Schema,
    table: &str,
    command: Command,
    side: Side,
    role: &Role,
) -> Result<Predicate, PolicyError> {
    predicate_as(schema, table, command, side, role, ROW_ALIAS)
}

/// The same for the row that is called `alias` in the statement.
pub fn predicate_as(
    schema: &Schema,
    table: &str,
    command: Command,
    side: Side,
    role: &Role,
    alias: &str,
) -> Result<Predicate, PolicyError> {
    let mut writer =
        Writer { schema, role, sql: String::new(), params: Vec::new(), aliases: 0, open: Vec::new() };
    if *role == Role::Service {
        writer.sql.push('1');
    } else {
        writer.table(table, command, side, alias)?;
    }
    writer.params.sort_unstable();
    writer.params.dedup();
    Ok(Predicate { sql: writer.sql, params: writer.params })
}

/// A check constraint's condition, which knows only the row: without who asks, the time, or subqueries.
/// Columns stand without their table, as SQLite's `check (...)` wants them.
pub fn constraint(check: &Resolved) -> Result<String, PolicyError> {
    let (schema, role) = (Schema::default(), Role::Service);
    let mut writer = Writer {
        schema: &schema,
        role: &role,
        sql: String::new(),
        params: Vec::new(),
        aliases: 0,
        open: Vec::new(),
    };
    if let Some(what) = beyond_row(&check.root) {
        let message = format!("a check constraint cannot use {what}");
        return Err(
            PolicyError::new(Flaw::Unsupported, message).hint("put the condition into a policy's check")
        );
    }
    writer.node(&check.root, &[(ROW, String::new())])?;
    Ok(writer.sql)
}

/// The names of a policy's sources in the statement.
type Aliases = [(u32, String)];

struct Writer<'s> {
    schema: &'s Schema,
    role: &'s Role,
    sql: String,
    params: Vec<Param>,
    aliases: u32,
    /// The tables whose policies for reading are being written.
    open: Vec<String>,
}

impl Writer<'_> {
    /// The rule of `table` for the row called `alias`.
    fn table(&mut self, table: &str, command: Command, side: Side, alias: &str) -> Result<(), PolicyError> {
        let reading = command == Command::Select;
        if reading && self.open.iter().any(|open| open == table) {
            return Err(cycle_error(&self.open, table));
        }
        let known = self.schema.tables.get(table);
        let known = known
            .ok_or_else(|| PolicyError::new(Flaw::UnknownTable, format!("there is no table `{table}`")))?;
        let Rule { permissive, restrictive } = rule(self.schema, known, command, side, self.role)?;
        if permissive.is_empty() {
            self.sql.push('0');
            return Ok(());
        }
        if reading {
            self.open.push(table.to_owned());
        }
        let aliases = [(ROW, alias.to_owned())];
        self.sql.push('(');
        for (at, policy) in permissive.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { " or " });
            self.node(&policy.root, &aliases)?;
        }
        self.sql.push(')');
        for policy in &restrictive {
            self.sql.push_str(" and ");
            self.node(&policy.root, &aliases)?;
        }
        if reading {
            self.open.pop();
        }
        Ok(())
    }

    /// Writes a node so that it stands as one operand.
    fn node(&mut self, node: &Node, aliases: &Aliases) -> Result<(), PolicyError> {
        if self.sql.len() > SQL_BYTES_MAX {
            let message = format!("the policies come to more than {SQL_BYTES_MAX} bytes of SQL");
            return Err(PolicyError::new(Flaw::Limit, message)
                .hint("let subqueries read tables with simpler policies"));
        }
        match &node.kind {
            NodeKind::Column { source, name } => self.column(*source, name, aliases),
            NodeKind::Literal(literal) => self.literal(literal),
            NodeKind::Uid => self.param(Param::Uid),
            NodeKind::Role => self.param(Param::Role),
            NodeKind::Jwt => self.param(Param::Jwt),
            NodeKind::Now => self.sql.push_str(NOW),
            NodeKind::Can(resource, access) => self.can(resource, *access, aliases)?,
            NodeKind::Get(of, path, yields) => self.get(of, path, *yields, aliases)?,
            NodeKind::Unary(unary, of) => {
                self.sql.push_str(if *unary == Unary::Not { "(not " } else { "(- " });
                self.node(of, aliases)?;
                self.sql.push(')');
            }
            NodeKind::Binary(binary, left, right) => self.binary(*binary, left, right, &node.ty, aliases)?,
            NodeKind::Is(of, what) => {
                self.sql.push('(');
                self.node(of, aliases)?;
                self.sql.push_str(match what {
                    Is::Null => " is null)",
                    Is::True => " is true)",
                    Is::False => " is false)",
                });
            }
            NodeKind::In(of, list) => {
                self.sql.push('(');
                self.node(of, aliases)?;
                self.sql.push_str(" in (");
                self.list(list, aliases)?;
                self.sql.push_str("))");
            }
            NodeKind::InQuery(of, query) => {
                self.sql.push('(');
                self.node(of, aliases)?;
                self.sql.push_str(" in ");
                self.query(query, aliases)?;
                self.sql.push(')');
            }
            NodeKind::Exists(query) => {
                self.sql.push_str("exists ");
                self.query(query, aliases)?;
            }
            NodeKind::Like(of, pattern, case) => {
                let (open, close) = if *case == Case::Insensitive { ("(lower(", ")") } else { ("(", "") };
                self.sql.push_str(open);
                self.node(of, aliases)?;
                let glob = text(&glob(pattern, *case));
                write_all(&mut self.sql, format_args!("{close} glob {glob})"));
            }
            NodeKind::Call(function, arguments) => self.call(*function, arguments, aliases)?,
            NodeKind::Cast(of) => self.cast(of, &node.ty, aliases)?,
        }
        Ok(())
    }

    fn column(&mut self, source: u32, name: &str, aliases: &Aliases) {
        let alias = aliases.iter().rev().find(|(number, _)| *number == source).map_or("", |(_, alias)| alias);
        if !alias.is_empty() {
            write_all(&mut self.sql, format_args!("{}.", quote(alias)));
        }
        self.sql.push_str(&quote(name));
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.sql.push_str("null"),
            Literal::Bool(value) => self.sql.push(if *value { '1' } else { '0' }),
            Literal::Int(value) => write_all(&mut self.sql, format_args!("({value})")),
            Literal::Decimal(value) => write_all(&mut self.sql, format_args!("({value})")),
            Literal::Text(value) => self.sql.push_str(&text(value)),
        }
    }

    fn param(&mut self, param: Param) {
        self.sql.push_str(param.name());
        self.params.push(param);
    }

    /// A member of JSON. SQLite tells JSON's null from a missing member only by `json_type`.
    fn get(&mut self, of: &Node, path: &[Key], yields: Yields, aliases: &Aliases) -> Result<(), PolicyError> {
        let mut steps = "$".to_owned();
        for key in path {
            match key {
                Key::Name(name) => write_all(&mut steps, format_args!(".\"{name}\"")),
                Key::Index(index) => write_all(&mut steps, format_args!("[{index}]")),
            }
        }
        let path = text(&steps);
        let (before, between, after) = match yields {
            Yields::Json => ("json_type(", None, ")".to_owned()),
            Yields::Text => (
                "(case json_type(",
                Some(
                    ") when 'true' then 'true' when 'false' then 'false' when 'null' then null \
                     else cast(json_extract(",
                ),
                ") as text) end)".to_owned(),
            ),
        };
        self.sql.push_str(before);
        self.node(of, aliases)?;
        write_all(&mut self.sql, format_args!(", {path}"));
        if let Some(between) = between {
            self.sql.push_str(between);
            self.node(of, aliases)?;
            write_all(&mut self.sql, format_args!(", {path}"));
        }
        self.sql.push_str(&after);
        Ok(())
    }

    /// Whether a grant for the resource, or for every one, is among the claims. Null is no resource.
    fn can(&mut self, resource: &Node, access: Access, aliases: &Aliases) -> Result<(), PolicyError> {
        let start = self.sql.len();
        self.node(resource, aliases)?;
        let resource = self.sql.split_off(start);
        self.params.push(Param::Jwt);
        self.sql.push_str(&granted(&resource, access));
        Ok(())
    }

    fn binary(
        &mut self,
        binary: Binary,
        left: &Node,
        right: &Node,
        ty: &Ty,
        aliases: &Aliases,
    ) -> Result<(), PolicyError> {
        let operator = match binary {
            Binary::And => "and",
            Binary::Or => "or",
            Binary::Equal => "=",
            Binary::NotEqual => "<>",
            Binary::Less => "<",
            Binary::LessOrEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterOrEqual => ">=",
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Distinct => "is not",
            Binary::NotDistinct => "is",
        };
        // SQLite divides whole numbers as such, even where they are a decimal's value.
        let fraction = binary == Binary::Divide && *ty != Ty::Int;
        self.sql.push_str(if fraction { "(cast(" } else { "(" });
        self.node(left, aliases)?;
        write_all(&mut self.sql, format_args!("{} {operator} ", if fraction { " as real)" } else { "" }));
        self.node(right, aliases)?;
        self.sql.push(')');
        Ok(())
    }

    fn list(&mut self, list: &[Node], aliases: &Aliases) -> Result<(), PolicyError> {
        for (at, item) in list.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { ", " });
            self.node(item, aliases)?;
        }
        Ok(())
    }

    fn call(&mut self, function: Function, arguments: &[Node], aliases: &Aliases) -> Result<(), PolicyError> {
        self.sql.push_str(match function {
            Function::Coalesce => "coalesce(",
            Function::Lower => "lower(",
            Function::Upper => "upper(",
            Function::Length => "length(",
        });
        self.list(arguments, aliases)?;
        if function == Function::Coalesce && arguments.len() == 1 {
            self.sql.push_str(", null"); // SQLite's takes two at least.
        }
        self.sql.push(')');
        Ok(())
    }

    /// `(select ... from ... where ...)`, with the policies of the tables read.
    fn query(&mut self, query: &Query, outer: &Aliases) -> Result<(), PolicyError> {
        let mut aliases = outer.to_vec();
        for source in &query.from {
            self.aliases += 1;
            aliases.push((source.number, format!("_s{}", self.aliases)));
        }
        let named = &aliases[outer.len()..];
        self.sql.push_str("(select ");
        match &query.column {
            Some(column) => self.node(column, &aliases)?,
            None => self.sql.push('1'),
        }
        for (at, (source, (_, alias))) in query.from.iter().zip(named).enumerate() {
            let joined = if at == 0 { "from" } else { "join" };
            let table = self.source(&source.table);
            write_all(&mut self.sql, format_args!(" {joined} {table} as {}", quote(alias)));
            if let Some(on) = &source.on {
                self.sql.push_str(" on ");
                self.node(on, &aliases)?;
            }
        }
        for (at, (source, (_, alias))) in query.from.iter().zip(named).enumerate() {
            self.sql.push_str(if at == 0 { " where (" } else { " and (" });
            if source.table == people::USERS {
                self.sql.push('1');
            } else {
                self.table(&source.table, Command::Select, Side::Using, alias)?;
            }
            self.sql.push(')');
        }
        if let Some(filter) = &query.filter {
            self.sql.push_str(" and ");
            self.node(filter, &aliases)?;
        }
        self.sql.push(')');
        Ok(())
    }

    /// What a subquery reads under the table's name.
    fn source(&mut self, table: &str) -> String {
        if table != people::USERS {
            return quote(table);
        }
        self.params.push(Param::Uid);
        people::own_row(Param::Uid.name())
    }

    /// A conversion; what does not convert becomes null.
    fn cast(&mut self, of: &Node, to: &Ty, aliases: &Aliases) -> Result<(), PolicyError> {
        write_all(&mut self.sql, format_args!("(select {} from (select ", conversion(&of.ty, to)));
        self.node(of, aliases)?;
        self.sql.push_str(" as v))");
        Ok(())
    }
}

/// Whether the claims allow the access to a resource, which is a text in SQL.
pub(crate) fn granted(resource: &str, access: Access) -> String {
    let jwt = Param::Jwt.name();
    let words: Vec<String> = access
        .allowed_by()
        .map(|access| format!("'*:{word}', _r.v || ':{word}'", word = access.name()))
        .collect();
    format!(
        "(json_type({jwt}, '$.grants') is 'array' and exists (select 1 from json_each({jwt}, '$.grants') as _g, (select \
         {resource} as v) as _r where _g.type = 'text' and _g.value in ({})))",
        words.join(", ")
    )
}

fn write_all(sql: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    sql.write_fmt(arguments).unwrap_or_default();
}
