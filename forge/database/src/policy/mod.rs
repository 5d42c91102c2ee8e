//! Who may reach which rows: the policy language, parsed once and compiled for each engine.
//!
//! [`parse()`] reads the text, [`resolve()`] looks up its names and checks its types, and a module per
//! engine, such as [`sqlite`], turns the [`typed`] tree into conditions of that engine. The language is
//! the part of Postgres' expressions that both engines can hold to: columns, literals, `auth.uid()`,
//! `auth.role()`, `auth.email()`, `auth.jwt() ->> 'claim'`, `auth.can('resource', 'read')`, `now()`, comparisons, `and`, `or`, `not`, `is`, `in`, `like`,
//! `between`, arithmetic, `coalesce`, `lower`, `upper`, `length`, casts, and subqueries behind `exists` and
//! `in`. Truth has three values as in SQL, and null is not true.
//!
//! A subquery sees what the same identity may read: the policies of its tables apply to it. `auth.users`
//! stands for the row of the one who asks, without its secrets.

mod error;
mod expr;
mod literal;
mod parse;
pub mod postgres;
mod resolve;
mod rule;
pub mod shorthand;
pub mod sqlite;
mod token;
pub mod typed;

#[cfg(test)]
pub(crate) mod tests;

pub use error::{Flaw, PolicyError, Position};
pub use expr::{Access, Binary, Case, Expr, ExprKind, From, Function, Is, Key, Select, Unary, Yields};
pub use literal::WILDCARDS_MAX;
pub use parse::{DEPTH_MAX, HEIGHT_MAX, NODES_MAX, parse};
pub use resolve::resolve;
pub use rule::{Cycle, Rule, Side, condition, cycles, roles, rule, speaks_to, tables_read};
pub use shorthand::{expand, with_grants};
pub use token::TEXT_BYTES_MAX;
pub use typed::Resolved;
