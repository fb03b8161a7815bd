//! `conclave-loadtest relay`: arguments, control lines on stdin, JSON lines on stdout.

use std::io::{self, BufRead as _};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::impairment::{Impairment, ImpairmentError, Rate, Share, parse_burst, parse_delay, parse_gap};
use super::{Relay, Settings, Summary};

/// Control lines read and not yet obeyed; the reader waits when there are more.
const PENDING_LINES: usize = 16;

const MORE: &str = "\
Each client gets a socket of its own towards the server, so that the server sees every client under another address.
The options above hold for both directions; --up and --down change them for one, in one text: --down 'rate=300kbit,queue=1s'.
A datagram first waits for the bottleneck (--rate, --queue), then it is on the line (--delay, --jitter, --loss, ...).

Control lines on stdin, each a JSON object; a direction that is named gets exactly what is written and nothing else:
  {\"up\": \"delay=50ms,loss=10%\", \"down\": \"\"}    change impairments; \"both\" is up and down
  {\"both\": \"loss=100%\"}                          an outage
  {\"rebind\": true}                               every client gets another port towards the server: a change of network
  {}                                             nothing: only asks for the counts
Each is answered on stdout by one line: the counts so far, or {\"error\": ...}. The first line on stdout is
{\"listening\": \"ADDRESS:PORT\"}; the last one, after Ctrl-C or SIGTERM, are the counts again.

Example, a browser that has a bad network towards a server on this machine:
  conclave serve --media 127.0.0.1:3478 --advertise 127.0.0.1
  conclave-loadtest relay --listen 127.0.0.2:3478 --to 127.0.0.1:3478 --delay 50ms --loss 5% --burst 3";

/// Relays UDP and does to it what a bad network does.
#[derive(Debug, clap::Args)]
#[command(after_help = MORE)]
pub struct RelayArguments {
    /// Where clients send to, ADDRESS:PORT; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where their datagrams go.
    #[arg(long, value_name = "ADDRESS:PORT")]
    to: SocketAddr,
    /// How long every datagram is under way, each direction by itself: 50ms.
    #[arg(long, value_parser = parse_delay)]
    delay: Option<Duration>,
    /// The delay varies by this much up and down; the order stays.
    #[arg(long, value_parser = parse_delay)]
    jitter: Option<Duration>,
    /// The share that is lost: 10% or 0.1.
    #[arg(long)]
    loss: Option<Share>,
    /// Mean length of a burst of losses, in datagrams; 1 is independent losses.
    #[arg(long, value_parser = parse_burst)]
    burst: Option<f32>,
    /// Every so many datagrams one overtakes the one before it, when that is still under way.
    #[arg(long, value_name = "DATAGRAMS", value_parser = parse_gap)]
    reorder: Option<NonZeroU32>,
    /// The share that arrives twice.
    #[arg(long)]
    duplicate: Option<Share>,
    /// What the bottleneck of each client lets through, headers included: 300kbit, 1.5mbit.
    #[arg(long)]
    rate: Option<Rate>,
    /// How long a datagram waits before the bottleneck at most; beyond that it is dropped [default: 200ms].
    #[arg(long, value_parser = parse_delay)]
    queue: Option<Duration>,
    /// The same seed and the same datagrams give the same losses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Other values from clients to the server, like 'delay=10ms,loss=2%'.
    #[arg(long, value_name = "LIST")]
    up: Option<String>,
    /// Other values from the server to clients.
    #[arg(long, value_name = "LIST")]
    down: Option<String>,
}

/// A line on stdin.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Control {
    both: Option<String>,
    up: Option<String>,
    down: Option<String>,
    rebind: bool,
}

/// A line on stdout.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    Listening { listening: SocketAddr },
    Counts(Summary),
    Error { error: String },
}

/// Relays until Ctrl-C or SIGTERM; an error says in words why it could not begin. `say` writes a line to stdout.
pub async fn run(arguments: RelayArguments, say: fn(&str)) -> Result<(), String> {
    let settings = arguments.settings().map_err(|error| error.to_string())?;
    let relay = Relay::start(settings)
        .await
        .map_err(|error| format!("--listen {}: {error}", settings.listen))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let say = |said: &Said| say(&line(said));
    say(&Said::Listening {
        listening: relay.address(),
    });
    let mut lines = control_lines();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
            Some(line) = lines.recv() => say(&obey(&relay, &line)),
        }
    }
    say(&Said::Counts(relay.summary()));
    Ok(())
}

fn line(said: &Said) -> String {
    // Numbers and text always have a JSON form.
    let mut text = serde_json::to_string(said).unwrap_or_default();
    text.push('\n');
    text
}

fn obey(relay: &Relay, line: &str) -> Said {
    let control = match parse_control(line) {
        Ok(control) => control,
        Err(error) => return Said::Error { error },
    };
    relay.set(control.up, control.down);
    if control.rebind {
        relay.rebind();
    }
    Said::Counts(relay.summary())
}

/// A control line whose impairments are checked.
struct Checked {
    up: Option<Impairment>,
    down: Option<Impairment>,
    rebind: bool,
}

fn parse_control(line: &str) -> Result<Checked, String> {
    let control: Control = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let impairment = |list: Option<&String>| {
        list.map(|list| Impairment::default().with(list))
            .transpose()
            .map_err(|error| error.to_string())
    };
    Ok(Checked {
        up: impairment(control.up.as_ref().or(control.both.as_ref()))?,
        down: impairment(control.down.as_ref().or(control.both.as_ref()))?,
        rebind: control.rebind,
    })
}

/// Lines from stdin until it ends. They are read by a thread that may wait for ever and ends with the process: a task
/// that waits for stdin would hold up the end of the runtime.
fn control_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(PENDING_LINES);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if !line.trim().is_empty() && sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl RelayArguments {
    fn settings(&self) -> Result<Settings, ImpairmentError> {
        let default = Impairment::default();
        let both = Impairment {
            delay: self.delay.unwrap_or(default.delay),
            jitter: self.jitter.unwrap_or(default.jitter),
            loss: self.loss.unwrap_or(default.loss),
            burst: self.burst.unwrap_or(default.burst),
            reorder: self.reorder,
            duplicate: self.duplicate.unwrap_or(default.duplicate),
            rate: self.rate,
            queue: self.queue.unwrap_or(default.queue),
        };
        Ok(Settings {
            listen: self.listen,
            to: self.to,
            up: both.with(self.up.as_deref().unwrap_or_default())?,
            down: both.with(self.down.as_deref().unwrap_or_default())?,
            seed: self.seed,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Outer {
        #[command(flatten)]
        relay: RelayArguments,
    }

    fn settings(arguments: &[&str]) -> Result<Settings, ImpairmentError> {
        let ends = ["relay", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:9"];
        Outer::parse_from(ends.iter().chain(arguments)).relay.settings()
    }

    #[test]
    fn up_and_down_change_what_holds_for_both() {
        let settings = settings(&[
            "--delay",
            "20ms",
            "--loss",
            "1%",
            "--down",
            "loss=5%,rate=300kbit",
        ])
        .unwrap();
        let up = Impairment::default().with("delay=20ms,loss=1%").unwrap();
        assert_eq!(settings.up, up);
        assert_eq!(settings.down, up.with("loss=5%,rate=300kbit").unwrap());
    }

    #[test]
    fn a_contradiction_is_refused_before_the_relay_begins() {
        assert!(settings(&["--jitter", "5ms"]).is_err());
    }

    #[test]
    fn a_control_line_replaces_the_direction_it_names() {
        let checked = parse_control(r#"{"both": "loss=10%", "down": "delay=5ms"}"#).unwrap();
        assert_eq!(checked.up, Some(Impairment::default().with("loss=10%").unwrap()));
        assert_eq!(
            checked.down,
            Some(Impairment::default().with("delay=5ms").unwrap())
        );
        let nothing = parse_control("{}").unwrap();
        assert_eq!((nothing.up, nothing.down, nothing.rebind), (None, None, false));
        for wrong in ["", "down", r#"{"dwon": ""}"#, r#"{"up": "loss=200%"}"#] {
            assert!(parse_control(wrong).is_err(), "{wrong}");
        }
    }
}
