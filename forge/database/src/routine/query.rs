//! A query that somebody writes for once, in the same grammar and with the same policies as a view.

use forge_core::Role;
use serde_json::Value;

use super::error::{LIMIT, RoutineError, SYNTAX, UNSUPPORTED};
use super::resolve::{Bound, Resolver};
use super::sqlite::{self, Writer};
use super::stack::on_own_stack;
use super::tree::{Expr, ExprKind, Statement};
use super::types::{self, Ty};
use super::{CompiledView, typed};
use crate::schema::Schema;

/// The most values of a query.
pub const VALUES_MAX: usize = 100;

/// What the query is called while it is read.
const NAME: &str = "query";

/// One `select` as `role` sees it, its values in place of `$1` and so on. For the service, no policies apply.
///
/// Nothing else is taken: what writes, and more than one statement, is refused. A text takes the type that the
/// query wants of it, as a literal does.
pub fn query(
    schema: &Schema,
    role: &Role,
    text: &str,
    values: &[Value],
) -> Result<CompiledView, RoutineError> {
    on_own_stack(|| compile(schema, role, text, values))
}

fn compile(schema: &Schema, role: &Role, text: &str, values: &[Value]) -> Result<CompiledView, RoutineError> {
    if values.len() > VALUES_MAX {
        let message = format!("there are {} values, at most {VALUES_MAX} are allowed", values.len());
        return Err(RoutineError::new(LIMIT, message));
    }
    let bound = values.iter().map(|value| Ok(Bound { name: String::new(), value: literal(value)? }));
    let bound = bound.collect::<Result<Vec<Bound>, RoutineError>>()?;
    let mut resolver = Resolver::new(schema);
    let mut statements = resolver.body(NAME, text, bound)?;
    let one = || RoutineError::new(SYNTAX, "a query is one `select` and nothing else");
    let query = match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => query,
        (Some(Statement::Query(_)) | None, _) => return Err(one()),
        (Some(Statement::Write(_)), _) => return Err(one().hint("rows are added with `forge_db_import`")),
    };
    if super::writes(&resolver.uses) {
        return Err(one().hint("it calls what writes"));
    }
    sqlite::check_grants(schema, role, &resolver.uses)?;
    let mut writer = Writer::new(schema, role, None);
    writer.query(&query)?;
    Ok(CompiledView { sql: writer.take(), columns: typed(&query), params: writer.params() })
}

fn literal(value: &Value) -> Result<Expr, RoutineError> {
    Ok(match value {
        Value::Null => Expr::null(),
        Value::Bool(value) => Expr::new(ExprKind::Bool(*value), types::BOOL),
        Value::Number(number) => match number.as_i64() {
            Some(whole) if i32::try_from(whole).is_ok() => Expr::new(ExprKind::Int(whole), types::INT),
            Some(whole) => Expr::new(ExprKind::Int(whole), types::BIGINT),
            None => Expr::new(ExprKind::Decimal(number.to_string()), Ty::Numeric),
        },
        Value::String(text) if text.contains('\0') => {
            return Err(RoutineError::new(SYNTAX, "a value holds a null byte"));
        }
        Value::String(text) => Expr::new(ExprKind::Text(text.clone()), Ty::Unknown),
        Value::Array(_) | Value::Object(_) => {
            let message = "a value is a text, a number, true, false or null";
            return Err(RoutineError::new(UNSUPPORTED, message).hint("give JSON as a text"));
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec;

    fn schema() -> Schema {
        let text = "migration: m\nchanges:\n  - add_table: {name: notes, columns: [id pk, user_id uuid not null, body text, stars integer], rls: own-row}\n";
        let migration = spec::parse(text, &Schema::default()).unwrap();
        crate::ddl::plan(&Schema::default(), &migration).unwrap().target
    }

    #[test]
    fn policies_are_around_every_table_and_nothing_writes() {
        let schema = schema();
        let user = Role::Authenticated;
        let seen = query(&schema, &user, "select count(*) from notes", &[]).unwrap();
        assert!(seen.sql.contains(":auth_uid"), "{}", seen.sql);
        let all = query(&schema, &Role::Service, "select count(*) from notes;", &[]).unwrap();
        assert!(!all.sql.contains(":auth_uid"), "{}", all.sql);
        for refused in [
            "insert into notes (body) values ('x') returning id",
            "delete from notes",
            "select 1; select 2",
            "with gone as (delete from notes returning id) select * from gone",
            "drop table notes",
            "pragma query_only = 0",
            "attach ':memory:' as x",
            "select * from _loki_schema",
            "select * from sqlite_schema",
            "select * from \"auth.sessions\"",
            "select load_extension('x')",
            "",
        ] {
            assert!(query(&schema, &Role::Service, refused, &[]).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_value_is_a_value_whatever_is_in_it() {
        let schema = schema();
        let text = "select body from notes where body = $1 and stars >= $2 and user_id = $3";
        let evil = json!("x' or 1=1 --");
        let user = json!("a11ce000-0000-4000-8000-000000000001");
        let compiled = query(&schema, &Role::Service, text, &[evil, json!(3), user.clone()]).unwrap();
        assert!(compiled.sql.contains("'x'' or 1=1 --'"), "{}", compiled.sql);
        assert!(query(&schema, &Role::Service, text, &[json!("a"), json!(3), json!("no uuid")]).is_err());
        assert!(query(&schema, &Role::Service, text, &[json!("a"), json!(3)]).is_err(), "one is missing");
        assert!(query(&schema, &Role::Service, text, &[json!([1]), json!(3), user]).is_err());
        let many = vec![json!(1); VALUES_MAX + 1];
        assert!(query(&schema, &Role::Service, "select 1", &many).is_err());
    }
}
