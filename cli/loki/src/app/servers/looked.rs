//! What a person has looked at: the tools of a server as they were defined then.

use std::io;
use std::path::{Path, PathBuf};

use forge_core::evidence_hash;
use loki_mcp::client::{Definition, Hints};
use loki_store::replace_file;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tokens;
use crate::config::servers::Way;

/// The version of the file.
const VERSION: u32 = 1;
/// Bytes of such a file.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The tools of a server as somebody has looked at them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Looked {
    /// The hash over how the server is reached: another program is another server.
    pub(crate) way: String,
    /// Its tools, in the order of their names.
    pub(crate) tools: Vec<Seen>,
}

/// A tool, and what telling of it costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) definition: Definition,
    pub(crate) tokens: usize,
}

/// Why what was looked at cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookedError {
    #[error("failed to read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is none of this version", path.display())]
    Format { path: PathBuf },
}

#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    way: String,
    tools: Vec<WrittenTool>,
}

#[derive(Serialize, Deserialize)]
struct WrittenTool {
    name: String,
    description: String,
    input_schema: Map<String, Value>,
    reads_only: Option<bool>,
    destructive: Option<bool>,
    idempotent: Option<bool>,
    digest: String,
    tokens: usize,
}

impl Looked {
    /// The tools of a server, looked at now.
    pub(crate) fn now(name: &str, way: &Way, tools: impl IntoIterator<Item = Definition>) -> Self {
        let seen = |definition: Definition| {
            let told = format!("{} {}", definition.told_description(name), definition.told_schema());
            Seen { tokens: tokens::count(&told), definition }
        };
        Self { way: digest(way), tools: tools.into_iter().map(seen).collect() }
    }

    /// What was looked at of the server called `name`.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Option<Self>, LookedError> {
        let path = place(folder, name);
        let is_long = std::fs::metadata(&path).is_ok_and(|meta| meta.len() > FILE_BYTES_MAX);
        let bytes = match std::fs::read(&path) {
            _ if is_long => return Err(LookedError::Format { path }),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LookedError::Read { path, source }),
        };
        match serde_json::from_slice::<Written>(&bytes) {
            Ok(written) if written.version == VERSION => {
                Ok(Some(Self { way: written.way, tools: written.tools.into_iter().map(seen).collect() }))
            }
            Ok(_) | Err(_) => Err(LookedError::Format { path }),
        }
    }

    /// Keeps it in place of what was there.
    pub(crate) fn keep(&self, folder: &Path, name: &str) -> Result<(), LookedError> {
        let path = place(folder, name);
        let tools = self.tools.iter().map(written).collect();
        let whole = Written { version: VERSION, way: self.way.clone(), tools };
        let bytes = serde_json::to_vec(&whole).map_err(io::Error::other);
        let kept = bytes.and_then(|bytes| replace_file(&path, &bytes, 0o600));
        kept.map_err(|source| LookedError::Write { path, source })
    }

    /// The tool of that name.
    pub(crate) fn tool(&self, name: &str) -> Option<&Seen> {
        self.tools.iter().find(|seen| seen.definition.name == name)
    }
}

/// The hash over how a server is reached.
pub(crate) fn digest(way: &Way) -> String {
    let whole = match way {
        Way::Program(program) => json!({
            "command": program.command,
            "args": program.args,
            "env": program.env,
            "env_from": program.env_from,
            "read": program.read,
            "hosts": program.hosts,
            "writes": program.writes,
        }),
        Way::Address { url, token_variable } => json!({ "url": url, "token_variable": token_variable }),
    };
    evidence_hash(&whole)
}

fn place(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

fn seen(tool: WrittenTool) -> Seen {
    let hints =
        Hints { reads_only: tool.reads_only, destructive: tool.destructive, idempotent: tool.idempotent };
    let definition = Definition {
        name: tool.name,
        description: tool.description,
        input_schema: tool.input_schema,
        hints,
        digest: tool.digest,
    };
    Seen { definition, tokens: tool.tokens }
}

fn written(seen: &Seen) -> WrittenTool {
    let Definition { name, description, input_schema, hints, digest } = seen.definition.clone();
    WrittenTool {
        name,
        description,
        input_schema,
        reads_only: hints.reads_only,
        destructive: hints.destructive,
        idempotent: hints.idempotent,
        digest,
        tokens: seen.tokens,
    }
}
