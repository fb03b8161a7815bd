//! Session descriptions. The client always offers (RFC 8829); the SFU always answers.

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::id::OfferId;
use crate::media::Section;

/// A session description with the use of each of its sections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Offer {
    /// Comes back in the Answer.
    pub offer_id: OfferId,
    /// The SDP.
    pub sdp: String,
    /// One entry per `m=` section, in any order.
    pub sections: Vec<Section>,
}

/// The answer to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Answer {
    /// From the Offer.
    pub offer_id: OfferId,
    /// The SDP.
    pub sdp: String,
}

/// An offer was refused; the session goes on as before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct OfferRejected {
    /// From the Offer.
    pub offer_id: OfferId,
    /// What was wrong.
    pub code: ErrorCode,
}
