//! A server as a process of ours: on a core of its own, watched through /proc, and never left behind.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::{Place, TargetError};
use crate::server_usage::{self, Usage};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks whether it listens.
const LOOK: Duration = Duration::from_millis(20);
/// How long a server whose connections broke may take to be gone.
const DYING: Duration = Duration::from_millis(500);
/// How much of its log is told when it fails.
const TOLD_LINES: usize = 3;

/// A folder of ours under the system's temporary folder; removed with everything in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty folder that nobody else has.
    pub fn new(name: &str) -> io::Result<Self> {
        let number: u64 = rand::random();
        let path = std::env::temp_dir().join(format!("conclave-loadtest-{name}-{number:016x}"));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server.
#[derive(Debug)]
pub struct ServerProcess {
    name: &'static str,
    child: Child,
    pid: u32,
    command: String,
    folder: Scratch,
}

/// What to run.
#[derive(Debug)]
pub struct Program {
    /// Who it is, for messages.
    pub name: &'static str,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its folder, where its log goes too.
    pub folder: Scratch,
}

impl ServerProcess {
    /// Starts a server on its core and waits until it listens on `listens` (TCP).
    ///
    /// It dies with this process, however that ends; Ctrl-C in the terminal reaches this process only.
    pub async fn start(program: Program, place: &Place, listens: SocketAddr) -> Result<Self, TargetError> {
        let Program {
            name,
            path,
            arguments,
            folder,
        } = program;
        let failed = |error: io::Error| TargetError::Start {
            name,
            detail: error.to_string(),
        };
        let words = std::iter::once(path.as_os_str()).chain(arguments.iter().map(OsString::as_os_str));
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let command = words.join(" ");
        let log = File::create(folder.path().join("log")).map_err(failed)?;
        // Both wrappers become the server, so that its process id is the child's.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "taskset", "--cpu-list"])
            .arg(place.core.to_string())
            .arg(&path)
            .args(&arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let pid = child.id().unwrap_or_default();
        let mut process = Self {
            name,
            child,
            pid,
            command,
            folder,
        };
        process.until_it_listens(listens).await?;
        Ok(process)
    }

    /// How it was started, without the wrappers that pin it.
    pub fn command(&self) -> String {
        self.command.clone()
    }

    /// CPU time and memory since its start.
    pub fn usage(&self) -> Result<Usage, String> {
        server_usage::of_process(self.pid)
    }

    /// Fails when the server has ended by itself.
    pub fn check(&mut self) -> Result<(), TargetError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(TargetError::Died {
                name: self.name,
                detail: format!("{status}{}", self.last_words()),
            }),
            Err(error) => Err(TargetError::Died {
                name: self.name,
                detail: error.to_string(),
            }),
        }
    }

    /// As [`Self::check`], after something failed: a server that dies breaks its connections before it is gone.
    pub async fn check_after_failure(&mut self) -> Result<(), TargetError> {
        // A server that lives does not end by itself.
        let _ = tokio::time::timeout(DYING, self.child.wait()).await;
        self.check()
    }

    /// Ends it and waits until it is gone.
    pub async fn stop(mut self) {
        // It keeps nothing worth saving. A failure means that it is gone already.
        let _ = self.child.kill().await;
    }

    async fn until_it_listens(&mut self, address: SocketAddr) -> Result<(), TargetError> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            self.check()?;
            if Instant::now() > deadline {
                return Err(TargetError::Start {
                    name: self.name,
                    detail: format!(
                        "it does not listen on {address} after {} s{}",
                        PATIENCE.as_secs(),
                        self.last_words()
                    ),
                });
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// The last lines of its log, in parentheses.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let told = lines
            .get(lines.len().saturating_sub(TOLD_LINES)..)
            .unwrap_or_default();
        if told.is_empty() {
            return String::new();
        }
        format!(" ({})", told.join(" | "))
    }
}

/// A port of an address that nobody listens on now, on TCP and UDP.
pub fn free_port(address: std::net::IpAddr) -> io::Result<u16> {
    let listener = std::net::TcpListener::bind((address, 0))?;
    let port = listener.local_addr()?.port();
    std::net::UdpSocket::bind((address, port))?;
    Ok(port)
}

/// The first folder of `PATH` with an executable of this name.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const PLACE: Place = Place {
        core: 0,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };

    fn shell(script: &str) -> Program {
        Program {
            name: "script",
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: Scratch::new("test").unwrap(),
        }
    }

    #[tokio::test]
    async fn a_server_runs_on_its_core_and_is_gone_after_stop() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut process = ServerProcess::start(shell("exec sleep 600"), &PLACE, address)
            .await
            .unwrap();
        process.check().unwrap();
        let (pid, folder) = (process.pid, process.folder.path().to_owned());
        // The wrappers become the script one after the other, and each has no memory at first.
        let is_pinned = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            status.contains("Name:\tsleep\n")
                && status.contains("Cpus_allowed_list:\t0\n")
                && process.usage().unwrap().rss_bytes > 0.0
        };
        tokio::time::timeout(PATIENCE, async {
            while !is_pinned() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        process.stop().await;
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_server_that_is_about_to_die_explains_a_failure() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = "echo the port is taken; exit 1";
        let mut process = ServerProcess::start(shell(script), &PLACE, address)
            .await
            .unwrap();
        let error = process.check_after_failure().await.unwrap_err();
        assert!(error.to_string().contains("the port is taken"), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_cannot_start_is_quoted() {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = ServerProcess::start(shell("echo no such room here; exit 3"), &PLACE, nobody)
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no such room here") && text.contains('3'), "{text}");
    }
}
