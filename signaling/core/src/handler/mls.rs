//! The MLS family: everything goes to the delivery service.

use conclave_wire::ErrorCode;
use conclave_wire::client::mls::{Ack, AppUpload, CommitUpload, Found, Join, Nack};
use conclave_wire::id::ClientId;

use crate::room::{Env, Room};

impl Room {
    pub(super) fn handle_found(
        &mut self,
        env: &mut Env<'_>,
        client: ClientId,
        found: Found,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| delivery.handle_found(cx, client, found))
    }

    pub(super) fn handle_join(
        &mut self,
        env: &mut Env<'_>,
        client: ClientId,
        join: Join,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| delivery.handle_join(cx, client, join))
    }

    pub(super) fn handle_commit(
        &mut self,
        env: &mut Env<'_>,
        client: ClientId,
        upload: CommitUpload,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| delivery.handle_commit(cx, client, upload))
    }

    pub(super) fn handle_ack(
        &mut self,
        env: &mut Env<'_>,
        client: ClientId,
        ack: &Ack,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| delivery.handle_ack(cx, client, ack))
    }

    pub(super) fn handle_nack(
        &mut self,
        env: &mut Env<'_>,
        client: ClientId,
        nack: &Nack,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| delivery.handle_nack(cx, client, nack))
    }

    pub(super) fn handle_app(
        &mut self,
        env: &mut Env<'_>,
        client: &ClientId,
        upload: AppUpload,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| {
            delivery.handle_app(cx, client, upload.message)
        })
    }

    pub(super) fn handle_group_info_request(
        &mut self,
        env: &mut Env<'_>,
        client: ClientId,
    ) -> Result<(), ErrorCode> {
        self.deliver(env, |delivery, cx| delivery.handle_group_info_request(cx, client))
    }
}
