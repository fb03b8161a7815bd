//! Headless browsers as participants: the real client, fake devices, and the browser's own statistics.

mod remote;

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use self::remote::{Page, Remote};
use crate::measure::Measures;
use crate::measure::browsers::Seen;
use crate::measure::kinds::Kind;
use crate::target::TargetError;
use crate::target::process::Scratch;

/// What runs in every page before the client's own scripts.
const SCRIPT: &str = include_str!("page.js");
/// How long a browser may take to start, and a page to get into the call.
const START: Duration = Duration::from_secs(60);
const ENTER: Duration = Duration::from_secs(60);
/// Between two steps on the way in.
const STEP: Duration = Duration::from_millis(100);
/// Where Debian and others put them.
const CHROMIUM: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const FIREFOX: [&str; 2] = ["firefox-esr", "firefox"];

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Make {
    /// Chromium or Chrome.
    Chromium,
    /// Firefox.
    Firefox,
}

impl Make {
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &CHROMIUM,
            Self::Firefox => &FIREFOX,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
        }
    }

    /// What stands before the address of its remote control on stderr.
    fn announcement(self) -> &'static str {
        match self {
            Self::Chromium => "DevTools listening on ",
            Self::Firefox => "WebDriver BiDi listening on ",
        }
    }

    /// Where it is installed.
    fn find(self) -> Result<PathBuf, BrowserError> {
        let folders: Vec<PathBuf> = std::env::var_os("PATH")
            .map(|path| std::env::split_paths(&path).collect())
            .unwrap_or_default();
        self.programs()
            .iter()
            .flat_map(|program| folders.iter().map(move |folder| folder.join(program)))
            .find(|file| file.is_file())
            .ok_or(BrowserError::NotInstalled {
                name: self.name(),
                package: self.programs().first().copied().unwrap_or_default(),
            })
    }
}

/// Why there are no browsers.
#[derive(Debug, Error)]
pub enum BrowserError {
    /// None of its programs is on the path.
    #[error("{name} is not installed: apt-get install --no-install-recommends {package}")]
    NotInstalled {
        /// The browser.
        name: &'static str,
        /// Its Debian package.
        package: &'static str,
    },
    /// It could not be started.
    #[error("the browser could not be started: {0}")]
    Start(#[from] io::Error),
    /// It ended, or said nothing, before it could be controlled.
    #[error("{0} did not say how it is controlled: {1}")]
    Silent(&'static str, String),
    /// Its WebSocket failed.
    #[error(transparent)]
    Socket(#[from] TargetError),
    /// It did not answer.
    #[error("the browser did not answer {0} within 60 s")]
    TimedOut(&'static str),
    /// It refused a command, or a script failed.
    #[error("the browser refused {method}: {detail}")]
    Refused {
        /// The command.
        method: &'static str,
        /// What it says.
        detail: String,
    },
    /// The page did not get into the call.
    #[error("a browser did not get into the call within 60 s: {0}")]
    NotIn(String),
}

/// What the page's script tells: sums over all streams of a page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Stats {
    received: u64,
    lost: i64,
    sent: u64,
    frames: u64,
    freezes: u64,
    freeze_s: f64,
    samples: u64,
    concealed: u64,
}

/// One browser with a page for each participant.
pub struct Browsers {
    remote: Remote,
    pages: Vec<Page>,
    measures: Arc<Measures>,
    /// Ends with this.
    _process: Child,
    _folder: Scratch,
}

impl Browsers {
    /// Starts a browser.
    ///
    /// # Errors
    /// [`BrowserError`]; that it is not installed is said in one line.
    pub async fn start(make: Make, measures: Arc<Measures>) -> Result<Self, BrowserError> {
        let program = make.find()?;
        let folder = Scratch::new("browser")?;
        let mut command = Command::new("setpriv");
        // It ends with this process, however that ends.
        command.args(["--pdeathsig", "KILL"]).arg(program);
        match make {
            Make::Chromium => {
                let profile = folder.path().join("profile");
                command
                    .arg(format!("--user-data-dir={}", profile.display()))
                    .args(CHROMIUM_ARGUMENTS);
            }
            Make::Firefox => {
                std::fs::write(folder.path().join("user.js"), FIREFOX_PREFERENCES)?;
                command
                    .arg("--profile")
                    .arg(folder.path())
                    .args(FIREFOX_ARGUMENTS);
            }
        }
        let mut process = command
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let address = timeout(START, announced(make, &mut process))
            .await
            .unwrap_or_else(|_| {
                Err(BrowserError::Silent(
                    make.name(),
                    "it took longer than 60 s".to_owned(),
                ))
            })?;
        Ok(Self {
            remote: Remote::connect(make, &address).await?,
            pages: Vec::new(),
            measures,
            _process: process,
            _folder: folder,
        })
    }

    /// Brings one more participant into the room of that link.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub async fn join(&mut self, link: &str) -> Result<(), BrowserError> {
        let counters = self.measures.kinds.of(Kind::Browser);
        counters.started.increment();
        let begun = Instant::now();
        let name = format!("Browser {}", self.pages.len() + 1);
        let page = self.remote.open(link, SCRIPT).await?;
        let enter = format!("window.loadtest?.enter({name:?}) ?? \"no page\"");
        loop {
            let said = self.remote.evaluate(&page, &enter).await?;
            if said == "in" {
                break;
            }
            if begun.elapsed() > ENTER {
                return Err(BrowserError::NotIn(said));
            }
            sleep(STEP).await;
        }
        self.measures.browsers.join.record(begun.elapsed());
        counters.joined.increment();
        self.pages.push(page);
        Ok(())
    }

    /// Reads the statistics of every page, says goodbye and ends the browser.
    pub async fn end(mut self) {
        for page in &self.pages {
            let told = self.remote.evaluate(page, "window.loadtest.stats()").await;
            let stats = told
                .map_err(|error| error.to_string())
                .and_then(|told| serde_json::from_str::<Stats>(&told).map_err(|error| error.to_string()));
            match stats {
                Ok(stats) => self.measures.browsers.add(stats.seen()),
                Err(error) => self.measures.problem(format!("a browser's statistics: {error}")),
            }
            if self
                .remote
                .evaluate(page, "window.loadtest.leave()")
                .await
                .is_ok()
            {
                self.measures.kinds.of(Kind::Browser).left.increment();
            }
        }
        self.remote.close().await;
    }
}

impl Stats {
    fn seen(self) -> Seen {
        Seen {
            packets_received: self.received,
            // RFC 3550 §6.4.1 lets it be negative where packets came twice.
            packets_lost: u64::try_from(self.lost).unwrap_or_default(),
            packets_sent: self.sent,
            frames_decoded: self.frames,
            freezes: self.freezes,
            freeze_s: self.freeze_s,
            samples: self.samples,
            concealed: self.concealed,
        }
    }
}

/// Waits for the address of the remote control.
async fn announced(make: Make, process: &mut Child) -> Result<String, BrowserError> {
    let silent = |last: String| BrowserError::Silent(make.name(), last);
    let errors = process
        .stderr
        .take()
        .ok_or_else(|| silent("no stderr".to_owned()))?;
    let mut lines = BufReader::new(errors).lines();
    let mut last = "it ended at once".to_owned();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, address)) = line.split_once(make.announcement()) {
            let address = address.trim().to_owned();
            // A pipe that nobody reads would stop it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
        last = line;
    }
    Err(silent(last))
}

const CHROMIUM_ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--lang=en-US",
    "--accept-lang=en-US",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
];
const FIREFOX_ARGUMENTS: &[&str] = &["--headless", "--no-remote", "--remote-debugging-port", "0"];
const FIREFOX_PREFERENCES: &str = r#"user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("intl.accept_languages", "en-US");
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
"#;
