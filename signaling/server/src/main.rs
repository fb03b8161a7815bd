//! The `conclave` command: reads the command line and hands over to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    conclave_signaling::cli::main()
}
