//! One column: its type, its default, and how the migration's column language says it.

use forge_detect::{ColumnNeed, ColumnType};

/// Dimensions of an embedding whose document does not say.
const VECTOR_DIMENSIONS: u32 = 1536;

/// Decimals that a number keeps on both engines.
const DECIMALS_MAX: u32 = 14;

/// A column to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// In the column language; empty for a foreign key, whose type is the referenced key's.
    pub(crate) ty: String,
    pub(crate) key: bool,
    pub(crate) required: bool,
    pub(crate) unique: bool,
    pub(crate) default: Option<String>,
    pub(crate) references: Option<Reference>,
    /// True when its reference closes a circle and is added once both tables exist.
    pub(crate) late: bool,
    /// True when the document does not name it: it comes with a new table, and an old one does without.
    pub(crate) implied: bool,
}

/// What a column refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) on_delete: Option<&'static str>,
}

impl Column {
    /// A column that nothing more is said of.
    pub(crate) fn plain(name: &str, ty: &str) -> Self {
        Self {
            name: name.to_owned(),
            ty: ty.to_owned(),
            key: false,
            required: false,
            unique: false,
            default: None,
            references: None,
            late: false,
            implied: false,
        }
    }

    /// The key that a table gets when the document names none.
    pub(crate) fn id() -> Self {
        Self { key: true, default: Some("uuid()".to_owned()), implied: true, ..Self::plain("id", "uuid") }
    }

    /// When the row was made.
    pub(crate) fn created_at() -> Self {
        Self {
            required: true,
            default: Some("now()".to_owned()),
            implied: true,
            ..Self::plain("created_at", "timestamptz")
        }
    }

    /// The column as the document needs it. `enum_name` is set where its values are an enum.
    pub(crate) fn of(need: &ColumnNeed, name: String, enum_name: Option<&str>) -> Self {
        let ty = match enum_name {
            Some(name) => name.to_owned(),
            None => type_of(&need.r#type, &name),
        };
        let default = need.default.as_deref().and_then(|text| default_of(text, &ty, enum_name, &need.values));
        Self {
            required: !need.nullable && !need.primary_key,
            unique: need.unique && !need.primary_key && keyable(&ty),
            default,
            ..Self::plain(&name, &ty)
        }
    }

    /// The column as it can be added to a table that may hold rows: nothing is demanded of them.
    pub(crate) fn relaxed(&self) -> Self {
        let required = self.required && self.default.is_some() && self.references.is_none();
        Self { required, key: false, ..self.clone() }
    }

    /// The column in the column language.
    pub(crate) fn text(&self) -> String {
        let mut text = self.name.clone();
        let mut word = |part: &str| {
            text.push(' ');
            text.push_str(part);
        };
        if self.references.is_none() {
            word(&self.ty);
        }
        if self.key {
            word("pk");
        }
        if self.required {
            word("not null");
        }
        if self.unique {
            word("unique");
        }
        if let Some(reference) = &self.references {
            word(&format!("fk->{}.{}", reference.table, reference.column));
            if let Some(action) = reference.on_delete {
                word(&format!("on delete {action}"));
            }
        }
        if let Some(default) = &self.default {
            word(&format!("default {default}"));
        }
        text
    }
}

/// Whether values of a type can be told apart by an index, and so be a key.
pub(crate) fn keyable(ty: &str) -> bool {
    !(ty == "jsonb" || ty.starts_with("vector") || ty.ends_with("[]"))
}

/// Whether a column of this type can hold the id of the user who is signed in, and have it for its default.
pub(crate) fn holds_user(ty: &str) -> bool {
    matches!(ty, "uuid" | "text")
}

/// A type in the column language; judged from the name where the document does not say.
pub(crate) fn type_of(ty: &ColumnType, name: &str) -> String {
    match ty {
        ColumnType::Unspecified => judged(name).to_owned(),
        ColumnType::Text => "text".to_owned(),
        ColumnType::Varchar(length) => match length {
            1..=10_000_000 => format!("varchar({length})"),
            _ => "text".to_owned(),
        },
        ColumnType::Integer => "integer".to_owned(),
        ColumnType::Bigint => "bigint".to_owned(),
        // Money that is said to be a float is money all the same.
        ColumnType::Float if judged(name).starts_with("numeric") => judged(name).to_owned(),
        ColumnType::Float => "double".to_owned(),
        ColumnType::Numeric(precision, scale) => match (precision, scale) {
            (1..=30, scale) if scale <= precision => {
                format!("numeric({precision},{})", scale.min(&DECIMALS_MAX))
            }
            _ => "numeric(12,2)".to_owned(),
        },
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Uuid => "uuid".to_owned(),
        ColumnType::Timestamp => "timestamptz".to_owned(),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Time => "time".to_owned(),
        ColumnType::Json => "jsonb".to_owned(),
        ColumnType::Binary => "bytea".to_owned(),
        ColumnType::Vector(0) => format!("vector({VECTOR_DIMENSIONS})"),
        ColumnType::Vector(dimensions) => format!("vector({})", dimensions.min(&16_000)),
        ColumnType::Array(inner) => match inner.as_ref() {
            // What is nested deeper is a document, not a list.
            ColumnType::Array(_) | ColumnType::Json | ColumnType::Vector(_) => "jsonb".to_owned(),
            ColumnType::Unspecified => "text[]".to_owned(),
            inner => format!("{}[]", type_of(inner, "")),
        },
    }
}

/// The type that a name speaks of.
fn judged(name: &str) -> &'static str {
    let word = name.rsplit('_').next().unwrap_or(name);
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if begins(&["is_", "has_", "can_", "should_", "allow_"]) {
        return "boolean";
    }
    match word {
        "at" | "timestamp" | "datetime" => "timestamptz",
        "on" if name.contains('_') => "date",
        "date" | "birthday" | "dob" => "date",
        "price" | "amount" | "total" | "subtotal" | "cost" | "fee" | "balance" | "salary" | "discount"
        | "budget" => "numeric(12,2)",
        "count" | "quantity" | "qty" | "age" | "position" | "stock" | "score" | "points" | "year"
        | "rank" | "duration" | "minutes" | "seconds" | "priority" | "level" | "sets" | "reps" => "integer",
        "latitude" | "longitude" | "lat" | "lng" | "lon" | "rating" | "weight" => "double",
        "metadata" | "settings" | "preferences" | "config" | "payload" | "attributes" | "options" => "jsonb",
        "embedding" | "vector" => "vector(1536)",
        "active" | "enabled" | "verified" | "published" | "completed" | "archived" | "deleted"
        | "approved" => "boolean",
        "id" if name == "id" => "uuid",
        _ => "text",
    }
}

/// A default that fits the type, in the column language; none where it does not fit.
fn default_of(text: &str, ty: &str, enum_name: Option<&str>, values: &[String]) -> Option<String> {
    let text = text.trim().trim_matches(['\'', '"', '`']);
    let lower = text.to_ascii_lowercase();
    if enum_name.is_some() {
        return values.iter().any(|value| value == text).then(|| quoted(text));
    }
    match ty {
        "timestamptz" | "date" | "time" => {
            let now = ["now()", "now", "current_timestamp", "current_date", "current_time"];
            (ty == "timestamptz" && now.contains(&lower.as_str())).then(|| "now()".to_owned())
        }
        "uuid" => lower.contains("uuid").then(|| "uuid()".to_owned()),
        "boolean" => match lower.as_str() {
            "true" | "1" | "yes" => Some("true".to_owned()),
            "false" | "0" | "no" => Some("false".to_owned()),
            _ => None,
        },
        "integer" | "bigint" | "smallint" => text.parse::<i32>().ok().map(|number| number.to_string()),
        "double" => {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number.to_string())
        }
        "text" if !lower.is_empty() && lower != "null" && !text.contains('(') => Some(quoted(text)),
        _ if ty.starts_with("numeric") => {
            let number = text.parse::<f64>().ok().filter(|number| number.abs() < 1e6)?;
            Some(number.to_string())
        }
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
