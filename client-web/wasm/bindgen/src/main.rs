//! Host tool: runs wasm-bindgen on a compiled module. Usage: conclave-bindgen MODULE.wasm OUT_DIR
use anyhow::Context as _;
use wasm_bindgen_cli_support::Bindgen;

/// How a module's `target_features` section says that it was built with reference types, and that it was not.
const WITH_REFERENCE_TYPES: &[u8] = b"+\x0freference-types";
const WITHOUT_REFERENCE_TYPES: &[u8] = b"-\x0freference-types";

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let (Some(module), Some(out), None) = (args.next(), args.next(), args.next()) else {
        anyhow::bail!("usage: conclave-bindgen MODULE.wasm OUT_DIR");
    };
    let mut bytes = std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    keep_values_in_javascript(&mut bytes);
    Bindgen::new()
        .input_bytes("conclave_web", bytes)
        .typescript(true)
        .web(true)?
        .generate(out)
}

/// Makes wasm-bindgen keep JavaScript's values in an array instead of an externref table, also where the standard
/// library was built with reference types. `build-wasm.sh` says why, and builds our crates without them.
fn keep_values_in_javascript(module: &mut [u8]) {
    let length = WITH_REFERENCE_TYPES.len();
    if let Some(start) = module
        .windows(length)
        .position(|window| window == WITH_REFERENCE_TYPES)
        && let Some(feature) = module.get_mut(start..start + length)
    {
        feature.copy_from_slice(WITHOUT_REFERENCE_TYPES);
    }
}
