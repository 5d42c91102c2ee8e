//! The format of a policy's file, version 1, and nothing else.
//!
//! A reader refuses keys it does not know, so whatever is added to the format needs a new version.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    pub(super) version: Spanned<i64>,
    pub(super) preset: Option<Spanned<String>>,
    pub(super) network_only: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(super) files: Vec<Spanned<WireFile>>,
    #[serde(default)]
    pub(super) network: Vec<Spanned<WireHost>>,
    #[serde(default)]
    pub(super) environment: Vec<Spanned<WireVariable>>,
    #[serde(default)]
    pub(super) secrets: Vec<Spanned<WireSecret>>,
    #[serde(default)]
    pub(super) limits: WireLimits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireFile {
    pub(super) path: Spanned<String>,
    pub(super) access: Spanned<String>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireHost {
    pub(super) host: Spanned<String>,
    pub(super) ports: Option<Spanned<Vec<Spanned<i64>>>>,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    pub(super) headers: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireVariable {
    pub(super) name: Spanned<String>,
    pub(super) value: Option<Spanned<String>>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSecret {
    pub(super) name: Spanned<String>,
    pub(super) variable: Spanned<String>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct WireLimits {
    pub(super) wall_seconds_max: Option<Spanned<i64>>,
    pub(super) cpu_seconds_max: Option<Spanned<i64>>,
    pub(super) memory_bytes_max: Option<Spanned<i64>>,
    pub(super) processes_max: Option<Spanned<i64>>,
    pub(super) written_bytes_max: Option<Spanned<i64>>,
    pub(super) file_bytes_max: Option<Spanned<i64>>,
    pub(super) open_files_max: Option<Spanned<i64>>,
    pub(super) output_bytes_max: Option<Spanned<i64>>,
    pub(super) connections_max: Option<Spanned<i64>>,
    pub(super) transfer_bytes_max: Option<Spanned<i64>>,
}
