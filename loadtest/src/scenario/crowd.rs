//! The participants of a run: bringing them in, telling them what to do, and sending them away.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use conclave_e2ee::Codec;
use rand::Rng as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::Server;
use crate::light::{Decrypt, EngineError, LightConfig, LightEngine};
use crate::measure::Measures;
use crate::measure::kinds::Kind;
use crate::participant::detour::Detour;
use crate::participant::phantom::{self, Relief};
use crate::participant::{self, Config, LightKit, Making, Order, Part};
use crate::report::model::CapacityStep;
use crate::room::{CreateError, Room};

/// How long the last participants may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// Between two looks whether everybody has got in.
const SETTLED_LOOK: Duration = Duration::from_millis(50);
/// A participant that does not get in gives up by itself before that.
const SETTLED_PATIENCE: Duration = Duration::from_secs(40);

/// Between two full participants who join, and between two light ones.
const FULL_PAUSE: Duration = Duration::from_millis(250);
const LIGHT_PAUSE: Duration = Duration::from_millis(40);

/// How long a scenario waits for those who come.
const JOIN_PATIENCE: Duration = Duration::from_secs(30);

/// Which codec the cameras use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Video {
    /// All VP8.
    Vp8,
    /// All VP9.
    Vp9,
    /// One after the other.
    Mixed,
}

impl Video {
    fn codec(self, index: usize) -> Codec {
        match self {
            Self::Vp8 => Codec::Vp8,
            Self::Vp9 => Codec::Vp9,
            Self::Mixed if index.is_multiple_of(2) => Codec::Vp8,
            Self::Mixed => Codec::Vp9,
        }
    }
}

/// How many of each kind take part at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cast {
    /// Real codecs, everything compared.
    pub full: u32,
    /// Pre-encoded media.
    pub light: u32,
    /// Leaves of the group without media.
    pub phantom: u32,
    /// Headless browsers.
    pub browser: u32,
}

impl Cast {
    /// How many of a kind.
    pub fn of(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Full => self.full,
            Kind::Light => self.light,
            Kind::Phantom => self.phantom,
            Kind::Browser => self.browser,
        }
    }

    /// Whether nobody takes part.
    pub fn is_empty(&self) -> bool {
        self.speakers() + self.phantom + self.browser == 0
    }

    /// Those with media of this process.
    pub fn speakers(&self) -> u32 {
        self.full + self.light
    }
}

/// What a crowd is made of.
#[derive(Clone)]
pub struct Casting {
    /// Where.
    pub server: Server,
    /// How many of each kind.
    pub cast: Cast,
    /// The cameras' codec.
    pub video: Video,
    /// Which frames light participants decrypt.
    pub decrypt: Decrypt,
    /// Threads and cores of light participants.
    pub light: LightConfig,
    /// Where measures go.
    pub measures: Arc<Measures>,
}

/// Somebody who is there.
struct Present {
    orders: watch::Sender<Order>,
    room: usize,
    client_id: [u8; 16],
    is_host: bool,
}

/// Everybody who takes part.
pub struct Crowd {
    casting: Casting,
    engine: Option<LightEngine>,
    rooms: Vec<Room>,
    detour: Option<Detour>,
    /// Phantoms are in the first room only.
    relief: Option<Relief>,
    /// Whether the host of the first room has come.
    has_host: bool,
    next_index: usize,
    next_phantom: usize,
    phantoms: Vec<watch::Sender<Order>>,
    /// What runs beside the participants.
    companions: Vec<watch::Sender<Order>>,
    present: VecDeque<Present>,
    most: usize,
    leaving: Vec<watch::Sender<Order>>,
    tasks: JoinSet<()>,
    /// What a search for the largest load has tried.
    pub steps: Vec<CapacityStep>,
    /// Where the server's process is, if it is of this machine.
    pub server_pid: Option<u32>,
}

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    /// The engine of light participants could not be started.
    pub fn new(casting: Casting, room: Room) -> Result<Self, EngineError> {
        let engine = (casting.cast.light > 0)
            .then(|| LightEngine::start(&casting.light))
            .transpose()?;
        Ok(Self {
            engine,
            relief: (casting.cast.phantom > 0).then(Relief::default),
            casting,
            rooms: vec![room],
            detour: None,
            has_host: false,
            next_index: 0,
            next_phantom: 0,
            phantoms: Vec::new(),
            companions: Vec::new(),
            present: VecDeque::new(),
            most: 0,
            leaving: Vec::new(),
            tasks: JoinSet::new(),
            steps: Vec::new(),
            server_pid: None,
        })
    }

    /// How many of each kind are asked for.
    pub fn cast(&self) -> Cast {
        self.casting.cast
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.casting.server
    }

    /// The measures of the run.
    pub fn measures(&self) -> &Arc<Measures> {
        &self.casting.measures
    }

    /// The engine of light participants, if there are any.
    pub fn engine(&self) -> Option<&LightEngine> {
        self.engine.as_ref()
    }

    /// The first room, and those that were opened.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// Opens rooms until there are so many.
    ///
    /// # Errors
    /// The server refused, or cannot be reached.
    pub async fn open_rooms(&mut self, rooms: usize) -> Result<(), CreateError> {
        while self.rooms.len() < rooms {
            self.rooms.push(Room::create(&self.casting.server).await?);
        }
        Ok(())
    }

    /// Lets the media of those who come from now on take another way.
    pub fn take_detour(&mut self, detour: Option<Detour>) {
        self.detour = detour;
    }

    /// Brings the whole cast in, spread over rooms of `room_size`; nobody waits for anybody.
    ///
    /// # Errors
    /// The server refused to open a room.
    pub async fn bring_all(&mut self, room_size: u32) -> Result<(), String> {
        let all = self.cast().speakers();
        for number in 0..all {
            let room = usize::try_from(number / room_size.max(1)).unwrap_or_default();
            self.open_rooms(room + 1)
                .await
                .map_err(|error| error.to_string())?;
            self.bring_in_as(Part::SPEAKER, room);
            sleep(self.pause()).await;
        }
        Ok(())
    }

    /// Between two who join, so that joining does not disturb itself.
    pub fn pause(&self) -> Duration {
        let place = self.next_index % usize::try_from(self.cast().speakers().max(1)).unwrap_or(1);
        if place < usize::try_from(self.cast().full).unwrap_or_default() {
            FULL_PAUSE
        } else {
            LIGHT_PAUSE
        }
    }

    /// Brings the next of the cast into the first room: the full participants first, then the light ones, over again.
    pub fn bring_in(&mut self) {
        self.bring_in_as(Part::SPEAKER, 0);
    }

    /// Brings the next of the cast into a room, with a part.
    pub fn bring_in_as(&mut self, part: Part, room: usize) {
        let place = self.next_index % usize::try_from(self.casting.cast.speakers().max(1)).unwrap_or(1);
        let is_full = place < usize::try_from(self.casting.cast.full).unwrap_or_default();
        self.start(!is_full, part, room);
    }

    /// Brings a light participant into a room, whatever the cast; a full one when there is no engine.
    pub fn bring_light(&mut self, part: Part, room: usize) {
        self.start(true, part, room);
    }

    fn start(&mut self, light: bool, part: Part, room: usize) {
        let Some(home) = self.rooms.get(room) else { return };
        let index = self.next_index;
        self.next_index += 1;
        let making = match &self.engine {
            Some(engine) if light => Making::Light(LightKit {
                engine: engine.clone(),
                decrypt: self.casting.decrypt,
                tracks: None,
            }),
            _ => Making::Full,
        };
        let is_host = room == 0 && home.has_host_key() && !std::mem::replace(&mut self.has_host, true);
        let config = Config {
            relief: self.relief.clone().filter(|_| room == 0),
            is_host,
            ..self.config(home.clone(), index, part, making)
        };
        let (name, client_id) = (config.name.clone(), config.client_id);
        let (orders, receiver) = watch::channel(Order::Stay);
        let measures = Arc::clone(&self.casting.measures);
        self.tasks.spawn(async move {
            if let Err(error) = participant::run(config, receiver).await {
                measures.problem(format!("{name}: {error}"));
            }
        });
        self.present.push_back(Present {
            orders,
            room,
            client_id,
            is_host,
        });
        self.most = self.most.max(self.present.len());
    }

    /// Brings phantoms into the first room, all at once: few commits add them.
    pub fn bring_phantoms(&mut self, count: u32) {
        let Some(relief) = self.relief.clone() else { return };
        for _ in 0..count {
            let Some(home) = self.rooms.first() else { return };
            let index = self.next_phantom;
            self.next_phantom += 1;
            let config = Config {
                name: format!("Phantom {}", index + 1),
                ..self.config(home.clone(), index, Part::LISTENER, Making::Full)
            };
            let name = config.name.clone();
            let (orders, receiver) = watch::channel(Order::Stay);
            let measures = Arc::clone(&self.casting.measures);
            let relief = relief.clone();
            self.tasks.spawn(async move {
                if let Err(error) = phantom::run(config, relief, receiver).await {
                    measures.problem(format!("{name}: {error}"));
                }
            });
            self.phantoms.push(orders);
        }
    }

    /// Waits until everybody who was brought is in, or has had long enough; those who are not say so themselves.
    pub async fn until_all_are_in(&self) {
        let wanted = u64::try_from(self.next_index + self.next_phantom).unwrap_or(u64::MAX);
        let kinds = &self.casting.measures.kinds;
        let all_are_in = async {
            let mut looks = tokio::time::interval(Duration::from_millis(50));
            let joined = |kind| kinds.of(kind).joined.value();
            while joined(Kind::Full) + joined(Kind::Light) + joined(Kind::Phantom) < wanted {
                looks.tick().await;
            }
        };
        let _ = tokio::time::timeout(JOIN_PATIENCE, all_are_in).await;
    }

    /// Waits until every member has heard of everybody who came and went, or has had long enough.
    pub async fn until_all_have_heard(&self) {
        let all_have_heard = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            while self.casting.measures.rekeys.on_their_way() > 0 {
                looks.tick().await;
            }
        };
        let _ = tokio::time::timeout(JOIN_PATIENCE, all_have_heard).await;
    }

    fn config(&self, room: Room, index: usize, part: Part, making: Making) -> Config {
        Config {
            server: self.casting.server.clone(),
            room,
            index,
            client_id: rand::rng().random(),
            name: format!("Bot {}", index + 1),
            is_host: false,
            video: self.casting.video.codec(index),
            part,
            making,
            relief: None,
            detour: self.detour.clone(),
            measures: Arc::clone(&self.casting.measures),
        }
    }

    /// Runs something beside the participants until the end.
    pub fn accompany(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let (orders, mut receiver) = watch::channel(Order::Stay);
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                _ = receiver.wait_for(|order| *order != Order::Stay) => {}
            }
        });
        self.companions.push(orders);
    }

    /// How many are there, or on their way.
    pub fn present(&self) -> usize {
        self.present.len()
    }

    /// How many with media of this process were there at a time at most; some scenarios bring more than the cast.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Tells the one in that place what to do: 0 has been there longest.
    pub fn tell(&self, place: usize, order: Order) {
        if let Some(present) = self.present.get(place) {
            present.orders.send_replace(order);
        }
    }

    /// Sends the one away that has been there longest of those who got in; the host goes last. `false` when nobody has
    /// got in: whoever left on the way in would look like one who could not get in.
    fn send_away(&mut self) -> bool {
        let Some(present) = self.next_to_go() else {
            return false;
        };
        self.dismiss(present);
        true
    }

    /// Sends one away and brings another, unless nobody has got in who could go.
    pub fn exchange(&mut self) {
        if self.send_away() {
            self.bring_in();
        }
    }

    /// Lets the host remove the one that has been there longest of those who got in; `false` when there is no host, or
    /// nobody else who got in.
    pub fn remove(&mut self) -> bool {
        let Some(host) = self.present.iter().find(|present| present.is_host) else {
            return false;
        };
        let host = host.orders.clone();
        if self.present.iter().all(|present| present.is_host) {
            return false;
        }
        let Some(removed) = self.next_to_go() else {
            return false;
        };
        removed.orders.send_replace(Order::AwaitRemoval);
        host.send_replace(Order::Remove(removed.client_id));
        self.leaving.push(removed.orders);
        true
    }

    /// Waits until everybody who is there has got in or has failed.
    pub async fn settled(&self) {
        let settled = async {
            let mut looks = tokio::time::interval(SETTLED_LOOK);
            let is_on_its_way = |present: &Present| !self.is_in(present) && !present.orders.is_closed();
            while self.present.iter().any(is_on_its_way) {
                looks.tick().await;
            }
        };
        // Whoever is still on its way then is told in the report.
        let _ = tokio::time::timeout(SETTLED_PATIENCE, settled).await;
    }

    fn next_to_go(&mut self) -> Option<Present> {
        let has_guests = self.present.iter().any(|present| !present.is_host);
        let next = self
            .present
            .iter()
            .position(|present| present.is_host != has_guests && self.is_in(present));
        self.present.remove(next?)
    }

    fn is_in(&self, present: &Present) -> bool {
        self.casting.measures.is_in(&present.client_id)
    }

    /// Sends everybody in a room away.
    pub fn empty_room(&mut self, room: usize) {
        let (gone, stay): (VecDeque<Present>, VecDeque<Present>) = std::mem::take(&mut self.present)
            .into_iter()
            .partition(|present| present.room == room);
        self.present = stay;
        gone.into_iter().for_each(|present| self.dismiss(present));
    }

    fn dismiss(&mut self, present: Present) {
        present.orders.send_replace(Order::Leave);
        self.leaving.push(present.orders);
    }

    /// Ends the run for everybody and waits a moment until they are gone.
    pub async fn end(&mut self) {
        for present in &self.present {
            present.orders.send_replace(Order::End);
        }
        for orders in self.phantoms.iter().chain(&self.companions) {
            orders.send_replace(Order::End);
        }
        for orders in &self.leaving {
            // Whoever is still to be removed; the others are on their way out.
            orders.send_if_modified(|order| {
                let waits = *order == Order::AwaitRemoval;
                if waits {
                    *order = Order::End;
                }
                waits
            });
        }
        let farewell = async { while self.tasks.join_next().await.is_some() {} };
        // Who is not gone by then is dropped.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        self.tasks.abort_all();
    }
}
