//! Prints one line of JSON per file: its requirements and the digits its name starts with.
//!
//! `cargo run -p forge-detect --example predict -- docs/* > predictions.jsonl`

use std::io::Write;

use forge_detect::{Options, detect_bytes};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for path in std::env::args_os().skip(1) {
        let path = std::path::PathBuf::from(path);
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        let id: String = name.chars().take_while(char::is_ascii_digit).collect();
        let bytes = std::fs::read(&path)?;
        let mut line = match detect_bytes(&bytes, &Options { file_name: Some(&name) }) {
            Ok(requirements) => serde_json::to_value(requirements)?,
            Err(error) => serde_json::json!({ "none": true, "error": error.to_string() }),
        };
        line["id"] = id.into();
        writeln!(out, "{line}")?;
    }
    Ok(())
}
