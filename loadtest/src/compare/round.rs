//! One round of one target: its server is started, filled, left to warm up, watched, and ended.

use std::time::Duration;

use tokio::time::sleep;

use super::figures::{Look, Window};
use super::load::{Load, Participants};
use crate::target::{Place, Prepared, Server, Target, TargetError};

/// How long media flows before it counts.
const WARM_UP: Duration = Duration::from_secs(3);

/// What a round is made of.
#[derive(Clone)]
pub struct Plan {
    /// Who takes part.
    pub participants: Participants,
    /// How many rooms they fill.
    pub rooms: u32,
    /// How long they are watched.
    pub duration: Duration,
    /// How many come late, one after the other.
    pub joins: u32,
    /// What a packet takes without a server, in microseconds; or why that is not known.
    pub bare_us: Result<u64, String>,
    /// Cores the load tester may use, and threads that carry its media.
    pub generator: (f64, f64),
}

/// Runs a round. The server is ended whatever happens.
pub async fn run(
    target: &dyn Target,
    prepared: &Prepared,
    place: &Place,
    plan: &Plan,
    tell: &dyn Fn(&str),
) -> Result<Window, TargetError> {
    tell("starting");
    let mut server = target.start(prepared, place).await?;
    let mut load = Load::new(plan.participants.clone());
    let watched = watch(&mut server, &mut load, plan, tell).await;
    // A server that has died explains every other failure.
    let lives = match &watched {
        Ok(_) => server.check(),
        Err(_) => server.check_after_failure().await,
    };
    let watched = lives.and(watched);
    if watched.is_ok() {
        load.end().await;
    }
    server.stop().await;
    watched
}

async fn watch(
    server: &mut Server,
    load: &mut Load,
    plan: &Plan,
    tell: &dyn Fn(&str),
) -> Result<Window, TargetError> {
    let idle = server.usage();
    load.grow(server, plan.rooms, &|people| {
        tell(&format!("{people} participants are in"))
    })
    .await?;
    sleep(WARM_UP).await;
    tell(&format!("measuring for {} s", plan.duration.as_secs_f64()));
    let (before, after) = span(server, load, plan.duration).await?;
    let mut joins = Vec::new();
    for number in 0..plan.joins {
        joins.push(load.late_join(number).await?);
    }
    Ok(Window {
        before,
        after,
        idle,
        people: load.people(),
        fan_out: load.fan_out(),
        joins,
        bare_us: plan.bare_us.clone(),
        generator: plan.generator,
        command: server.command(),
    })
}

/// Two looks with a while between.
async fn span(server: &mut Server, load: &Load, duration: Duration) -> Result<(Look, Look), TargetError> {
    let before = Look::at(server, load);
    sleep(duration).await;
    server.check()?;
    Ok((before, Look::at(server, load)))
}
