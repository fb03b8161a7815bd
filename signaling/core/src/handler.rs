//! One handler per client message, in one module per family, as in `conclave_wire::client`.

mod lobby;
mod membership;
mod mls;
mod negotiation;
mod session;
mod subscription;

use conclave_wire::client::session::ErrorMessage;
use conclave_wire::id::ClientId;
use conclave_wire::{ClientMessage, ErrorCode, ServerMessage};

use crate::room::{Env, Room};

impl Room {
    /// A message of a participant other than Hello.
    pub(crate) fn handle_message(&mut self, env: &mut Env<'_>, client: ClientId, message: ClientMessage) {
        let for_lobby = matches!(
            message,
            ClientMessage::Ping(_) | ClientMessage::Bye | ClientMessage::Knock(_) | ClientMessage::Admit(_)
        );
        let result = match message {
            // Who waits may knock and wait, and nothing else.
            _ if !for_lobby && self.is_waiting(&client) => Err(ErrorCode::NotAllowed),
            // The service lets it pass only as the first message of a connection.
            ClientMessage::Hello(_) => Err(ErrorCode::OutOfOrder),
            ClientMessage::Ping(ping) => self.handle_ping(env, &client, &ping),
            ClientMessage::Bye => self.handle_bye(env, &client),
            ClientMessage::Found(found) => self.handle_found(env, client, found),
            ClientMessage::Join(join) => self.handle_join(env, client, join),
            ClientMessage::Commit(upload) => self.handle_commit(env, client, upload),
            ClientMessage::Ack(ack) => self.handle_ack(env, client, &ack),
            ClientMessage::Nack(nack) => self.handle_nack(env, client, &nack),
            ClientMessage::App(upload) => self.handle_app(env, &client, upload),
            ClientMessage::GroupInfoRequest => self.handle_group_info_request(env, client),
            ClientMessage::Kick(kick) => self.handle_kick(env, &client, &kick),
            ClientMessage::Order(order) => self.handle_order(env, &client, order),
            ClientMessage::Knock(knock) => self.handle_knock(env, &client, knock),
            ClientMessage::Admit(admit) => self.handle_admit(env, &client, admit),
            ClientMessage::Deny(deny) => self.handle_deny(env, &client, &deny),
            ClientMessage::Offer(offer) => self.handle_offer(env, &client, offer),
            ClientMessage::Views(views) => self.handle_views(env, &client, views),
        };
        if let Err(code) = result {
            env.stats.refused += 1;
            let error = ErrorMessage {
                code,
                fatal: false,
                retry_after_ms: None,
            };
            self.tell(env, &client, &ServerMessage::Error(error));
        }
    }
}
