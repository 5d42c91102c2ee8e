//! Conditions. What operators mean for a type, and which types have none, Postgres says itself.

use super::source::From;
use super::value::final_type;
use super::{Writer, array, refused};
use crate::ast::{IsValue, Operand, Operator, SearchKind};
use crate::error::RestError;
use crate::plan::{Cond, Embed, Test, Value};

/// The text search configuration where none is named.
const SEARCH_CONFIG: &str = "english";

impl Writer<'_> {
    /// A condition on a row, as one operand.
    pub(super) fn cond(&mut self, cond: &Cond, embeds: &[Embed], from: &From) -> Result<String, RestError> {
        match cond {
            Cond::Test { value, test } => self.test(value, test, from),
            Cond::Embedded(at) => match embeds.get(*at) {
                Some(embed) => self.exists(embed, from),
                None => Err(refused("XX000", "what is embedded is not there")),
            },
            Cond::All(of) | Cond::Any(of) => {
                let all = matches!(cond, Cond::All(_));
                let parts: Result<Vec<String>, RestError> =
                    of.iter().map(|one| self.cond(one, embeds, from)).collect();
                Ok(joined(&parts?, all))
            }
            Cond::Not(of) => Ok(format!("(NOT {})", self.cond(of, embeds, from)?)),
        }
    }

    fn test(&mut self, value: &Value, test: &Test, from: &From) -> Result<String, RestError> {
        let sql = self.value(value, from)?;
        Ok(match test {
            Test::Compare { op, with: Operand::One(text) } => {
                format!("({sql} {} {})", sign(*op), self.bind(text.clone()))
            }
            Test::Compare { op, with: Operand::Any(list) } => self.each(&sql, *op, list, false),
            Test::Compare { op, with: Operand::All(list) } => self.each(&sql, *op, list, true),
            Test::Is(what) => format!("({sql} IS {})", word(*what)),
            Test::Distinct(text) => format!("({sql} IS DISTINCT FROM {})", self.bind(text.clone())),
            // Of lists there is no list: it would be one of more dimensions.
            Test::In(list) if final_type(value).ends_with("[]") => {
                let list: Vec<Option<String>> = list.iter().cloned().map(Some).collect();
                self.each(&sql, Operator::Equal, &list, false)
            }
            Test::In(list) => {
                let list = self.bind(array(list.iter().map(String::as_str)));
                format!("({sql} = ANY({list}))")
            }
            Test::Search { kind, config, query } => {
                self.search(&sql, final_type(value), *kind, config.as_deref(), query)
            }
        })
    }

    fn each(&mut self, sql: &str, op: Operator, list: &[Option<String>], all: bool) -> String {
        let one = |one: &Option<String>| format!("({sql} {} {})", sign(op), self.bind_optional(one.clone()));
        let parts: Vec<String> = list.iter().map(one).collect();
        joined(&parts, all)
    }

    fn search(&mut self, sql: &str, ty: &str, kind: SearchKind, config: Option<&str>, query: &str) -> String {
        let function = match kind {
            SearchKind::Query => "to_tsquery",
            SearchKind::Plain => "plainto_tsquery",
            SearchKind::Phrase => "phraseto_tsquery",
            SearchKind::Web => "websearch_to_tsquery",
        };
        let config = format!("{}::regconfig", self.bind(config.unwrap_or(SEARCH_CONFIG)));
        let query = self.bind(query);
        let text = ["text", "json", "jsonb", "citext", "name", "bpchar"].contains(&ty)
            || ty.starts_with("character")
            || ty.starts_with("varchar");
        let vector = if text { format!("to_tsvector({config}, {sql})") } else { sql.to_owned() };
        format!("({vector} @@ {function}({config}, {query}::text))")
    }
}

fn joined(parts: &[String], all: bool) -> String {
    match (parts, all) {
        ([], true) => "TRUE".to_owned(),
        ([], false) => "FALSE".to_owned(),
        ([one], _) => one.clone(),
        (some, true) => format!("({})", some.join(" AND ")),
        (some, false) => format!("({})", some.join(" OR ")),
    }
}

fn word(what: IsValue) -> &'static str {
    match what {
        IsValue::Null => "NULL",
        IsValue::NotNull => "NOT NULL",
        IsValue::True => "TRUE",
        IsValue::False => "FALSE",
        IsValue::Unknown => "UNKNOWN",
    }
}

fn sign(op: Operator) -> &'static str {
    match op {
        Operator::Equal => "=",
        Operator::NotEqual => "<>",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Like => "LIKE",
        Operator::ILike => "ILIKE",
        Operator::Match => "~",
        Operator::IMatch => "~*",
        Operator::Contains => "@>",
        Operator::ContainedIn => "<@",
        Operator::Overlaps => "&&",
        Operator::StrictlyLeft => "<<",
        Operator::StrictlyRight => ">>",
        Operator::NotRight => "&<",
        Operator::NotLeft => "&>",
        Operator::Adjacent => "-|-",
    }
}
