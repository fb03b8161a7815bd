//! The participants of a run: bringing them in and sending them away.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use conclave_e2ee::Codec;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::http::Server;
use crate::measure::Measures;
use crate::participant::{self, Config, Order};
use crate::room::Room;

/// How long the last participants may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);

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

/// Everybody who takes part.
pub struct Crowd {
    server: Server,
    room: Room,
    video: Video,
    measures: Arc<Measures>,
    next_index: usize,
    present: VecDeque<watch::Sender<Order>>,
    leaving: Vec<watch::Sender<Order>>,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(server: Server, room: Room, video: Video, measures: Arc<Measures>) -> Self {
        Self {
            server,
            room,
            video,
            measures,
            next_index: 0,
            present: VecDeque::new(),
            leaving: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Brings one more participant in.
    pub fn bring_in(&mut self) {
        let index = self.next_index;
        self.next_index += 1;
        let config = Config {
            server: self.server.clone(),
            room: self.room.clone(),
            index,
            video: self.video.codec(index),
            measures: Arc::clone(&self.measures),
        };
        let (sender, orders) = watch::channel(Order::Stay);
        let measures = Arc::clone(&self.measures);
        self.tasks.spawn(async move {
            if let Err(error) = participant::run(config, orders).await {
                measures.problem(format!("Bot {}: {error}", index + 1));
            }
        });
        self.present.push_back(sender);
    }

    /// Sends the one away that has been there longest.
    pub fn send_away(&mut self) {
        if let Some(sender) = self.present.pop_front() {
            sender.send_replace(Order::Leave);
            self.leaving.push(sender);
        }
    }

    /// The measures of the run.
    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    /// Ends the run for everybody and waits a moment until they are gone.
    pub async fn end(&mut self) {
        for sender in &self.present {
            sender.send_replace(Order::End);
        }
        let farewell = async { while self.tasks.join_next().await.is_some() {} };
        // Who is not gone by then is dropped.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        self.tasks.abort_all();
    }
}
