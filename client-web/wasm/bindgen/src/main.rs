//! Host tool: runs wasm-bindgen on a compiled module. Usage: conclave-bindgen MODULE.wasm OUT_DIR
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let (Some(module), Some(out), None) = (args.next(), args.next(), args.next()) else {
        anyhow::bail!("usage: conclave-bindgen MODULE.wasm OUT_DIR");
    };
    Bindgen::new().input_path(module).typescript(true).web(true)?.generate(out)
}
