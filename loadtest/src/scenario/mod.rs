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
    /// What is carried well, for a search for the largest load.
    pub limits: capacity::Limits,
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

/// How wide the list may be: what help and an old terminal have.
const WIDTH: usize = 99;
/// Where what a scenario does begins.
const INDENT: usize = 18;

/// A paragraph per scenario: what it does, what it measures, who takes part and how long unless the command line says.
pub fn list() -> String {
    ALL.iter()
        .map(|scenario| {
            let does = wrapped(scenario.summary);
            let measures = wrapped(&format!("measures: {}", scenario.measures));
            let usual = wrapped(&scenario.usual());
            format!(
                "  {:<15} {does}\n{:INDENT$}{measures}\n{:INDENT$}{usual}\n",
                scenario.name, "", ""
            )
        })
        .collect()
}

/// A text in lines of which all but the first are indented.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = INDENT;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(INDENT));
            column = INDENT;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

impl Scenario {
    /// Whether it has as many light participants as its rooms take, whatever the cast.
    pub fn searches(&self) -> bool {
        self.name == capacity::SCENARIO.name
    }

    fn usual(&self) -> String {
        let cast = [
            (self.cast.full, "full"),
            (self.cast.light, "light"),
            (self.cast.phantom, "phantoms"),
        ];
        let cast: Vec<String> = cast
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        let seconds = self.duration.as_secs();
        if self.searches() {
            return format!("usually light participants, {seconds} s per step");
        }
        format!("usually {}, {seconds} s", cast.join(" and "))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_fits_a_terminal_and_tells_all_of_every_scenario() {
        let list = list();
        assert!(list.lines().all(|line| line.chars().count() <= WIDTH), "{list}");
        let words = list.split_whitespace().collect::<Vec<_>>().join(" ");
        for scenario in &ALL {
            for text in [scenario.name, scenario.summary, scenario.measures] {
                assert!(words.contains(text), "{text}");
            }
        }
        assert!(words.contains("usually 2 full and 98 light, 20 s"), "{list}");
    }
}
