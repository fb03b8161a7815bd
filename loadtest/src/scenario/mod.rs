//! Scenarios: what participants do together. Help and `list` come from [`ALL`].

pub mod churn;
pub mod crowd;
pub mod steady;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use self::crowd::Crowd;

/// A scenario: one file each.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Runs it; everybody has left when it ends or is dropped with the crowd.
    pub run: for<'a> fn(&'a mut Crowd, &'a Settings) -> Play<'a>,
}

/// A scenario that is being played.
pub type Play<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the command line asks of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Participants at a time.
    pub participants: u32,
    /// How long to go on once all are started.
    pub duration: Duration,
    /// Comings and goings per second, where the scenario has them.
    pub rate: f64,
}

/// Every scenario there is.
pub const ALL: [Scenario; 2] = [steady::SCENARIO, churn::SCENARIO];

/// The scenario of that name.
pub fn find(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}

/// One line per scenario.
pub fn list() -> String {
    ALL.iter()
        .map(|scenario| format!("  {:<8} {}\n", scenario.name, scenario.summary))
        .collect()
}
