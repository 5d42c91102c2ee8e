//! What a document asks for: the answer of [`crate::detect`].
//!
//! The JSON form is what `.loki/forge/required.json` and `loki forge-detect --json` hold. Lists of
//! plain names (`auth`, `payments`, `secrets`) keep their lines in [`Requirements::evidence`], under
//! keys such as `auth.google`; everything else carries its own `lines`. Lines count from 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The format's version, raised when a reader of the old one would misread the new one.
pub const VERSION: u32 = 1;

/// Everything the backend of one document must have, and what it must not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Requirements {
    /// Format version, [`VERSION`].
    pub version: u32,
    /// True when the document needs no backend at all; every list but `secrets` and `exclusions` is
    /// empty then. A tool without a backend may still need a key.
    pub none: bool,
    /// The document's title, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Tables to create, referenced tables first where the references allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableNeed>,
    /// Sign-in providers: `email-password`, `magic-link`, `google`, `github`, … Empty: no sign-in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth: Vec<String>,
    /// What sign-in has beside its providers: `passkey`, `totp`, `anonymous`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth_features: Vec<String>,
    /// Roles of the people who sign in, beyond being signed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleNeed>,
    /// Buckets for files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub storage: Vec<BucketNeed>,
    /// Server code beyond create, read, update and delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionNeed>,
    /// Work that recurs by the clock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleNeed>,
    /// What connected clients are pushed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub realtime: Vec<ChannelNeed>,
    /// Payment providers: `stripe`, `paypal`, … or `unspecified`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<String>,
    /// True when embeddings or semantic retrieval are part of the product.
    #[serde(default)]
    pub vector_search: bool,
    /// True when the product calls a model at run time.
    #[serde(default)]
    pub ai_gateway: bool,
    /// Names of environment variables that hold secrets, exactly as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// What the document mentions and rules out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<Exclusion>,
    /// Lines behind each plain name and flag (`auth.google`, `vector_search`, `none`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, Vec<u32>>,
}

/// A table the document asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableNeed {
    /// `snake_case`, plural, or the document's own table name in `snake_case`.
    pub name: String,
    /// Columns the text names, in its order. May be empty: the text names only the entity.
    pub columns: Vec<ColumnNeed>,
    /// Foreign keys, explicit in the text or plain from its column names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fks: Vec<ForeignKeyNeed>,
    /// Columns that together form the key, where it is not a single column's `primary_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub primary_key: Vec<String>,
    /// Columns or groups of columns that must be unique beyond single-column `unique`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uniques: Vec<Vec<String>>,
    /// Who may touch its rows.
    #[serde(default)]
    pub access: Access,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// Who may touch a table's rows, as far as the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// The text does not say.
    #[default]
    Unspecified,
    /// Each user sees and changes only their own rows.
    Own,
    /// Everyone reads, the owner writes.
    OwnOrPublic,
    /// Everyone reads; only the service or an administrator writes.
    Public,
    /// Only the service (or an administrator) touches it.
    Private,
}

/// A column the text names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ColumnNeed {
    /// `snake_case`.
    pub name: String,
    /// Its type, where the text says or shows it.
    #[serde(default)]
    pub r#type: ColumnType,
    /// False only when the text says it is required.
    #[serde(default = "yes")]
    pub nullable: bool,
    /// True when it is the table's key.
    #[serde(default)]
    pub primary_key: bool,
    /// True when the text says it is unique.
    #[serde(default)]
    pub unique: bool,
    /// Its default, as a literal or one of `now()`, `uuid()`, `true`, `false`, `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The values it may hold, where the text enumerates them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A column's type in words shared by both engines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// The text does not say; judged from the name when the table is made.
    #[default]
    Unspecified,
    /// Text of any length.
    Text,
    /// Text of at most so many characters.
    Varchar(u32),
    /// 32-bit whole number.
    Integer,
    /// 64-bit whole number.
    Bigint,
    /// 64-bit floating point.
    Float,
    /// Exact decimal: precision, scale.
    Numeric(u32, u32),
    /// True or false.
    Boolean,
    /// RFC 9562 identifier.
    Uuid,
    /// Point in time.
    Timestamp,
    /// Day.
    Date,
    /// Time of day.
    Time,
    /// JSON value.
    Json,
    /// Bytes.
    Binary,
    /// Embedding of so many dimensions (0: the text does not say).
    Vector(u32),
    /// List of the inner type.
    Array(Box<ColumnType>),
}

/// A reference from one table to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ForeignKeyNeed {
    /// The referring column.
    pub column: String,
    /// The table referred to.
    pub references: String,
    /// The column referred to; `id` unless the text says otherwise.
    #[serde(default = "id")]
    pub references_column: String,
    /// `cascade`, `set null` or `restrict`, where the text says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<String>,
}

/// A role that some of the people have who sign in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoleNeed {
    /// `snake_case`, singular: `admin`, `editor`.
    pub name: String,
    /// What it may do on every row of a table, as far as the text says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<RoleGrant>,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// What a role may do on every row of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoleGrant {
    /// The table, as [`TableNeed::name`] has it; `*` where the text says "everything".
    pub table: String,
    /// What, in the order of [`RoleAct`], each once.
    pub can: Vec<RoleAct>,
}

/// Something that a role may do on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleAct {
    /// Read it.
    Read,
    /// Add it.
    Insert,
    /// Change it.
    Update,
    /// Delete it.
    Delete,
}

/// A bucket the document asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BucketNeed {
    /// `kebab-case`.
    pub name: String,
    /// True when its files are served to everyone.
    #[serde(default)]
    pub public: bool,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// A function the document asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionNeed {
    /// `kebab-case`.
    pub name: String,
    /// What sets it off.
    pub kind: FunctionKind,
    /// The sentence it comes from, shortened to 200 characters.
    pub text: String,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// What sets a function off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FunctionKind {
    /// A third party calls it.
    Webhook,
    /// It sends mail, text messages or push messages.
    Notification,
    /// It runs in the background.
    Job,
    /// The clock calls it.
    Scheduled,
    /// It calls a third party.
    Integration,
    /// A client calls it by name.
    Http,
}

/// Recurring work the document asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScheduleNeed {
    /// `kebab-case`.
    pub name: String,
    /// Five-field cron expression in `tz`, where the text fixes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA time zone; `UTC` where the text names none.
    pub tz: String,
    /// The sentence it comes from, shortened to 200 characters.
    pub text: String,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// Something connected clients are pushed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelNeed {
    /// `kebab-case`.
    pub name: String,
    /// The sentence it comes from, shortened to 200 characters.
    pub text: String,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// Something the document mentions and does not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// What is excluded, in one or two words: `payments`, `postgres`, `table comments`, …
    pub what: String,
    /// Why.
    pub reason: ExclusionReason,
    /// The sentence, shortened to 200 characters.
    pub text: String,
    /// Lines it comes from.
    pub lines: Vec<u32>,
}

/// Why something mentioned is not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExclusionReason {
    /// Under "out of scope", "non-goals" and the like.
    OutOfScope,
    /// In a later phase, optional, a bonus or a stretch goal.
    LaterPhase,
    /// The sentence denies it.
    Negated,
    /// Data stays on the client or in a local file.
    ClientSide,
    /// An example, a quotation or a figure of speech.
    Example,
}

fn yes() -> bool {
    true
}

fn id() -> String {
    "id".to_owned()
}
