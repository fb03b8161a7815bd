//! What a participant's media does, whatever it is made of: full (`full`) or light (`light`).

use std::time::{Duration, Instant};

use conclave_wire::client::negotiation::{Answer, Offer};
use conclave_wire::id::{OfferId, TrackId};
use conclave_wire::media::Track;

use super::ParticipantError;

/// How far media has come: when each step was first reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// ICE and DTLS were done.
    pub connected: Option<Instant>,
    /// The first packet of another came.
    pub packet: Option<Instant>,
    /// The first frame of another was decrypted.
    pub frame: Option<Instant>,
}

/// One participant's media. Inputs: tracks of others, answers, its own events. Outputs: offers.
pub trait Media: Sized + Send {
    /// What [`Self::next`] waits for and [`Self::handle`] takes.
    type Event: Send;

    /// Between two calls of [`Self::keep_house`].
    const HOUSEKEEPING: Duration;

    /// Uses a section to receive a track.
    fn subscribe(&mut self, track: Track) -> impl Future<Output = Result<(), ParticipantError>> + Send;

    /// Stops receiving a track.
    fn unsubscribe(&mut self, track_id: TrackId)
    -> impl Future<Output = Result<(), ParticipantError>> + Send;

    /// The next offer to send: when something changed and no offer is on its way.
    fn poll_offer(&mut self) -> impl Future<Output = Result<Option<Offer>, ParticipantError>> + Send;

    /// Takes the answer to the offer on its way; another is ignored.
    fn handle_answer(&mut self, answer: Answer) -> impl Future<Output = Result<(), ParticipantError>> + Send;

    /// The offer on its way was refused: the next one says the same unless tracks come or go meanwhile.
    fn handle_rejection(&mut self, offer_id: OfferId);

    /// Waits for something to happen; may be dropped and called again.
    fn next(&mut self) -> impl Future<Output = Self::Event> + Send;

    /// Takes what happened.
    fn handle(&mut self, event: Self::Event) -> impl Future<Output = Result<(), ParticipantError>> + Send;

    /// Keys came: frames may have waited for them.
    fn keys_changed(&mut self);

    /// Gives up what waited too long.
    fn keep_house(&mut self);

    /// Stops sending for a while, or goes on.
    fn mute(&mut self, muted: bool);

    /// How far it has come.
    fn steps(&self) -> Steps;

    /// Ends it; what only the end shows goes to the measures.
    fn close(self) -> impl Future<Output = ()> + Send;
}
