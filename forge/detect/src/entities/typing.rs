//! Whether words say a column's type.

/// Words that begin the type of a column, in lower case.
const TYPES: &[&str] = &[
    "uuid",
    "guid",
    "string",
    "text",
    "varchar",
    "nvarchar",
    "char",
    "int",
    "integer",
    "bigint",
    "smallint",
    "tinyint",
    "mediumint",
    "serial",
    "bigserial",
    "number",
    "float",
    "double",
    "real",
    "decimal",
    "numeric",
    "money",
    "currency",
    "bool",
    "boolean",
    "timestamp",
    "timestamptz",
    "datetime",
    "date",
    "time",
    "json",
    "jsonb",
    "enum",
    "array",
    "blob",
    "bytea",
    "binary",
    "objectid",
    "object_id",
    "pk",
    "fk",
    "longtext",
    "mediumtext",
    "citext",
    "inet",
    "geography",
    "geometry",
    "vector",
    "relation",
    "reference",
    "ref",
    "foreign",
    "primary",
    "year",
    "int32",
    "int64",
    "i32",
    "i64",
    "f64",
    "文字列",
    "整数",
    "数値",
    "日付",
    "日時",
    "真偽値",
    "字符串",
    "整型",
    "日期",
    "时间",
    "布尔",
    "浮点数",
    "문자열",
    "정수",
    "날짜",
    "texto",
    "número",
    "numero",
    "fecha",
    "booleano",
    "entero",
    "cadena",
    "inteiro",
    "ganzzahl",
    "zahl",
    "datum",
    "zeichenkette",
    "texte",
    "nombre",
    "entier",
    "booléen",
    "chaîne",
];

/// True when the text begins with the name of a type: `varchar(120)`, `uuid, primary key`.
pub(super) fn begins_with_type(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').take(20).collect();
    TYPES.contains(&word.to_lowercase().as_str())
}

/// True when the rest of a field says its type, or that it is a key.
pub(super) fn is_typed(rest: &str) -> bool {
    const KEYS: &[&str] = &["primary key", "foreign key", "references ", "(pk", "(fk"];
    let about = rest.to_lowercase();
    let arrow = ["→", "->"].iter().find_map(|mark| about.split_once(mark)).map(|(_, target)| target.trim());
    begins_with_type(&about)
        || KEYS.iter().any(|key| about.contains(key))
        || arrow.is_some_and(|target| target.starts_with(char::is_alphabetic) && !target.contains(['/', ' ']))
}
