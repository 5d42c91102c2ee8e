//! Calling functions. The result is a query called `_f` that the answer is made of, so that a function runs once.

use super::source::From;
use super::{Answer, Writer, array, qualified, quote, refused};
use crate::error::RestError;
use crate::model::{Argument, Returns};
use crate::plan::{Arguments, Call};

/// The first row called `_r`, null where there is none.
const FIRST_ROW: &str = "coalesce((array_agg(row_to_json(\"_r\".*)))[1]::text, 'null')";
const FIRST_VALUE: &str = "coalesce((array_agg(to_json(\"_r\".\"_v\")))[1]::text, 'null')";
const VALUES: &str =
    "'[' || coalesce(string_agg(coalesce(to_json(\"_r\".\"_v\")::text, 'null'), ','), '') || ']'";

impl Writer<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<String, RestError> {
        let result = self.result(call)?;
        let (answer, rows) = match &call.function.returns {
            Returns::Void => {
                let none = || "0 * count(*)".to_owned();
                (Answer { body: "''", rows: none(), added: none(), ..Answer::of_rows() }, "\"_f\"".to_owned())
            }
            Returns::Value(_) => {
                let one = || "1::bigint".to_owned();
                let answer = Answer { body: FIRST_VALUE, rows: one(), added: one(), ..Answer::of_rows() };
                (answer, "\"_f\"".to_owned())
            }
            Returns::Values(_) => {
                let total = counted(call, "\"_f\"");
                let limits = self.limits(&call.root);
                (
                    Answer { body: VALUES, total, ..Answer::of_rows() },
                    format!("(SELECT \"_v\" FROM \"_f\"{limits})"),
                )
            }
            Returns::Row(..) | Returns::Record(_) => {
                let page = self.called_page(call)?;
                (Answer { body: FIRST_ROW, ..self.called_rows(call)? }, page)
            }
            Returns::Rows(..) | Returns::Table(_) => {
                let page = self.called_page(call)?;
                (self.called_rows(call)?, page)
            }
        };
        Ok(format!("WITH \"_f\" AS ({result}) SELECT {} FROM {rows} AS \"_r\"", answer.columns()))
    }

    fn called_page(&mut self, call: &Call) -> Result<String, RestError> {
        let from = self.called(call);
        Ok(format!("({})", self.page(&call.root, from)?))
    }

    fn called_rows(&mut self, call: &Call) -> Result<Answer, RestError> {
        if call.count.is_none() {
            return Ok(Answer::of_rows());
        }
        let from = self.called(call);
        let all = self.all(&call.root, &from)?;
        Ok(Answer { total: counted(call, &format!("({all})")), ..Answer::of_rows() })
    }

    fn called(&mut self, call: &Call) -> From {
        let alias = self.alias();
        match &call.function.returns {
            Returns::Row(schema, name) | Returns::Rows(schema, name) => {
                From::like(alias, "\"_f\"", (schema.clone(), name.clone()))
            }
            Returns::Void
            | Returns::Value(_)
            | Returns::Values(_)
            | Returns::Table(_)
            | Returns::Record(_) => From::of(alias, "\"_f\""),
        }
    }

    /// The query that calls the function.
    fn result(&mut self, call: &Call) -> Result<String, RestError> {
        let (given, before) = self.arguments(call)?;
        let called = format!("{}({given})", qualified(&call.function.schema, &call.function.name));
        let (what, alias) = match call.function.returns {
            Returns::Void | Returns::Value(_) | Returns::Values(_) => ("\"_f0\".\"_v\"", "\"_f0\"(\"_v\")"),
            Returns::Row(..) | Returns::Rows(..) | Returns::Table(_) | Returns::Record(_) => {
                ("\"_f0\".*", "\"_f0\"")
            }
        };
        Ok(format!("SELECT {what} FROM {before}{called} AS {alias}"))
    }

    /// The arguments as they stand in the call, and what stands before it in `FROM`.
    fn arguments(&mut self, call: &Call) -> Result<(String, String), RestError> {
        let all = &call.function.arguments;
        match &call.arguments {
            Arguments::Body(bytes) => Ok((self.body(all.first(), bytes)?, String::new())),
            Arguments::Json(members) => {
                let given: Vec<&Argument> =
                    all.iter().filter(|one| members.contains_key(&one.name)).collect();
                if given.is_empty() {
                    return Ok((String::new(), String::new()));
                }
                let object = self.bind(serde_json::Value::from(members.clone()).to_string());
                let mut typed = Vec::with_capacity(given.len());
                for argument in &given {
                    typed.push(format!("{} {}", quote(&argument.name), self.argument_type(argument)?));
                }
                let passed = given.iter().map(|one| passed(one, &format!("\"_a\".{}", quote(&one.name))));
                let before = format!(
                    "json_to_record({object}::json) AS \"_a\"({}) CROSS JOIN LATERAL ",
                    typed.join(", ")
                );
                Ok((passed.collect::<Vec<_>>().join(", "), before))
            }
            Arguments::Text(pairs) => {
                let mut given = Vec::with_capacity(pairs.len());
                for argument in all {
                    let Some((_, texts)) = pairs.iter().find(|(name, _)| *name == argument.name) else {
                        continue;
                    };
                    let text = match (argument.variadic, texts.last()) {
                        (true, _) => array(texts.iter().map(String::as_str)),
                        (false, Some(last)) => last.clone(),
                        (false, None) => continue,
                    };
                    let ty = self.argument_type(argument)?;
                    given.push(passed(argument, &format!("CAST({} AS {ty})", self.bind(text))));
                }
                Ok((given.join(", "), String::new()))
            }
        }
    }

    /// The whole body as the only argument.
    fn body(&mut self, argument: Option<&Argument>, bytes: &[u8]) -> Result<String, RestError> {
        let argument = argument.ok_or_else(|| refused("XX000", "the function takes nothing"))?;
        let text = if argument.ty.name == "bytea" {
            bytes.iter().fold("\\x".to_owned(), |hex, byte| {
                let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
                hex + &String::from_iter([digit(byte >> 4), digit(byte & 15)])
            })
        } else {
            let text = std::str::from_utf8(bytes);
            text.map_err(|_| refused("22021", "invalid byte sequence for encoding \"UTF8\""))?.to_owned()
        };
        let ty = self.argument_type(argument)?;
        Ok(format!("CAST({} AS {ty})", self.bind(text)))
    }
}

fn passed(argument: &Argument, value: &str) -> String {
    let variadic = if argument.variadic { "VARIADIC " } else { "" };
    format!("{variadic}{} => {value}", quote(&argument.name))
}

fn counted(call: &Call, rows: &str) -> String {
    match call.count {
        None => "NULL::bigint".to_owned(),
        Some(_) => format!("(SELECT count(*) FROM {rows} AS \"_n\")"),
    }
}
