//! `conclave-bench`: measures the SFU and prints one JSON line per figure.

mod allocations;
mod bare_loop;
mod clock;
mod error;
mod figure;
mod figures;
mod fleet;

use std::process::ExitCode;

use clap::Parser;

use crate::figures::{ALL, Measurement, Options};

/// Measures the SFU on this machine and prints one JSON line per figure.
///
/// A real SFU with one shard runs in this process on core 0; thousands of light clients (ICE, DTLS and SRTP are real,
/// most media is only counted) run on core 1 and reach it over loopback. Rates are per second of the shard's CPU time,
/// so they hold on a busy machine too, as far as caches are not shared; latencies need an idle one. The bare loop
/// (open once, then copy, rewrite, seal and send with GSO, no SFU) alternates with the SFU in the same run: quote
/// the ratio. The first round is discarded, the median of the others printed.
#[derive(Parser)]
#[command(version, after_help = figures_help())]
struct Arguments {
    /// Measure only this figure, and what is measured with it; may be given several times.
    #[arg(long, value_name = "NAME")]
    figure: Vec<String>,
    /// Shorter rounds and smaller rooms: minutes become seconds, and figures noisier.
    #[arg(long)]
    quick: bool,
    /// Rooms of ten for ten_person_rooms_per_core and the overload, instead of as many as make the shard busy.
    #[arg(long, value_name = "COUNT")]
    rooms: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        quick: arguments.quick,
        rooms: arguments.rooms,
    };
    let known = |name: &String| ALL.iter().any(|measurement| gives(measurement, name));
    if let Some(unknown) = arguments.figure.iter().find(|name| !known(name)) {
        return failed(&format!("there is no figure {unknown}; --help lists them"));
    }
    for measurement in ALL {
        let wanted =
            arguments.figure.is_empty() || arguments.figure.iter().any(|name| gives(measurement, name));
        if !wanted {
            continue;
        }
        match (measurement.run)(options) {
            Ok(figures) => figures.into_iter().for_each(|figure| figure.print(options.quick)),
            Err(error) => return failed(&error.to_string()),
        }
    }
    ExitCode::SUCCESS
}

fn gives(measurement: &Measurement, name: &str) -> bool {
    measurement.figures.iter().any(|(figure, _)| *figure == name)
}

fn figures_help() -> String {
    let lines = ALL.iter().flat_map(|measurement| measurement.figures);
    let lines: Vec<String> = lines
        .map(|(name, about)| format!("  {name:<34} {about}"))
        .collect();
    format!("Figures:\n{}", lines.join("\n"))
}

fn failed(why: &str) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "conclave-bench: {why}");
    ExitCode::FAILURE
}
