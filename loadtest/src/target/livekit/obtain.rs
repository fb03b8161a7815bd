//! Builds LiveKit's server from its Go module, once, into the build's folder.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::target::process::{Scratch, find_program};

/// The module.
const MODULE: &str = "github.com/livekit/livekit-server";
/// The version that is built: one whose whole dependency tree the public module proxy serves.
pub const VERSION: &str = "v1.13.5";
/// Its go.mod asks for Go 1.26; Debian's may be older.
const GO_MINOR: u32 = 26;
/// What is fetched then.
const TOOLCHAIN: &str = "go1.26.8";

#[derive(Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir", default)]
    folder: PathBuf,
    #[serde(rename = "Error", default)]
    error: String,
}

/// The server's executable, built if it is not there yet; the error says in one line why it cannot be had. `tell` is
/// called before each step that takes a while.
pub(super) fn obtain(cache: &Path, tell: impl Fn(&str)) -> Result<PathBuf, String> {
    let binary = cache.join(format!("livekit-server-{VERSION}"));
    if binary.is_file() {
        return Ok(binary);
    }
    let installed = find_program("go").ok_or("building it needs Go (Debian: apt-get install golang-go)")?;
    std::fs::create_dir_all(cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    let scratch = Scratch::new("livekit-source").map_err(|error| error.to_string())?;
    let go = new_enough(Go(installed), scratch.path(), &tell)?;
    tell(&format!("fetching LiveKit {VERSION} from the Go module proxy"));
    let source = scratch.path().join("source");
    // A copy, for its go.mod has replacements, which `go install` refuses.
    let module = go.download(&format!("{MODULE}@{VERSION}"), scratch.path())?;
    copy(&module, &source).map_err(|error| format!("copying the module: {error}"))?;
    tell("building LiveKit (a few minutes, once)");
    // Moved to its place when it is whole.
    let built = cache.join(format!("livekit-server-{VERSION}.{}", std::process::id()));
    go.build(&source, &built)?;
    std::fs::rename(&built, &binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    Ok(binary)
}

/// A `go` command.
struct Go(PathBuf);

/// The installed Go, or the one that is needed from the module proxy, where Go itself looks for newer ones, too.
fn new_enough(installed: Go, scratch: &Path, tell: &impl Fn(&str)) -> Result<Go, String> {
    let output = installed.run(&["env", "GOVERSION"], scratch)?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if minor_version(&version).is_some_and(|minor| minor >= GO_MINOR) {
        return Ok(installed);
    }
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => {
            return Err(format!(
                "{version} is too old, and there is no newer one for {other}"
            ));
        }
    };
    tell(&format!(
        "{version} is too old for LiveKit: fetching {TOOLCHAIN} from the Go module proxy"
    ));
    let module = format!("golang.org/toolchain@v0.0.1-{TOOLCHAIN}.linux-{arch}");
    let folder = installed.download(&module, scratch)?;
    for part in ["bin", "pkg/tool"] {
        make_executable(&folder.join(part)).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(Go(folder.join("bin/go")))
}

/// 26 of `go1.26.8`.
fn minor_version(version: &str) -> Option<u32> {
    let (_, minor) = version.strip_prefix("go")?.split_once('.')?;
    let digits = minor.find(|digit: char| !digit.is_ascii_digit());
    minor.get(..digits.unwrap_or(minor.len()))?.parse().ok()
}

/// Modules have no executable files; a toolchain is one all the same.
fn make_executable(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_executable(&entry.path())?;
        } else {
            std::fs::set_permissions(entry.path(), Permissions::from_mode(0o555))?;
        }
    }
    Ok(())
}

impl Go {
    /// The folder of a module.
    fn download(&self, module: &str, scratch: &Path) -> Result<PathBuf, String> {
        let output = self.run(&["mod", "download", "-json", module], scratch)?;
        let downloaded: Downloaded = serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("go mod download: {}", last_line(&output)))?;
        if !downloaded.error.is_empty() || !output.status.success() {
            return Err(format!("go mod download: {}", downloaded.error));
        }
        Ok(downloaded.folder)
    }

    fn build(&self, source: &Path, binary: &Path) -> Result<(), String> {
        let output = self.run(
            &["build", "-o", &binary.to_string_lossy(), "./cmd/server"],
            source,
        )?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!("go build: {}", last_line(&output)))
    }

    fn run(&self, arguments: &[&str], folder: &Path) -> Result<Output, String> {
        let output = Command::new(&self.0)
            .args(arguments)
            .current_dir(folder)
            .env("CGO_ENABLED", "0")
            // The one at hand is used, and not one that it would fetch by itself.
            .env("GOTOOLCHAIN", "local")
            .env_remove("GOROOT")
            .stdin(Stdio::null())
            .output();
        output.map_err(|error| format!("{}: {error}", self.0.display()))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_go_is_read() {
        for (version, minor) in [
            ("go1.19.8", Some(19)),
            ("go1.26", Some(26)),
            ("go1.27rc1", Some(27)),
            ("devel", None),
            ("", None),
        ] {
            assert_eq!(minor_version(version), minor, "{version}");
        }
    }

    #[test]
    fn a_server_that_was_built_before_is_taken() {
        let cache = Scratch::new("livekit-cache").unwrap();
        let binary = cache.path().join(format!("livekit-server-{VERSION}"));
        std::fs::write(&binary, "").unwrap();
        let told = obtain(cache.path(), |text| panic!("{text}"));
        assert_eq!(told, Ok(binary));
    }
}
