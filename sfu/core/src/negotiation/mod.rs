//! Reads an offer and decides what each of its sections becomes; nothing is changed here.
//!
//! `sdp` borrows the text, `codec` picks formats, this file plans, `answer` writes. The room applies a plan, so an
//! offer that is refused leaves no trace (RFC 3264 §8).

mod answer;
mod codec;
mod sdp;
mod simulcast;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use conclave_transport::dtls::Fingerprint;
use conclave_wire::ErrorCode;
use conclave_wire::id::TrackId;
use conclave_wire::limits::MAX_TRACKS_PER_PARTICIPANT;
use conclave_wire::media::{Codec, Kind, Section, SectionRole, Source};

pub use answer::{AnswerContext, write_answer};
pub(crate) use codec::clock_rate;
pub use codec::{Feedback, Format};
pub use simulcast::{Rid, Rids};

use crate::header_extension::{ExtensionIds, Known};

use sdp::{Offer, OfferedSection};

/// Longest `ice-ufrag` (RFC 8839 §5.4).
const MAX_ICE_WORD: usize = 256;

/// Why an offer was refused: always the offerer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// Not a session description.
    #[error("the offer is malformed")]
    Malformed,
    /// More bytes, sections or lines than allowed.
    #[error("the offer is too large")]
    TooLarge,
    /// Sections do not share one transport (RFC 8843) or RTCP has its own (RFC 5761).
    #[error("the offer is not bundled, or without rtcp-mux")]
    NotBundled,
    /// No ICE credentials, no SHA-256 fingerprint, or the offerer insists on being the DTLS server.
    #[error("the offer's transport parameters cannot be used")]
    Transport,
    /// Sections vanished or changed their kind since the last offer (RFC 3264 §8).
    #[error("the offer does not continue the one before it")]
    Discontinuous,
    /// The list of sections contradicts the offer.
    #[error("the list of sections does not fit the offer")]
    Sections,
    /// A section is published with no codec this server forwards, or as the wrong kind.
    #[error("a published section has no codec that can be forwarded")]
    UnsupportedMedia,
}

impl NegotiationError {
    /// What the peer is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::UnsupportedMedia => ErrorCode::UnsupportedMedia,
            _ => ErrorCode::BadSdp,
        }
    }
}

/// The offerer's side of the transport.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteTransport {
    /// `a=ice-ufrag`; another one than before is an ICE restart.
    pub ufrag: String,
    /// `a=fingerprint`; another one than before is another DTLS association.
    pub fingerprint: Fingerprint,
}

/// A published section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Where its media comes from.
    pub source: Source,
    /// The one format to send.
    pub format: Format,
    /// The header extensions to send.
    pub extensions: ExtensionIds,
    /// The encodings of a simulcast, the smallest picture first; empty without simulcast.
    pub rids: Rids,
    /// The SSRC the offer declares; else it is learned from the first packets.
    pub ssrc: Option<u32>,
    /// The SSRC of its retransmissions, likewise.
    pub rtx_ssrc: Option<u32>,
}

/// A subscribed section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionPlan {
    /// The track.
    pub track_id: TrackId,
    /// Who publishes it, as its tracks' common stream name.
    pub stream: u64,
    /// The subscriber's format of the publisher's codec.
    pub format: Format,
    /// The header extensions to send.
    pub extensions: ExtensionIds,
}

/// What a section becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The peer sends.
    Publish(Publication),
    /// The peer receives.
    Subscribe(SubscriptionPlan),
    /// Nothing flows; the section may be used later.
    Idle(Format),
    /// Port 0: stopped by the peer, or nothing that can be forwarded.
    Rejected,
}

/// One section of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its `a=mid`.
    pub mid: String,
    /// Its kind; `None` for what is no media.
    pub kind: Option<Kind>,
    /// What it becomes.
    pub role: Use,
    /// Whether the offerer takes RTCP that is not compound (RFC 5506).
    pub reduced_size_rtcp: bool,
    /// Whether the offerer sends and takes header extensions of one and of two bytes in one stream (RFC 8285 §4.1.2).
    pub mixed_extensions: bool,
}

/// What an offer leads to.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The offerer's transport.
    pub remote: RemoteTransport,
    /// One entry per section, in order.
    pub lines: Vec<Line>,
}

/// A track somebody may subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// Its codec.
    pub codec: Codec,
    /// Its publisher's stream name.
    pub stream: u64,
}

/// Plans the answer to an offer.
///
/// `previous` are the lines of the last accepted offer on the same transport, `lookup` finds tracks of the room. A
/// track that is gone, or that the offerer cannot decode, becomes an idle section.
///
/// # Errors
/// [`NegotiationError`] when the offer is refused as a whole.
pub fn plan(
    sdp: &str,
    sections: &[Section],
    previous: &[Line],
    lookup: impl Fn(TrackId) -> Option<Available>,
) -> Result<Plan, NegotiationError> {
    let offer = Offer::parse(sdp)?;
    let mut roles = roles(sections)?;
    check_continuity(&offer, previous)?;
    let mut lines: Vec<Line> = Vec::with_capacity(offer.sections.len());
    for (index, section) in offer.sections.iter().enumerate() {
        let role = roles.remove(section.mid).unwrap_or(&SectionRole::Idle);
        let before = previous.get(index);
        lines.push(Line {
            mid: section.mid.to_owned(),
            kind: codec::kind_of(section.media),
            role: plan_section(section, role, before, &lookup)?,
            reduced_size_rtcp: section.attributes.has("rtcp-rsize"),
            mixed_extensions: offer.inherited(section, "extmap-allow-mixed").is_some(),
        });
    }
    if !roles.is_empty() {
        return Err(NegotiationError::Sections);
    }
    check_sources(&lines)?;
    check_bundle(&offer, &lines)?;
    Ok(Plan {
        remote: remote_transport(&offer, &lines)?,
        lines,
    })
}

/// Whether the offer keeps every section of the one before it in place.
fn check_continuity(offer: &Offer<'_>, previous: &[Line]) -> Result<(), NegotiationError> {
    if offer.sections.len() < previous.len() {
        return Err(NegotiationError::Discontinuous);
    }
    for (section, before) in offer.sections.iter().zip(previous) {
        // A rejected section may be recycled for anything (RFC 8829 §5.2.2).
        let same = section.mid == before.mid && codec::kind_of(section.media) == before.kind;
        if !same && before.role != Use::Rejected {
            return Err(NegotiationError::Discontinuous);
        }
    }
    Ok(())
}

fn roles(sections: &[Section]) -> Result<HashMap<&str, &SectionRole>, NegotiationError> {
    let mut roles = HashMap::with_capacity(sections.len());
    for section in sections {
        if roles.insert(section.mid.as_str(), &section.role).is_some() {
            return Err(NegotiationError::Sections);
        }
    }
    Ok(roles)
}

fn plan_section(
    section: &OfferedSection<'_>,
    role: &SectionRole,
    before: Option<&Line>,
    lookup: &impl Fn(TrackId) -> Option<Available>,
) -> Result<Use, NegotiationError> {
    let stopped = section.port == 0 && !section.attributes.has("bundle-only");
    let formats = codec::formats(section);
    if stopped || !matches!(section.protocol, "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP") {
        return Ok(Use::Rejected);
    }
    let Some(first) = formats.first().copied() else {
        return match role {
            SectionRole::Publish { .. } => Err(NegotiationError::UnsupportedMedia),
            SectionRole::Subscribe { .. } | SectionRole::Idle => Ok(Use::Rejected),
        };
    };
    if !section.attributes.has("rtcp-mux") {
        return Err(NegotiationError::NotBundled);
    }
    match role {
        SectionRole::Publish { source } if section.direction().sends() => {
            publish(section, *source, &formats, first, before).map(Use::Publish)
        }
        SectionRole::Subscribe { track_id } if section.direction().receives() => {
            let subscribed = lookup(*track_id).and_then(|track| {
                let format = formats.iter().find(|format| format.codec == track.codec)?;
                Some(subscribe(section, *track_id, track, *format))
            });
            Ok(subscribed.map_or(Use::Idle(first), Use::Subscribe))
        }
        _ => Ok(Use::Idle(first)),
    }
}

fn publish(
    section: &OfferedSection<'_>,
    source: Source,
    formats: &[Format],
    first: Format,
    before: Option<&Line>,
) -> Result<Publication, NegotiationError> {
    if first.codec.kind() != source.kind() {
        return Err(NegotiationError::UnsupportedMedia);
    }
    // A track keeps its codec as long as the publisher offers it: its subscribers have negotiated it.
    let kept = match before {
        Some(Line {
            role: Use::Publish(publication),
            ..
        }) if publication.source == source => formats
            .iter()
            .find(|format| format.codec == publication.format.codec)
            .copied(),
        _ => None,
    };
    let mut format = kept.unwrap_or(first);
    let mut extensions = extension_ids(section).filtered(|extension| extension.publish);
    if source.kind() == Kind::Audio && format.feedback.nack {
        // Sound is sent again under its own index, and browsers would number and time it anew: the same AES-GCM nonce
        // for other bytes, which gives away the key's authentication (RFC 7714 §8.2).
        extensions.set(Known::TransportCc, None);
        extensions.set(Known::AbsSendTime, None);
        format.feedback.transport_cc = false;
    }
    if extensions.id(Known::TransportCc).is_some() {
        extensions.set(Known::AbsSendTime, None);
    }
    // Encodings are told apart by their names only (RFC 8853 §5.5).
    let named = extensions.id(Known::Mid).is_some() && extensions.id(Known::Rid).is_some();
    let rids = if named && source.kind() == Kind::Video {
        Rids::offered(section)
    } else {
        Rids::default()
    };
    let (ssrc, rtx_ssrc) = if rids.is_empty() {
        extensions.set(Known::Rid, None);
        extensions.set(Known::RepairedRid, None);
        declared_ssrcs(section)
    } else {
        (None, None)
    };
    Ok(Publication {
        source,
        format,
        extensions,
        rids,
        ssrc,
        rtx_ssrc,
    })
}

fn subscribe(
    section: &OfferedSection<'_>,
    track_id: TrackId,
    track: Available,
    format: Format,
) -> SubscriptionPlan {
    let mut format = format;
    let mut extensions = extension_ids(section).filtered(|extension| extension.subscribe);
    // Without the number in each packet there is nothing to report on.
    format.feedback.transport_cc &= extensions.id(Known::TransportCc).is_some();
    if !format.feedback.transport_cc {
        extensions.set(Known::TransportCc, None);
    }
    // Without RTX only sound is sent again: of pictures too much would have to be remembered, and browsers have it.
    format.feedback.nack &= format.rtx.is_some() || format.codec.kind() == Kind::Audio;
    SubscriptionPlan {
        track_id,
        stream: track.stream,
        format,
        extensions,
    }
}

fn extension_ids(section: &OfferedSection<'_>) -> ExtensionIds {
    let mut ids = ExtensionIds::default();
    for line in section.attributes.all("extmap") {
        let mut words = line.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else {
            continue;
        };
        let id = id
            .split('/')
            .next()
            .and_then(|id| id.parse::<u8>().ok())
            .filter(|id| (1..=14).contains(id));
        if let Some(id) = id {
            ids.offer(id, uri);
        }
    }
    ids
}

/// The media SSRC and its retransmissions' SSRC (RFC 5576): the first FID group, else the first `a=ssrc`.
fn declared_ssrcs(section: &OfferedSection<'_>) -> (Option<u32>, Option<u32>) {
    for group in section.attributes.all("ssrc-group") {
        let mut words = group.split_ascii_whitespace();
        if words.next() == Some("FID") {
            let mut ssrcs = words.map_while(|word| word.parse::<u32>().ok());
            if let (Some(media), Some(rtx)) = (ssrcs.next(), ssrcs.next()) {
                return (Some(media), Some(rtx));
            }
        }
    }
    let first = section
        .attributes
        .all("ssrc")
        .find_map(|line| line.split_ascii_whitespace().next()?.parse().ok());
    (first, None)
}

/// Each source at most once, and no SSRC in two places.
fn check_sources(lines: &[Line]) -> Result<(), NegotiationError> {
    let mut sources = Vec::with_capacity(MAX_TRACKS_PER_PARTICIPANT);
    let mut ssrcs: Vec<u32> = Vec::with_capacity(2 * MAX_TRACKS_PER_PARTICIPANT);
    for line in lines {
        let Use::Publish(publication) = line.role else {
            continue;
        };
        if sources.contains(&publication.source) {
            return Err(NegotiationError::Sections);
        }
        sources.push(publication.source);
        for ssrc in [publication.ssrc, publication.rtx_ssrc].into_iter().flatten() {
            if ssrcs.contains(&ssrc) {
                return Err(NegotiationError::Malformed);
            }
            ssrcs.push(ssrc);
        }
    }
    Ok(())
}

/// Every accepted section must be in one BUNDLE group; a lone section needs none.
fn check_bundle(offer: &Offer<'_>, lines: &[Line]) -> Result<(), NegotiationError> {
    let group = offer
        .attributes
        .all("group")
        .find_map(|group| group.strip_prefix("BUNDLE"));
    let mids: std::collections::HashSet<&str> = group.unwrap_or_default().split_ascii_whitespace().collect();
    let mut accepted = lines.iter().filter(|line| line.role != Use::Rejected);
    let bundled = match group {
        Some(_) => accepted.all(|line| mids.contains(line.mid.as_str())),
        None => accepted.count() <= 1,
    };
    if bundled {
        Ok(())
    } else {
        Err(NegotiationError::NotBundled)
    }
}

/// The transport of the first accepted section, which carries the bundle (RFC 8843 §7.2).
fn remote_transport(offer: &Offer<'_>, lines: &[Line]) -> Result<RemoteTransport, NegotiationError> {
    let accepted = offer
        .sections
        .iter()
        .zip(lines)
        .find(|(_, line)| line.role != Use::Rejected);
    let (section, _) = accepted.ok_or(NegotiationError::UnsupportedMedia)?;
    let ufrag = offer
        .inherited(section, "ice-ufrag")
        .filter(|ufrag| (1..=MAX_ICE_WORD).contains(&ufrag.len()) && ufrag.bytes().all(is_ice_char));
    let mut fingerprints = section
        .attributes
        .all("fingerprint")
        .chain(offer.attributes.all("fingerprint"));
    let fingerprint = fingerprints.find_map(|value| value.parse::<Fingerprint>().ok());
    let may_be_client = matches!(offer.inherited(section, "setup"), Some("actpass" | "active"));
    match (ufrag, fingerprint) {
        (Some(ufrag), Some(fingerprint)) if may_be_client => Ok(RemoteTransport {
            ufrag: ufrag.to_owned(),
            fingerprint,
        }),
        _ => Err(NegotiationError::Transport),
    }
}

const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}
