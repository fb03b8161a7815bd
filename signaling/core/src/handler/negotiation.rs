//! Offers go to the SFU, its answers come back.

use conclave_wire::client::negotiation::{Answer, Offer, OfferRejected};
use conclave_wire::control::ControlCommand;
use conclave_wire::id::{ClientId, OfferId};
use conclave_wire::limits::{MAX_MID, MAX_SDP, MAX_SECTIONS};
use conclave_wire::{ErrorCode, ServerMessage};

use crate::room::{Env, Room};

impl Room {
    pub(super) fn handle_offer(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        offer: Offer,
    ) -> Result<(), ErrorCode> {
        let Some(peer) = self.people.get(client).map(|participant| participant.peer) else {
            return Ok(());
        };
        let Offer {
            offer_id,
            sdp,
            sections,
        } = offer;
        let fits = sdp.len() <= MAX_SDP
            && sections.len() <= MAX_SECTIONS
            && sections
                .iter()
                .all(|section| !section.mid.is_empty() && section.mid.len() <= MAX_MID);
        if !fits {
            self.reject_offer(env, client, offer_id, ErrorCode::BadSdp);
        } else if !env.peers.is_ready() {
            self.reject_offer(env, client, offer_id, ErrorCode::MediaUnavailable);
        } else {
            env.peers.tell(
                env.outbox,
                ControlCommand::Negotiate {
                    peer,
                    offer_id,
                    sdp,
                    sections,
                },
            );
        }
        Ok(())
    }

    /// The SFU's answer.
    pub(crate) fn handle_answered(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        offer_id: OfferId,
        sdp: String,
    ) {
        self.tell(env, client, &ServerMessage::Answer(Answer { offer_id, sdp }));
    }

    /// Nothing came of an offer.
    pub(crate) fn reject_offer(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        offer_id: OfferId,
        code: ErrorCode,
    ) {
        self.tell(
            env,
            client,
            &ServerMessage::OfferRejected(OfferRejected { offer_id, code }),
        );
    }
}
