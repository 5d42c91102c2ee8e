//! Expressions, each written so that it stands as one operand.

use super::{Param, Result, Writer};
use crate::ddl::sqlite::{quote_name as quote, quote_text as text};
use crate::policy::Access;
use crate::policy::sqlite::{Param as Who, granted};
use crate::routine::builtin::{Builtin, Shape};
use crate::routine::tree::{Aggregated, Binary, Each, Expr, ExprKind, Is, Query, Windowed};
use crate::routine::types::{self, Ty};
use crate::schema::Type;

impl Writer<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<()> {
        self.bounded()?;
        match &expr.kind {
            ExprKind::Null => self.push("null"),
            ExprKind::Bool(value) => self.push(if *value { "1" } else { "0" }),
            ExprKind::Int(value) => self.write(format_args!("({value})")),
            ExprKind::Decimal(value) => self.write(format_args!("({value})")),
            ExprKind::Text(value) => self.push(&text(value)),
            ExprKind::Blob(bytes) => self.blob(bytes),
            ExprKind::Column { source, name } => self.column(*source, name),
            ExprKind::Row(columns) => return self.row(columns),
            ExprKind::Argument(name) => self.param(Param::Argument(name.clone())),
            ExprKind::Who(who) => self.param(Param::Who(*who)),
            ExprKind::Claim(name) => self.claim(name),
            ExprKind::Can(resource, access) => return self.can(resource, *access),
            ExprKind::Request(request) => self.param(Param::Request(*request)),
            ExprKind::Not(of) => return self.around("(not ", of, ")"),
            ExprKind::Negate(of) => return self.around("(- ", of, ")"),
            ExprKind::Binary(binary, left, right) => return self.binary(*binary, left, right, &expr.ty),
            ExprKind::Is(of, what) => {
                let end = match what {
                    Is::Null => " is null)",
                    Is::True => " is true)",
                    Is::False => " is false)",
                };
                return self.around("(", of, end);
            }
            ExprKind::In { of, list } => {
                self.around("(", of, " in (")?;
                self.list(list)?;
                self.push("))");
            }
            ExprKind::InQuery { of, query } => {
                self.around("(", of, " in (")?;
                self.query(query)?;
                self.push("))");
            }
            ExprKind::InArray { of, array } => {
                self.around("(case when ", array, " is not null then ")?;
                self.around("", of, " in (select value from json_each(")?;
                self.around("", array, ")) end)")?;
            }
            ExprKind::Exists(query) => return self.query_between("exists (", query, ")"),
            ExprKind::Scalar(query) => return self.query_between("(", query, ")"),
            ExprKind::ArrayOf(query) => return self.array_of(query),
            ExprKind::Array(list) | ExprKind::Elements(list) => return self.elements(list),
            ExprKind::Object(pairs) => return self.object(pairs),
            ExprKind::ToJson(of) => return self.as_json(of),
            ExprKind::Case { of, whens, otherwise } => {
                return self.case(of.as_deref(), whens, otherwise.as_deref());
            }
            ExprKind::Call(builtin, arguments) => return self.call(builtin, arguments),
            ExprKind::Aggregate(one) => return self.aggregated(one, None),
            ExprKind::Window(one) => return self.windowed(one),
            ExprKind::Cast(of) => return self.cast(of, &expr.ty),
        }
        Ok(())
    }

    pub(super) fn list(&mut self, list: &[Expr]) -> Result<()> {
        for (at, item) in list.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.expr(item)?;
        }
        Ok(())
    }

    pub(super) fn around(&mut self, before: &str, of: &Expr, after: &str) -> Result<()> {
        self.push(before);
        self.expr(of)?;
        self.push(after);
        Ok(())
    }

    fn query_between(&mut self, before: &str, query: &Query, after: &str) -> Result<()> {
        self.push(before);
        self.query(query)?;
        self.push(after);
        Ok(())
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.push("x'");
        for byte in bytes {
            self.write(format_args!("{byte:02x}"));
        }
        self.push("'");
    }

    fn column(&mut self, source: u32, name: &str) {
        let alias = self.alias(source);
        let value = match (self.lists.get(&source), name) {
            (Some(Each::Json | Each::Member), "value") => format!(
                "(case {alias}.type when 'object' then {alias}.value when 'array' then {alias}.value \
                 when 'true' then 'true' when 'false' then 'false' when 'null' then 'null' \
                 else json_quote({alias}.value) end)"
            ),
            (Some(Each::JsonText | Each::MemberText), "value") => format!(
                "(case {alias}.type when 'true' then 'true' when 'false' then 'false' \
                 else cast({alias}.value as text) end)"
            ),
            _ => format!("{alias}.{}", quote(name)),
        };
        self.push(&value);
    }

    /// Whether the claims allow the access to the resource.
    fn can(&mut self, resource: &Expr, access: Access) -> Result<()> {
        let start = self.sql.len();
        self.expr(resource)?;
        let resource = self.sql.split_off(start);
        self.params.insert(Param::Who(Who::Jwt));
        self.push(&granted(&resource, access));
        self.bounded()
    }

    fn claim(&mut self, name: &str) {
        self.push("pg_json_text(pg_json_get(");
        self.param(Param::Who(Who::Jwt));
        self.write(format_args!(", {}))", text(name)));
    }

    fn binary(&mut self, binary: Binary, left: &Expr, right: &Expr, ty: &Ty) -> Result<()> {
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
            Binary::Concat => "||",
            Binary::Distinct => "is not",
            Binary::NotDistinct => "is",
        };
        // Decimals are doubles here: rounding takes away what a double adds to them.
        let decimal = ty.is_numeric();
        self.push(if decimal { "round(" } else { "(" });
        self.expr(left)?;
        self.write(format_args!(" {operator} "));
        self.expr(right)?;
        self.push(if decimal { ", 10)" } else { ")" });
        Ok(())
    }

    fn case(&mut self, of: Option<&Expr>, whens: &[(Expr, Expr)], otherwise: Option<&Expr>) -> Result<()> {
        self.push("(case");
        if let Some(of) = of {
            self.around(" ", of, "")?;
        }
        for (when, then) in whens {
            self.around(" when ", when, " then ")?;
            self.expr(then)?;
        }
        if let Some(otherwise) = otherwise {
            self.around(" else ", otherwise, "")?;
        }
        self.push(" end)");
        Ok(())
    }

    /// A function by its template.
    fn call(&mut self, builtin: &'static Builtin, arguments: &[Expr]) -> Result<()> {
        if let ("coalesce" | "greatest" | "least", [only]) = (builtin.name, arguments) {
            return self.expr(only);
        }
        let mut rest = builtin.sql;
        while let Some(start) = rest.find('{') {
            let (before, hole) = rest.split_at(start);
            self.push(before);
            let end = hole.find('}').unwrap_or(hole.len() - 1);
            match hole[1..end].parse::<usize>() {
                Ok(at) => match arguments.get(at) {
                    Some(argument) => self.expr(argument)?,
                    None => self.push("null"),
                },
                Err(_) => self.list(arguments)?,
            }
            rest = &hole[end + 1..];
        }
        self.push(rest);
        Ok(())
    }

    fn aggregated(&mut self, one: &Aggregated, over: Option<&str>) -> Result<()> {
        let (before, after) = match one.function.shape {
            Shape::JsonList | Shape::List => ("nullif(", ", '[]')".to_owned()),
            Shape::JsonObject => ("nullif(", ", '{}')".to_owned()),
            Shape::Plain | Shape::WindowOnly => {
                match (one.function.name, one.arguments.first().map(|first| &first.ty)) {
                    // Decimals are doubles here: rounding takes away what a double adds to them.
                    ("sum", Some(Ty::Known(Type::Numeric(_, scale)))) => ("round(", format!(", {scale})")),
                    ("sum", Some(Ty::Numeric)) => ("round(", ", 10)".to_owned()),
                    _ => ("", String::new()),
                }
            }
        };
        self.push(before);
        self.push(one.function.sql);
        self.push(if one.distinct { "(distinct " } else { "(" });
        if one.arguments.is_empty() && one.function.name == "count" {
            self.push("*");
        }
        for (at, argument) in one.arguments.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            let as_json = match one.function.shape {
                Shape::JsonList | Shape::List => true,
                Shape::JsonObject => at == 1,
                Shape::Plain | Shape::WindowOnly => false,
            };
            if as_json {
                self.element(argument)?;
            } else if argument.ty == Ty::Row {
                self.push("1");
            } else {
                self.expr(argument)?;
            }
        }
        self.order(&one.order)?;
        self.push(")");
        if let Some(filter) = &one.filter {
            self.around(" filter (where ", filter, ")")?;
        }
        if let Some(over) = over {
            self.push(over);
        }
        self.push(&after);
        Ok(())
    }

    fn windowed(&mut self, one: &Windowed) -> Result<()> {
        let start = self.sql.len();
        self.push(" over (");
        for (at, by) in one.partition.iter().enumerate() {
            self.push(if at == 0 { "partition by " } else { ", " });
            self.expr(by)?;
        }
        self.order(&one.order)?;
        if let Some(frame) = &one.frame {
            self.write(format_args!(" {frame}"));
        }
        self.push(")");
        let over = self.sql.split_off(start);
        match &one.call.kind {
            ExprKind::Aggregate(call) => self.aggregated(call, Some(&over)),
            _ => self.expr(&one.call),
        }
    }

    fn array_of(&mut self, query: &Query) -> Result<()> {
        let Some(column) = query.columns.first() else {
            self.push("null");
            return Ok(());
        };
        let kind = ExprKind::Column { source: u32::MAX, name: column.name.clone() };
        self.push("(select json_group_array(");
        self.element(&Expr::new(kind, column.ty.clone()))?;
        self.push(") from (");
        self.query(query)?;
        let alias = self.alias(u32::MAX);
        self.write(format_args!(") as {alias})"));
        Ok(())
    }

    fn elements(&mut self, list: &[Expr]) -> Result<()> {
        self.push("json_array(");
        for (at, item) in list.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.element(item)?;
        }
        self.push(")");
        Ok(())
    }

    fn object(&mut self, pairs: &[(Expr, Expr)]) -> Result<()> {
        self.push("json_object(");
        for (at, (key, value)) in pairs.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.expr(key)?;
            self.push(", ");
            self.element(value)?;
        }
        self.push(")");
        Ok(())
    }

    fn row(&mut self, columns: &[(String, Expr)]) -> Result<()> {
        self.push("json_object(");
        for (at, (name, value)) in columns.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            self.write(format_args!("{comma}{}, ", text(name)));
            self.element(value)?;
        }
        self.push(")");
        Ok(())
    }

    fn as_json(&mut self, of: &Expr) -> Result<()> {
        if of.ty == Ty::Row {
            return self.expr(of);
        }
        self.around("(case when ", of, " is not null then json_quote(")?;
        self.element(of)?;
        self.push(") end)");
        Ok(())
    }

    /// A value as a part of JSON.
    pub(super) fn element(&mut self, of: &Expr) -> Result<()> {
        match &of.ty {
            Ty::Known(Type::Boolean) => {
                self.around("json(case ", of, " when 1 then 'true' when 0 then 'false' end)")
            }
            Ty::Known(Type::Jsonb | Type::Array(_)) => self.around("json(", of, ")"),
            Ty::Known(Type::Timestamptz) => {
                self.around("(rtrim(rtrim(substr(", of, ", 1, 26), '0'), '.') || '+00:00')")
            }
            Ty::Known(Type::Vector(_)) => self.around("json(pg_vector_json(", of, "))"),
            Ty::Known(Type::Bytea) | Ty::Interval => self.cast(of, &types::TEXT),
            Ty::Row => self.expr(of),
            ty if ty.is_text() => self.around("(", of, " || '')"),
            _ => self.expr(of),
        }
    }
}
