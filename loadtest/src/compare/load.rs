//! The participants of one server in one round: rooms that are filled, what they receive, and who joins late.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use conclave_e2ee::{Codec, Context};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::shape::Shape;
use crate::light::{LightEngine, Noise, SendTrack, Source};
use crate::measure::Measures;
use crate::target::{Guest, Room, Seat, Server, TargetError};

/// Participants that come or go at the same time.
const AT_ONCE: usize = 8;
/// Of so many frames one is opened, and its age taken.
const SAMPLE: u32 = 16;
/// How long tracks may take to flow once everybody has received something.
const SETTLING: Duration = Duration::from_secs(10);
/// Between two looks whether they do.
const LOOK: Duration = Duration::from_secs(1);
/// They do when this share of the packets arrives.
const SETTLED: f64 = 0.98;

/// What the participants of every server do alike.
#[derive(Clone)]
pub struct Participants {
    /// Their engine.
    pub engine: LightEngine,
    /// The address their media is sent from.
    pub address: IpAddr,
    /// Who publishes.
    pub shape: Shape,
    /// In each room.
    pub per_room: u32,
    /// Of each camera.
    pub picture: Noise,
}

/// Packets of all participants of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent by publishers.
    pub sent: u64,
    /// Counted at their receivers.
    pub delivered: u64,
    /// Missing at their receivers by their sequence numbers.
    pub lost: u64,
}

/// A room and who sits in it.
struct Filled {
    room: Arc<dyn Room>,
    seats: Vec<Box<dyn Seat>>,
}

/// All rooms of a server.
pub struct Load {
    participants: Participants,
    measures: Arc<Measures>,
    rooms: Vec<Filled>,
}

impl Participants {
    /// A camera of 30 pictures a second of so many kbit/s.
    pub fn picture(kbits: u32) -> Noise {
        const FPS: u32 = 30;
        Noise {
            codec: Codec::Vp8,
            fps: FPS,
            frame_bytes: usize::try_from(kbits * 1000 / 8 / FPS).unwrap_or_default(),
            size: (640, 360),
        }
    }

    fn guest(&self, number: u32, measures: &Arc<Measures>) -> Result<Guest, TargetError> {
        let index = usize::try_from(number).unwrap_or_default();
        let publishes = number < self.shape.publishers(self.per_room);
        let sends = if publishes {
            let microphone = SendTrack::microphone(index).map_err(TargetError::Voice)?;
            let camera = SendTrack {
                name: format!("camera-{number}"),
                context: Context::Camera,
                source: Source::Noise(self.picture),
            };
            vec![microphone, camera]
        } else {
            Vec::new()
        };
        Ok(Guest {
            engine: self.engine.clone(),
            address: self.address,
            sends,
            sample: SAMPLE,
            measures: Arc::clone(measures),
        })
    }

    /// Publishers that a participant with this number receives.
    fn others(&self, number: u32) -> usize {
        let publishers = self.shape.publishers(self.per_room);
        let own = u32::from(number < publishers);
        usize::try_from(publishers - own).unwrap_or_default()
    }
}

impl Load {
    /// Nobody yet.
    pub fn new(participants: Participants) -> Self {
        Self {
            participants,
            measures: Arc::new(Measures::default()),
            rooms: Vec::new(),
        }
    }

    /// Where everybody's latencies and counts go.
    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    /// What carries everybody's media.
    pub const fn engine(&self) -> &LightEngine {
        &self.participants.engine
    }

    /// Fills rooms until there are so many; `tell` hears how many participants are in.
    pub async fn grow(
        &mut self,
        server: &Server,
        rooms: u32,
        tell: &dyn Fn(usize),
    ) -> Result<(), TargetError> {
        for number in u32::try_from(self.rooms.len()).unwrap_or(u32::MAX)..rooms {
            let room: Arc<dyn Room> = server.rooms.create_room(number).await?.into();
            let filled = self.fill(room).await?;
            self.rooms.push(filled);
            tell(self.people());
        }
        self.settle().await;
        Ok(())
    }

    async fn fill(&self, room: Arc<dyn Room>) -> Result<Filled, TargetError> {
        let numbers: Vec<u32> = (0..self.participants.per_room).collect();
        let mut seats: Vec<(u32, Box<dyn Seat>)> = Vec::new();
        for some in numbers.chunks(AT_ONCE) {
            let mut joining = JoinSet::new();
            for &number in some {
                let guest = self.participants.guest(number, &self.measures)?;
                let room = Arc::clone(&room);
                joining.spawn(async move { Ok((number, room.join(number, guest).await?)) });
            }
            seats.extend(all(joining).await?);
        }
        let mut filled = Vec::new();
        while !seats.is_empty() {
            let mut subscribing = JoinSet::new();
            for (number, mut seat) in seats.split_off(seats.len().saturating_sub(AT_ONCE)) {
                let others = self.participants.others(number);
                subscribing.spawn(async move { seat.subscribe(others).await.map(|()| seat) });
            }
            filled.extend(all(subscribing).await?);
        }
        Ok(Filled { room, seats: filled })
    }

    /// Waits until all tracks flow, or not for ever.
    async fn settle(&self) {
        let deadline = Instant::now() + SETTLING;
        loop {
            let before = self.counts();
            sleep(LOOK).await;
            let after = self.counts();
            let delivered = float(after.delivered - before.delivered);
            if delivered >= SETTLED * float((after.sent - before.sent) * self.fan_out())
                || Instant::now() >= deadline
            {
                return;
            }
        }
    }

    /// What all of them together have sent and received so far.
    pub fn counts(&self) -> Counts {
        Counts {
            sent: self.measures.packets_sent.value(),
            delivered: self.measures.packets_arrived.value(),
            lost: self.measures.missing_now(),
        }
    }

    /// Participants in all rooms.
    pub fn people(&self) -> usize {
        self.rooms.iter().map(|room| room.seats.len()).sum()
    }

    /// Copies of each packet that are to be delivered.
    pub fn fan_out(&self) -> u64 {
        u64::from(self.participants.per_room.saturating_sub(1))
    }

    /// Lets one more come into the first room who only watches, and leave again: how long it took until its first
    /// media packet.
    pub async fn late_join(&self, number: u32) -> Result<Duration, TargetError> {
        let Some(first) = self.rooms.first() else {
            return Ok(Duration::ZERO);
        };
        let number = self.participants.per_room + number;
        let guest = self.participants.guest(number, &Arc::new(Measures::default()))?;
        let began = Instant::now();
        let mut seat = first.room.join(number, guest).await?;
        seat.subscribe(self.participants.others(number)).await?;
        let took = began.elapsed();
        seat.leave().await;
        Ok(took)
    }

    /// Everybody leaves.
    pub async fn end(self) {
        let mut seats: Vec<_> = self.rooms.into_iter().flat_map(|room| room.seats).collect();
        while !seats.is_empty() {
            let mut leaving = JoinSet::new();
            for seat in seats.split_off(seats.len().saturating_sub(AT_ONCE)) {
                leaving.spawn(seat.leave());
            }
            leaving.join_all().await;
        }
    }
}

async fn all<T: 'static>(mut tasks: JoinSet<Result<T, TargetError>>) -> Result<Vec<T>, TargetError> {
    let mut done = Vec::new();
    while let Some(result) = tasks.join_next().await {
        match result {
            Ok(result) => done.push(result?),
            // Only a task that panicked or was ended with the runtime.
            Err(error) => return Err(TargetError::Task(error)),
        }
    }
    Ok(done)
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
