//! Scenarios: what participants do together. Help, `list` and reports come from [`ALL`].

mod bandwidth_step;
pub mod capacity;
mod churn;
mod commit_race;
pub mod crowd;
mod hostile;
mod join_storm;
mod large_room;
mod lossy_downlink;
mod many_rooms;
mod overload;
mod screen_share;
mod soak;
mod speaker_switch;
mod steady;
mod webinar;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use self::crowd::{Cast, Crowd};

/// A scenario: one file each.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What it measures, in one line.
    pub measures: &'static str,
    /// Who takes part when the command line does not say.
    pub cast: Cast,
    /// How long it goes on when the command line does not say.
    pub duration: Duration,
    /// Runs it; everybody has left when it ends or is dropped with the crowd.
    pub run: for<'a> fn(&'a mut Crowd, &'a Settings) -> Play<'a>,
}

/// A scenario that is being played; an error says in one line why it could not be played to its end.
pub type Play<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// What the command line asks of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long to go on once all are started.
    pub duration: Duration,
    /// Comings and goings per second, where the scenario has them.
    pub rate: f64,
    /// Participants of one room, where there are many rooms.
    pub room_size: u32,
}

impl Settings {
    /// Between two comings and goings.
    fn period(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }
}

/// Every scenario there is.
pub const ALL: [Scenario; 15] = [
    steady::SCENARIO,
    churn::SCENARIO,
    join_storm::SCENARIO,
    large_room::SCENARIO,
    webinar::SCENARIO,
    many_rooms::SCENARIO,
    speaker_switch::SCENARIO,
    screen_share::SCENARIO,
    lossy_downlink::SCENARIO,
    bandwidth_step::SCENARIO,
    commit_race::SCENARIO,
    overload::SCENARIO,
    hostile::SCENARIO,
    soak::SCENARIO,
    capacity::SCENARIO,
];

/// The scenario of that name.
pub fn find(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}

/// Two lines per scenario: what it does, what it measures.
pub fn list() -> String {
    ALL.iter()
        .map(|scenario| {
            format!(
                "  {:<15} {}\n  {:<15} measures: {}\n",
                scenario.name, scenario.summary, "", scenario.measures
            )
        })
        .collect()
}

/// A cast of full participants.
const fn full(full: u32) -> Cast {
    Cast {
        full,
        light: 0,
        phantom: 0,
        browser: 0,
    }
}

/// A cast of light participants, with two full ones that look closely.
const fn light(light: u32) -> Cast {
    Cast {
        full: 2,
        light,
        phantom: 0,
        browser: 0,
    }
}
