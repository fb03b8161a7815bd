//! Turns client-web/dist into a table of embedded files with brotli and gzip variants beside each.
//!
//! Without a built client the table holds one page that says how to build it, so the server always builds.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Below this size in bytes a compressed variant saves no packet.
const COMPRESS_FROM: usize = 1_000;
/// Served at `/` and `/r/<room>` when there is no client to embed.
const NOT_BUILT: &str = "src/not_built.html";

fn main() -> io::Result<()> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let dist = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../../client-web/dist");
    let compress_hard = variable("PROFILE")? == "release";
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={NOT_BUILT}");
    println!("cargo:rerun-if-changed={}", dist.display());

    let built = dist.join("index.html").is_file();
    let mut files = Vec::new();
    if built {
        collect(&dist, &dist, &mut files)?;
        files.sort();
    } else {
        // Cargo takes a missing path for a changed one: until the client is built this script runs each time.
        files.push((String::from("index.html"), PathBuf::from(NOT_BUILT)));
    }

    let mut table =
        format!("pub(super) const CLIENT_BUILT: bool = {built};\npub(super) static FILES: &[File] = &[\n");
    for (index, (name, path)) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        let plain = store(&out, index, "raw", &bytes)?;
        let brotli = variant(&out, index, "br", &bytes, |bytes| brotli_of(bytes, compress_hard))?;
        let gzip = variant(&out, index, "gz", &bytes, gzip_of)?;
        let etag: String = Sha256::digest(&bytes)
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(
            table,
            "File {{ path: {name:?}, etag: \"\\\"{etag}\\\"\", plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("client_files.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(io::Error::other)
}

/// Every file below `folder`, by its path from `root` with `/`. Ready-made `.br` and `.gz` files and source maps stay out.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let extension = path
            .extension()
            .and_then(|text| text.to_str())
            .unwrap_or_default();
        if matches!(extension, "br" | "gz" | "map") {
            continue;
        }
        let name = path.strip_prefix(root).map_err(io::Error::other)?;
        let name = name
            .to_str()
            .ok_or_else(|| io::Error::other("a file name is not UTF-8"))?;
        files.push((name.replace('\\', "/"), path));
    }
    Ok(())
}

/// Writes one variant and returns the expression that includes it.
fn store(out: &Path, index: usize, suffix: &str, bytes: &[u8]) -> io::Result<String> {
    let name = format!("client_{index}.{suffix}");
    fs::write(out.join(&name), bytes)?;
    Ok(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))"))
}

fn variant(
    out: &Path,
    index: usize,
    suffix: &str,
    bytes: &[u8],
    compress: impl Fn(&[u8]) -> io::Result<Vec<u8>>,
) -> io::Result<String> {
    if bytes.len() < COMPRESS_FROM {
        return Ok(String::from("None"));
    }
    let compressed = compress(bytes)?;
    // Pictures and fonts do not shrink.
    if compressed.len() * 10 > bytes.len() * 9 {
        return Ok(String::from("None"));
    }
    Ok(format!("Some({})", store(out, index, suffix, &compressed)?))
}

fn brotli_of(bytes: &[u8], hard: bool) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: if hard { 11 } else { 5 },
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &params)?;
    Ok(compressed)
}

fn gzip_of(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
