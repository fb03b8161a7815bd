//! Writes the offer of a light client: sections it publishes and subscribes, in one bundle.

use std::fmt::Write as _;

use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::IceCredentials;
use conclave_wire::media::{Codec, Kind, Section, SectionRole};

/// Ids of the header extensions every offer names.
pub mod extension {
    /// MID (RFC 8843).
    pub const MID: u8 = 1;
    /// Transport-wide sequence number.
    pub const TRANSPORT_CC: u8 = 2;
    /// Absolute send time.
    pub const ABS_SEND_TIME: u8 = 3;
    /// RID (RFC 8852).
    pub const RID: u8 = 4;
    /// Repaired RID (RFC 8852).
    pub const REPAIRED_RID: u8 = 5;
    /// Dependency descriptor.
    pub const DEPENDENCY_DESCRIPTOR: u8 = 6;
    /// Video layers allocation.
    pub const VIDEO_LAYERS_ALLOCATION: u8 = 7;
}

/// Payload types of every offer.
pub mod payload_type {
    use conclave_wire::media::Codec;

    /// The payload type of a codec.
    #[must_use]
    pub const fn of(codec: Codec) -> u8 {
        match codec {
            Codec::Opus => 111,
            Codec::Vp8 => 96,
            Codec::Vp9 => 98,
        }
    }

    /// The payload type of a codec's retransmissions; audio has none.
    #[must_use]
    pub const fn rtx_of(codec: Codec) -> Option<u8> {
        match codec {
            Codec::Opus => None,
            Codec::Vp8 => Some(97),
            Codec::Vp9 => Some(99),
        }
    }
}

/// One encoding of a published track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Known by its SSRCs: media, retransmissions.
    Ssrc(u32, u32),
    /// Known by its RID, as browsers do simulcast; its SSRCs are learned from the first packets.
    Rid(String),
}

/// One section of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSection {
    /// Its `a=mid`.
    pub mid: String,
    /// What it is for.
    pub role: SectionRole,
    /// Its kind.
    pub kind: Kind,
    /// The codecs offered, best first: one to publish with, all that can be received.
    pub codecs: Vec<Codec>,
    /// What is published, smallest picture first; none for a subscribed section.
    pub encodings: Vec<Encoding>,
    /// Whether packets carry transport-wide numbers (transport-cc). A subscriber without is not paced.
    pub transport_cc: bool,
}

impl OfferedSection {
    /// A section that publishes one encoding, or several by RID.
    #[must_use]
    pub fn publish(
        mid: &str,
        source: conclave_wire::media::Source,
        codec: Codec,
        encodings: Vec<Encoding>,
    ) -> Self {
        Self {
            mid: mid.to_owned(),
            role: SectionRole::Publish { source },
            kind: source.kind(),
            codecs: vec![codec],
            encodings,
            transport_cc: true,
        }
    }

    /// A section that receives a track, in whatever codec it has.
    #[must_use]
    pub fn subscribe(mid: &str, track_id: conclave_wire::id::TrackId, kind: Kind) -> Self {
        let codecs = match kind {
            Kind::Audio => vec![Codec::Opus],
            Kind::Video => vec![Codec::Vp9, Codec::Vp8],
        };
        Self {
            mid: mid.to_owned(),
            role: SectionRole::Subscribe { track_id },
            kind,
            codecs,
            encodings: Vec::new(),
            transport_cc: true,
        }
    }
}

/// An offer.
pub struct Offer<'a> {
    /// Our ICE credentials.
    pub credentials: &'a IceCredentials,
    /// Our certificate's fingerprint.
    pub fingerprint: Fingerprint,
    /// The sections, in order. A later offer may only append.
    pub sections: &'a [OfferedSection],
}

impl Offer<'_> {
    /// What the signaling service is told beside the text.
    #[must_use]
    pub fn roles(&self) -> Vec<Section> {
        let role = |section: &OfferedSection| Section {
            mid: section.mid.clone(),
            role: section.role.clone(),
        };
        self.sections.iter().map(role).collect()
    }

    /// The session description.
    #[must_use]
    pub fn to_sdp(&self) -> String {
        let mut out = String::with_capacity(256 + self.sections.len() * 1024);
        out.push_str(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=extmap-allow-mixed\r\na=group:BUNDLE",
        );
        for section in self.sections {
            let _ = write!(out, " {}", section.mid);
        }
        out.push_str("\r\n");
        for section in self.sections {
            self.section(&mut out, section);
        }
        out
    }

    fn section(&self, out: &mut String, section: &OfferedSection) {
        let media = match section.kind {
            Kind::Audio => "audio",
            Kind::Video => "video",
        };
        let _ = write!(out, "m={media} 9 UDP/TLS/RTP/SAVPF");
        for codec in &section.codecs {
            let _ = write!(out, " {}", payload_type::of(*codec));
            if let Some(rtx) = payload_type::rtx_of(*codec) {
                let _ = write!(out, " {rtx}");
            }
        }
        let direction = match section.role {
            SectionRole::Publish { .. } => "sendonly",
            SectionRole::Subscribe { .. } => "recvonly",
            SectionRole::Idle => "inactive",
        };
        let (ufrag, password) = (self.credentials.ufrag(), self.credentials.password());
        let _ = write!(
            out,
            "\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={direction}\r\na=setup:actpass\r\na=ice-ufrag:{ufrag}\r\n\
             a=ice-pwd:{password}\r\na=fingerprint:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
            section.mid, self.fingerprint
        );
        for codec in &section.codecs {
            format(out, *codec, section.transport_cc);
        }
        extensions(out, section);
        encodings(out, section);
    }
}

fn format(out: &mut String, codec: Codec, transport_cc: bool) {
    let number = payload_type::of(codec);
    let (map, parameters) = match codec {
        Codec::Opus => ("opus/48000/2", "minptime=10;useinbandfec=1"),
        Codec::Vp8 => ("VP8/90000", ""),
        Codec::Vp9 => ("VP9/90000", "profile-id=0"),
    };
    let _ = write!(out, "a=rtpmap:{number} {map}\r\n");
    if transport_cc {
        let _ = write!(out, "a=rtcp-fb:{number} transport-cc\r\n");
    }
    if !parameters.is_empty() {
        let _ = write!(out, "a=fmtp:{number} {parameters}\r\n");
    }
    if let Some(rtx) = payload_type::rtx_of(codec) {
        let _ = write!(
            out,
            "a=rtcp-fb:{number} nack\r\na=rtcp-fb:{number} nack pli\r\na=rtcp-fb:{number} ccm fir\r\n\
             a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={number}\r\n"
        );
    }
}

fn extensions(out: &mut String, section: &OfferedSection) {
    let always = [
        (extension::MID, "urn:ietf:params:rtp-hdrext:sdes:mid"),
        (
            extension::TRANSPORT_CC,
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        ),
        (
            extension::ABS_SEND_TIME,
            "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        ),
    ];
    let of_video = [
        (extension::RID, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
        (
            extension::REPAIRED_RID,
            "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        ),
        (
            extension::DEPENDENCY_DESCRIPTOR,
            "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
        ),
        (
            extension::VIDEO_LAYERS_ALLOCATION,
            "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
        ),
    ];
    let of_video = of_video.into_iter().filter(|_| section.kind == Kind::Video);
    let numbered = |id: &(u8, &str)| section.transport_cc || id.0 != extension::TRANSPORT_CC;
    for (id, uri) in always.into_iter().chain(of_video).filter(numbered) {
        let _ = write!(out, "a=extmap:{id} {uri}\r\n");
    }
}

fn encodings(out: &mut String, section: &OfferedSection) {
    let mut rids = Vec::new();
    for encoding in &section.encodings {
        match encoding {
            Encoding::Ssrc(media, rtx) if section.kind == Kind::Video => {
                let _ = write!(
                    out,
                    "a=ssrc-group:FID {media} {rtx}\r\na=ssrc:{media} cname:light\r\na=ssrc:{rtx} cname:light\r\n"
                );
            }
            Encoding::Ssrc(media, _) => {
                let _ = write!(out, "a=ssrc:{media} cname:light\r\n");
            }
            Encoding::Rid(rid) => {
                let _ = write!(out, "a=rid:{rid} send\r\n");
                rids.push(rid.as_str());
            }
        }
    }
    if !rids.is_empty() {
        let _ = write!(out, "a=simulcast:send {}\r\n", rids.join(";"));
    }
}
