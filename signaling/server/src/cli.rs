//! The command line: what it takes, how it fails, and which code it exits with.
//!
//! Exit codes: 0 done, 1 the server could not start or failed, 2 the command line or the configuration is wrong.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::{self, Config, ConfigError, KEYS, Key, Layer, LogFormat, Source};
use crate::logging;
use crate::server::{Server, StartError};

/// The server could not start or failed.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong. clap uses the same.
const WRONG_USE: u8 = 2;

/// Conclave: end-to-end encrypted meetings on a server that cannot listen.
#[derive(Debug, Parser)]
#[command(name = "conclave", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve meetings: web client, signaling and media in one process.
    #[command(after_help = SERVE_HELP)]
    Serve(Box<Options>),
    /// Look at the configuration without serving.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check file, environment and flags; print every setting and where it was made.
    Check(Box<Options>),
    /// Print a configuration file with all settings, their meaning and their defaults.
    PrintDefault,
}

const SERVE_HELP: &str = "\
Every option is also a key of the configuration file (listen, sfu_token_file, ...) and an environment variable \
(CONCLAVE_LISTEN, CONCLAVE_SFU_TOKEN_FILE, ...). A flag wins over the environment, that over the file, that over the \
default.

Browsers give camera and microphone only to https:// pages and to http://localhost: turn TLS on (--tls), or put a proxy \
with it in front of the TCP port. The UDP port must be reachable as it is.

Exit codes: 0 stopped, 1 could not start, 2 wrong option or setting.";

#[derive(Debug, Default, Args)]
struct Options {
    /// Configuration file (TOML) [env: CONCLAVE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// TCP address of pages, API and WebSocket; a port alone means all IPv4 addresses [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,

    /// Whether that address speaks TLS: off, acme (a certificate is fetched and renewed), files or self-signed [default: off]
    #[arg(long, value_name = "MODE")]
    tls: Option<String>,

    /// With acme: the names that this host has in the DNS
    #[arg(long, value_name = "NAME[,NAME]")]
    acme_domains: Option<String>,

    /// With acme: e-mail address for the authority's account
    #[arg(long, value_name = "E-MAIL")]
    acme_contact: Option<String>,

    /// With acme: the authority's directory [default: https://acme-v02.api.letsencrypt.org/directory]
    #[arg(long, value_name = "URL")]
    acme_directory: Option<String>,

    /// With acme: PEM file of the root that vouches for the directory's TLS [default: those of the web]
    #[arg(long, value_name = "FILE")]
    acme_root: Option<String>,

    /// With acme or self-signed: keeps keys and certificates over restarts [default: conclave-tls]
    #[arg(long, value_name = "FOLDER")]
    tls_folder: Option<String>,

    /// With files: PEM file of the certificate and those it hangs on; read again when it changes
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<String>,

    /// With files: PEM file of its private key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,

    /// With TLS: address where plain HTTP is sent on to https, usually port 80
    #[arg(long, value_name = "ADDR:PORT")]
    http_redirect: Option<String>,

    /// Address of the media on UDP and TCP, or two: one IPv4, one IPv6; 0.0.0.0 takes IPv6 as well [default: 0.0.0.0:3478]
    #[arg(long, value_name = "ADDR:PORT")]
    media: Option<String>,

    /// Addresses that browsers send media to, for hosts behind NAT [default: those of the interfaces]
    #[arg(long, value_name = "IP[,IP]")]
    advertise: Option<String>,

    /// Threads that forward media, each on a port of its own: the media port and those after it [default: 1]
    #[arg(long, value_name = "N")]
    shards: Option<String>,

    /// Participants of one room on a media thread before further ones go to another [default: 100]
    #[arg(long, value_name = "N")]
    spread: Option<String>,

    /// Use a stand-alone conclave-sfu over this control link instead of the embedded SFU
    #[arg(long, value_name = "ws://HOST:PORT")]
    sfu: Option<String>,

    /// File with the token of that link
    #[arg(long, value_name = "FILE")]
    sfu_token_file: Option<String>,

    /// Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed
    #[arg(long, value_name = "IP[,IP]")]
    trusted_proxies: Option<String>,

    /// Other sites (https://app.example) whose pages may show meetings in a frame and use the SDK with this server
    #[arg(long, value_name = "ORIGIN[,ORIGIN]")]
    embed_origins: Option<String>,

    /// Most participants' connections at a time from one IPv4 address or IPv6 /64 [default: 256]
    #[arg(long, value_name = "N")]
    max_connections_per_ip: Option<String>,

    /// Most participants' connections at a time [default: 10000]
    #[arg(long, value_name = "N")]
    max_connections: Option<String>,

    /// Folder that keeps over restarts which rooms were burnt and what links are good for [default: none]
    #[arg(long, value_name = "FOLDER")]
    state_folder: Option<String>,

    /// Folder for the ciphertext of shared files [default: the system's temporary folder]
    #[arg(long, value_name = "FOLDER")]
    files_folder: Option<String>,

    /// Largest shared file in MiB; 0 turns files off [default: 200]
    #[arg(long, value_name = "N")]
    max_file_mib: Option<String>,

    /// Most MiB of shared files that one room holds at a time [default: 500]
    #[arg(long, value_name = "N")]
    max_room_files_mib: Option<String>,

    /// Most MiB of shared files in all [default: 2000]
    #[arg(long, value_name = "N")]
    max_files_mib: Option<String>,

    /// What to log: error, warn, info, debug or a filter [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,

    /// How to log: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Options {
    /// The flags as a layer of settings.
    fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        for key in KEYS {
            if let Some(value) = self.flag(key) {
                layer.set(key, value.clone(), Source::Flag);
            }
        }
        layer
    }

    fn flag(&self, key: &Key) -> Option<&String> {
        match key.name {
            "listen" => self.listen.as_ref(),
            "tls" => self.tls.as_ref(),
            "acme_domains" => self.acme_domains.as_ref(),
            "acme_contact" => self.acme_contact.as_ref(),
            "acme_directory" => self.acme_directory.as_ref(),
            "acme_root" => self.acme_root.as_ref(),
            "tls_folder" => self.tls_folder.as_ref(),
            "tls_certificate" => self.tls_certificate.as_ref(),
            "tls_key" => self.tls_key.as_ref(),
            "http_redirect" => self.http_redirect.as_ref(),
            "media" => self.media.as_ref(),
            "advertise" => self.advertise.as_ref(),
            "shards" => self.shards.as_ref(),
            "spread" => self.spread.as_ref(),
            "sfu" => self.sfu.as_ref(),
            "sfu_token_file" => self.sfu_token_file.as_ref(),
            "trusted_proxies" => self.trusted_proxies.as_ref(),
            "embed_origins" => self.embed_origins.as_ref(),
            "max_connections_per_ip" => self.max_connections_per_ip.as_ref(),
            "max_connections" => self.max_connections.as_ref(),
            "state_folder" => self.state_folder.as_ref(),
            "files_folder" => self.files_folder.as_ref(),
            "max_file_mib" => self.max_file_mib.as_ref(),
            "max_room_files_mib" => self.max_room_files_mib.as_ref(),
            "max_files_mib" => self.max_files_mib.as_ref(),
            "log" => self.log.as_ref(),
            "log_format" => self.log_format.as_ref(),
            _ => None,
        }
    }

    /// All settings, merged by precedence.
    fn settings(&self) -> Result<Layer, ConfigError> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        let (environment, file) = config::from_environment(variables)?;
        let file = match self.config.clone().or(file) {
            Some(path) => read_file(&path)?,
            None => Layer::default(),
        };
        Ok(config::merge(config::merge(file, environment), self.layer()))
    }
}

fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => config::from_toml(path, &text),
        Err(error) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        }),
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(options) => serve(&options),
        Command::Config(ConfigCommand::Check(options)) => check(&options),
        Command::Config(ConfigCommand::PrintDefault) => print(&default_file()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Why a command did not do what it was told.
enum Failure {
    Config(ConfigError),
    Start(StartError),
    Service,
    Io(io::Error),
}

impl Failure {
    fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Config(error) => (error.to_string(), WRONG_USE),
            Self::Start(error) => (error.to_string(), FAILED),
            Self::Service => (String::from("the signaling service failed"), FAILED),
            // Whoever reads the output closed it: nobody is left to tell.
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Self::Io(error) => (error.to_string(), FAILED),
        };
        // If even standard error is closed, the exit code has to do.
        let _ = writeln!(io::stderr(), "conclave: {text}");
        ExitCode::from(code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

fn serve(options: &Options) -> Result<(), Failure> {
    let config = Config::from_settings(&options.settings()?)?;
    logging::start(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let stop = crate::process::stop_signal().map_err(StartError::Runtime)?;
        let mut server = Server::start(&config).await?;
        match config.log_format {
            LogFormat::Text => print(&server.greeting())?,
            // Whoever reads JSON reads the log.
            LogFormat::Json => {}
        }
        tokio::select! {
            () = stop => server.stop().await,
            () = server.failed() => return Err(Failure::Service),
        }
        Ok(())
    })
}

fn check(options: &Options) -> Result<(), Failure> {
    let settings = options.settings()?;
    Config::from_settings(&settings)?;
    let mut text = String::from("The configuration is right.\n");
    for key in KEYS {
        let (value, source) = settings.setting(key);
        text.push_str(&format!("  {} = {value:?}  ({source})\n", key.name));
    }
    print(&text)
}

/// A configuration file in which every line is a comment that may be opened.
fn default_file() -> String {
    let mut text = String::from(
        "# Configuration of Conclave. Every key is also a flag (--listen) and an environment variable\n\
         # (CONCLAVE_LISTEN). A flag wins over the environment, that over this file, that over the default.\n",
    );
    for key in KEYS {
        text.push('\n');
        for line in key.help.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        let value = match key.kind {
            config::Kind::Number => key.default.to_owned(),
            config::Kind::List if key.default.is_empty() => String::from("[]"),
            config::Kind::List | config::Kind::Text => format!("{:?}", key.default),
        };
        text.push_str(&format!("# {} = {value}\n", key.name));
    }
    text
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::Io)
}

/// The command line's definition, for tests and for tools that make completions.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_has_a_flag_for_every_key() {
        let command = command();
        command.clone().debug_assert();
        let serve = command.find_subcommand("serve").unwrap();
        for key in KEYS {
            let flag = key.flag();
            assert!(
                serve
                    .get_arguments()
                    .any(|arg| Some(&flag[2..]) == arg.get_long()),
                "{flag}"
            );
            let help = serve
                .get_arguments()
                .find(|arg| Some(&flag[2..]) == arg.get_long())
                .unwrap();
            if !key.default.is_empty() {
                let help = help.get_help().unwrap().to_string();
                assert!(
                    help.contains(&format!("[default: {}]", key.default)),
                    "{flag}: {help}"
                );
            }
        }
    }

    #[test]
    fn every_flag_reaches_its_key() {
        for key in KEYS {
            let parsed = Cli::try_parse_from(["conclave", "serve", &key.flag(), "value"]).unwrap();
            let Command::Serve(options) = parsed.command else {
                panic!("not serve")
            };
            assert_eq!(
                options.layer().setting(key),
                ("value", Source::Flag),
                "{}",
                key.name
            );
        }
    }

    #[test]
    fn the_default_file_is_a_file_of_defaults() {
        let opened: String = default_file()
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.contains(" = "))
                    .unwrap_or(line)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let layer = config::from_toml(Path::new("conclave.toml"), &opened).unwrap();
        for key in KEYS {
            assert_eq!(layer.setting(key).0, key.default, "{}", key.name);
            assert_ne!(layer.setting(key).1, Source::Default, "{}", key.name);
        }
        assert_eq!(
            Config::from_settings(&layer).unwrap(),
            Config::defaults().unwrap()
        );
    }
}
