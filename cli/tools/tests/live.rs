//! tmp
mod part { include!("live_part.inc"); }
fn env() -> loki_kit::TestEnv { loki_kit::TestEnv::new("x") }
fn helper() -> std::path::PathBuf { std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/examples/tools_helper") }
