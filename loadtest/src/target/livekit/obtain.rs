//! Builds LiveKit's server from its Go module, once, into the build's folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::target::process::{Scratch, find_program};

/// The module.
const MODULE: &str = "github.com/livekit/livekit-server";
/// The version that is built: one whose whole dependency tree the public module proxy serves.
pub const VERSION: &str = "v1.13.5";

#[derive(Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir", default)]
    folder: PathBuf,
    #[serde(rename = "Error", default)]
    error: String,
}

/// The server's executable, built if it is not there yet; the error says in one line why it cannot be had. `tell` is
/// called before something that takes minutes.
pub(super) fn obtain(cache: &Path, tell: impl Fn(&str)) -> Result<PathBuf, String> {
    let binary = cache.join(format!("livekit-server-{VERSION}"));
    if binary.is_file() {
        return Ok(binary);
    }
    if find_program("go").is_none() {
        return Err(
            "building it needs Go (https://go.dev/dl, 1.26 or newer; Debian's is too old)".to_owned(),
        );
    }
    tell(&format!(
        "building LiveKit {VERSION} from its Go module (a few minutes, once)"
    ));
    std::fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let scratch = Scratch::new("livekit-source").map_err(|error| error.to_string())?;
    let source = download(scratch.path())?;
    build(&source, &binary)?;
    Ok(binary)
}

/// A copy of the module's source, for its go.mod has replacements, which `go install` refuses.
fn download(scratch: &Path) -> Result<PathBuf, String> {
    let wanted = format!("{MODULE}@{VERSION}");
    let output = run(Command::new("go")
        .args(["mod", "download", "-json", &wanted])
        .current_dir(scratch))?;
    let downloaded: Downloaded = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("go mod download: {}", last_line(&output)))?;
    if !downloaded.error.is_empty() || !output.status.success() {
        return Err(format!("go mod download: {}", downloaded.error));
    }
    let source = scratch.join("source");
    copy(&downloaded.folder, &source).map_err(|error| format!("copying the module: {error}"))?;
    Ok(source)
}

fn build(source: &Path, binary: &Path) -> Result<(), String> {
    let output = run(Command::new("go")
        .args(["build", "-o"])
        .arg(binary)
        .arg("./cmd/server")
        .env("CGO_ENABLED", "0")
        .current_dir(source))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("go build: {}", last_line(&output)))
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.stdin(Stdio::null()).output();
    output.map_err(|error| format!("go: {error}"))
}

fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("it says nothing").trim().to_owned()
}

/// Copies a folder. The module cache is read-only; the copy is not.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::write(&target, std::fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
