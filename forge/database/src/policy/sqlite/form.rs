//! Values in SQLite's own terms: conversions, patterns, and what a constraint cannot hold.

use crate::ddl::sqlite::{date_of, timestamp_of};
use crate::policy::typed::{Case, Node, NodeKind, Ty, Wild};

/// The conversion of `v`; what does not convert becomes null.
pub(super) fn conversion(from: &Ty, to: &Ty) -> String {
    let fixed = match (from, to) {
        (Ty::Bool, Ty::Text) => "case v when 1 then 'true' when 0 then 'false' end",
        (Ty::Text, Ty::Int) => {
            "case when length(v) < 19 and ltrim(v, '-') glob '[0-9]*' \
                 and substr(v, 1 + (v glob '-*')) not glob '*[^0-9]*' then cast(v as integer) end"
        }
        (Ty::Text, Ty::Double) => {
            "case when json_valid(v) and json_type(v) in ('integer', 'real') then cast(v as real) end"
        }
        (Ty::Text, Ty::Bool) => {
            "case when lower(v) in ('t', 'true', 'yes', 'y', 'on', '1') then 1 \
                 when lower(v) in ('f', 'false', 'no', 'n', 'off', '0') then 0 end"
        }
        (Ty::Text, Ty::Uuid) => {
            "case when length(v) = 36 and replace(v, '-', '') not glob '*[^0-9a-fA-F]*' \
                 and v glob '????????-????-????-????-????????????' and length(replace(v, '-', '')) = 32 \
                 then lower(v) end"
        }
        (Ty::Text, Ty::Timestamptz) => return timestamp_of("v"),
        (Ty::Text, Ty::Date) => return date_of("v"),
        (Ty::Timestamptz, Ty::Date) => "substr(v, 1, 10)",
        (Ty::Int, Ty::Double) => "cast(v as real)",
        (Ty::Int, Ty::Text) => "cast(v as text)",
        // A uuid, an enum's value and a day are text here, true and false are 1 and 0.
        _ => "v",
    };
    fixed.to_owned()
}

/// The pattern as SQLite's `glob` has it: that one tells upper from lower case.
pub(super) fn glob(pattern: &[Wild], case: Case) -> String {
    let mut glob = String::new();
    for part in pattern {
        match part {
            Wild::One => glob.push('?'),
            Wild::Many => glob.push('*'),
            Wild::Text(literal) => {
                for c in literal.chars() {
                    match c {
                        '*' | '?' | '[' => glob.extend(['[', c, ']']),
                        _ if case == Case::Insensitive => glob.push(c.to_ascii_lowercase()),
                        _ => glob.push(c),
                    }
                }
            }
        }
    }
    glob
}

/// What a condition uses beyond its row.
pub(super) fn beyond_row(node: &Node) -> Option<&'static str> {
    match &node.kind {
        NodeKind::Uid | NodeKind::Role | NodeKind::Jwt | NodeKind::Can(..) => Some("who asks"),
        NodeKind::Now => Some("the time"),
        NodeKind::InQuery(..) | NodeKind::Exists(_) => Some("a subquery"),
        // Converting needs a subquery here.
        NodeKind::Cast(_) => Some("a conversion"),
        NodeKind::Column { .. } | NodeKind::Literal(_) => None,
        NodeKind::Get(of, ..) | NodeKind::Unary(_, of) | NodeKind::Is(of, _) | NodeKind::Like(of, ..) => {
            beyond_row(of)
        }
        NodeKind::Binary(_, left, right) => beyond_row(left).or_else(|| beyond_row(right)),
        NodeKind::In(of, list) => beyond_row(of).or_else(|| list.iter().find_map(beyond_row)),
        NodeKind::Call(_, arguments) => arguments.iter().find_map(beyond_row),
    }
}
