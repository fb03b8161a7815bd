//! The client's end of one DTLS association, from ClientHello to SRTP keys and goodbye.
//!
//! In: datagrams and time. Out: datagrams and at most one [`DtlsEvent`] per input. Unlike the server's, its timer is
//! `rtc-dtls`'s own: a server drops repeats whose record numbers it has seen.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;

use crate::dtls::server::{PEER, conclude, drain};
use crate::dtls::{Certificate, DtlsDrop, DtlsEvent, Fingerprint};

pub(super) struct DtlsClient {
    certificate: Certificate,
    expected: Fingerprint,
    /// From the first selected address to the goodbye.
    endpoint: Option<Box<Endpoint>>,
    established: bool,
    outbox: VecDeque<Vec<u8>>,
}

impl DtlsClient {
    pub(super) const fn new(certificate: Certificate, expected: Fingerprint) -> Self {
        Self {
            certificate,
            expected,
            endpoint: None,
            established: false,
            outbox: VecDeque::new(),
        }
    }

    /// Sends the ClientHello, unless that was done.
    pub(super) fn start(&mut self, now: Instant) -> Result<(), DtlsDrop> {
        if self.endpoint.is_some() {
            return Ok(());
        }
        let mut endpoint = Box::new(Endpoint::new(PEER, TransportProtocol::UDP, None));
        let config = Arc::clone(self.certificate.client_config());
        endpoint.connect(now, PEER, config, None).map_err(|_| DtlsDrop)?;
        drain(&mut endpoint, &mut self.outbox);
        self.endpoint = Some(endpoint);
        Ok(())
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Result<Option<DtlsEvent>, DtlsDrop> {
        let endpoint = self.endpoint.as_mut().ok_or(DtlsDrop)?;
        let result = endpoint.read(now, PEER, None, BytesMut::from(datagram));
        drain(endpoint, &mut self.outbox);
        let mut outcome = None;
        for event in result.map_err(|_| DtlsDrop)? {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.established = true;
                    outcome = Some(conclude(endpoint, self.expected));
                }
                EndpointEvent::PeerClosed => outcome = Some(DtlsEvent::PeerClosed),
                // There are no data channels.
                _ => {}
            }
        }
        Ok(outcome)
    }

    /// Sends the last flight again when its time has come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(endpoint) = &mut self.endpoint {
            // A flight that was repeated too often ends at the transport's deadline.
            let _ = endpoint.handle_timeout(PEER, now);
            drain(endpoint, &mut self.outbox);
        }
    }

    pub(super) fn close(&mut self, now: Instant) {
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.stop(now, PEER);
            drain(endpoint, &mut self.outbox);
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.as_ref().filter(|_| !self.established)?;
        endpoint.poll_timeout(&PEER)
    }
}
