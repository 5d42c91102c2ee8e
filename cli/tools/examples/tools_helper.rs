//! tmp
use std::process::ExitCode;
fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    match arguments.get(1).and_then(|a| a.to_str()) {
        Some(loki_sandbox::confine::HELPER_ARGUMENT) => loki_sandbox::confine::helper(arguments.get(2).map(|a| a.as_os_str())).into(),
        _ => loki_sandbox::confine::probe().into(),
    }
}
