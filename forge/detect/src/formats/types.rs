//! Type words of every schema language and program, in the words of [`ColumnType`].

use crate::requirements::ColumnType;

/// How often types may hold types; deeper ones are not told apart.
const DEPTH_MAX: usize = 4;

/// The type `text` writes for the column `column`: `varchar(255)`, `string[]`, `List<UUID>`,
/// `Optional[int]`, `timestamp with time zone`. Unknown words give nothing.
pub(crate) fn parse(text: &str, column: &str) -> Option<ColumnType> {
    parse_within(text, column, DEPTH_MAX)
}

/// The type of a column whose values are "a number", judged from its name.
pub(crate) fn number(column: &str) -> ColumnType {
    let has = |words: &[&str]| column.split('_').any(|part| words.contains(&part));
    if has(&[
        "price", "amount", "cost", "total", "subtotal", "salary", "budget", "balance", "fee", "tax",
        "discount", "revenue",
    ]) {
        ColumnType::Numeric(12, 2)
    } else if has(&[
        "lat",
        "lng",
        "lon",
        "latitude",
        "longitude",
        "rate",
        "ratio",
        "percent",
        "percentage",
        "weight",
        "height",
        "score",
        "average",
        "distance",
    ]) {
        ColumnType::Float
    } else {
        ColumnType::Integer
    }
}

fn parse_within(text: &str, column: &str, depth: usize) -> Option<ColumnType> {
    let text = text.trim().trim_matches(|c| matches!(c, '?' | '!' | '`' | '*' | '&' | '"' | '\'')).trim();
    if text == "time.Time" {
        return Some(ColumnType::Timestamp);
    }
    if text == "[]byte" {
        return Some(ColumnType::Binary);
    }
    let inner = |inner: &str| parse_within(inner, column, depth.checked_sub(1)?);
    if let Some(item) = text.strip_suffix("[]").or_else(|| text.strip_prefix("[]")) {
        return Some(array(inner(item)));
    }
    if let Some(item) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(if item.contains(':') { ColumnType::Json } else { array(inner(item)) });
    }
    let end = text.find(['(', '<', '[', ' ', ',', '|', '{']).unwrap_or(text.len());
    let (head, tail) = text.split_at(end);
    let word = head.rsplit(['.', ':']).next().unwrap_or(head).trim_end_matches(['?', '!']);
    let word = word.to_ascii_lowercase();
    let tail = tail.trim_start();
    let argument =
        tail.strip_prefix(['(', '<', '[']).map(|rest| rest.trim_end_matches(['?', '!', ')', '>', ']']));
    match word.as_str() {
        "optional" | "option" | "maybe" | "mapped" | "nullable" | "required" | "annotated" => {
            inner(argument?)
        }
        "vec" if argument == Some("u8") => Some(ColumnType::Binary),
        "array" | "list" | "vec" | "set" | "sequence" | "mutablelist" | "ienumerable" | "icollection"
        | "tuple" => Some(array(argument.and_then(inner))),
        "double" => Some(ColumnType::Float),
        "tinyint" if tail.starts_with("(1)") => Some(ColumnType::Boolean),
        "number" | "num" => Some(number(column)),
        _ => sized(&word, tail),
    }
}

fn sized(word: &str, tail: &str) -> Option<ColumnType> {
    let mut numbers = tail
        .strip_prefix('(')
        .and_then(|rest| rest.split(')').next())
        .into_iter()
        .flat_map(|inside| inside.split(','))
        .filter_map(|number| number.trim().parse::<u32>().ok());
    let (first, second) = (numbers.next(), numbers.next());
    Some(match word {
        "varchar" | "nvarchar" | "varchar2" | "char" | "nchar" | "character" | "bpchar" => {
            first.filter(|&size| size > 0).map_or(ColumnType::Text, ColumnType::Varchar)
        }
        "decimal" | "numeric" | "money" | "bigdecimal" | "currency" | "decimal128" | "smallmoney" => {
            match first {
                Some(precision @ 1..=1000) => {
                    ColumnType::Numeric(precision, second.unwrap_or(0).min(precision))
                }
                Some(_) | None => ColumnType::Numeric(12, 2),
            }
        }
        "vector" | "halfvec" | "embedding" => ColumnType::Vector(first.unwrap_or(0)),
        _ => return plain(word),
    })
}

fn plain(word: &str) -> Option<ColumnType> {
    Some(match word {
        "text" | "string" | "str" | "longtext" | "mediumtext" | "tinytext" | "citext" | "clob" | "ntext"
        | "email" | "url" | "uri" | "slug" | "markdown" | "richtext" | "nullstring" | "cuid" | "cuid2"
        | "nanoid" | "ulid" | "enum" | "inet" | "interval" | "tsvector" | "emailstr" | "httpurl"
        | "anyhttpurl" => ColumnType::Text,
        "int" | "integer" | "int2" | "int4" | "int16" | "int32" | "i8" | "i16" | "i32" | "u8" | "u16"
        | "u32" | "uint" | "uint16" | "uint32" | "smallint" | "tinyint" | "mediumint" | "short"
        | "serial" | "smallserial" | "year" | "nullint32" => ColumnType::Integer,
        "bigint" | "int8" | "int64" | "i64" | "u64" | "uint64" | "long" | "bigserial" | "bigincrements"
        | "nullint64" => ColumnType::Bigint,
        "float" | "real" | "float4" | "float8" | "float32" | "float64" | "f32" | "f64" | "cgfloat"
        | "nullfloat64" => ColumnType::Float,
        "bool" | "boolean" | "bit" | "nullbool" => ColumnType::Boolean,
        "uuid" | "guid" | "uniqueidentifier" | "objectid" | "uuid4" | "id" => ColumnType::Uuid,
        "timestamp" | "timestamptz" | "datetime" | "datetime2" | "datetimeoffset" | "smalldatetime"
        | "instant" | "localdatetime" | "zoneddatetime" | "offsetdatetime" | "naivedatetime" | "nulltime"
        | "primitivedatetime" => ColumnType::Timestamp,
        "date" | "localdate" | "dateonly" | "naivedate" => ColumnType::Date,
        "time" | "localtime" | "timetz" | "timeonly" | "naivetime" => ColumnType::Time,
        "json" | "jsonb" | "object" | "map" | "dict" | "record" | "hashmap" | "dictionary" | "mixed"
        | "jsonvalue" | "hash" | "point" | "geometry" | "geography" | "geojson" => ColumnType::Json,
        "binary" | "varbinary" | "bytea" | "blob" | "longblob" | "mediumblob" | "bytes" | "buffer" => {
            ColumnType::Binary
        }
        _ => return None,
    })
}

fn array(inner: Option<ColumnType>) -> ColumnType {
    ColumnType::Array(Box::new(inner.unwrap_or(ColumnType::Text)))
}
