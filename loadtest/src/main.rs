//! The `conclave-loadtest` binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    conclave_loadtest::cli::main()
}
