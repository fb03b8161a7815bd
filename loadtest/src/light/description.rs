//! Session descriptions of a light peer at any server: the offers and answers it writes, and what it reads.

use std::fmt::Write as _;

use conclave_e2ee::{Codec, Context};
use conclave_light::{Encoding, Offer, OfferedSection};
use conclave_transport::address::TransportAddress;
use conclave_transport::client::{RemoteCandidate, RemoteIce};
use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::IceCredentials;
use conclave_wire::id::TrackId;
use conclave_wire::media::{Kind, Source};
use thiserror::Error;

use super::receiver::ReceiveTrack;
use super::sender::{Ssrcs, Wire};
use super::source::SendTrack;

const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// That of a host's only candidate (RFC 8445 §5.1.2.1): type preference 126, local preference 65535, component 1.
const HOST_PRIORITY: u32 = (126 << 24) + (65535 << 8) + 255;

/// Which end of DTLS an offer claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setup {
    /// The client's: servers that would choose it for themselves become the server.
    #[default]
    Active,
    /// Whatever the server likes; a light peer is the client all the same.
    ActPass,
}

/// What an offer to a server without roles asks for, besides what the peer sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Audio tracks to receive.
    pub audio: usize,
    /// Video tracks to receive.
    pub video: usize,
    /// Which end of DTLS to be.
    pub setup: Setup,
}

/// Why a description cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DescriptionError {
    /// A line does not say what it should.
    #[error("the server's session description is malformed: {0:?}")]
    Malformed(String),
    /// ICE credentials or a fingerprint are missing.
    #[error("the server's session description has no {0}")]
    Missing(&'static str),
}

/// One section of a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteSection {
    /// `audio`, `video`, or something else.
    pub media: String,
    /// Its `a=mid`.
    pub mid: String,
    /// Whether it was refused, or no media flows.
    pub idle: bool,
    /// Payload types in order, with the codec's name in lower case.
    pub formats: Vec<(u8, String)>,
    /// Which payload type a retransmission's stands for.
    pub repairs: Vec<(u8, u8)>,
    /// SSRC of the media the server sends.
    pub ssrc: Option<u32>,
    /// SSRC of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Extension ids and URIs.
    pub extensions: Vec<(u8, String)>,
    /// The payload types as the `m=` line names them.
    numbers: Vec<String>,
}

/// A server's description.
#[derive(Clone)]
pub struct RemoteDescription {
    /// Credentials and candidates; candidates may follow later.
    pub ice: RemoteIce,
    /// The certificate's.
    pub fingerprint: Fingerprint,
    /// The sections, in order.
    pub sections: Vec<RemoteSection>,
}

impl RemoteDescription {
    /// Reads an offer or an answer.
    ///
    /// # Errors
    /// [`DescriptionError`].
    pub fn parse(sdp: &str) -> Result<Self, DescriptionError> {
        let (mut ufrag, mut password, mut fingerprint) = (None, None, None);
        let mut candidates = Vec::new();
        let mut sections: Vec<RemoteSection> = Vec::new();
        for line in sdp.lines().map(str::trim_end) {
            let malformed = || DescriptionError::Malformed(line.to_owned());
            if let Some(media) = line.strip_prefix("m=") {
                sections.push(section(media).ok_or_else(malformed)?);
                continue;
            }
            let Some(attribute) = line.strip_prefix("a=") else {
                continue;
            };
            let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            match key {
                "ice-ufrag" => ufrag = Some(value.to_owned()),
                "ice-pwd" => password = Some(value.to_owned()),
                "fingerprint" => fingerprint = Some(value.parse().map_err(|_| malformed())?),
                "candidate" => candidates.extend(candidate(value).filter(|new| !candidates.contains(new))),
                _ => {
                    if let Some(section) = sections.last_mut() {
                        read(section, key, value).ok_or_else(malformed)?;
                    }
                }
            }
        }
        Ok(Self {
            ice: RemoteIce {
                ufrag: ufrag.ok_or(DescriptionError::Missing("a=ice-ufrag"))?,
                password: password.ok_or(DescriptionError::Missing("a=ice-pwd"))?,
                candidates,
            },
            fingerprint: fingerprint.ok_or(DescriptionError::Missing("a=fingerprint"))?,
            sections,
        })
    }

    /// How the tracks that `mids` carry go onto the wire.
    pub(super) fn wires(&self, tracks: &[SendTrack], mids: &[String]) -> Vec<Option<Wire>> {
        let wire = |(track, mid): (&SendTrack, &String)| {
            let section = self.sections.iter().find(|section| section.mid == *mid)?;
            let codec = name(track.source.codec());
            let payload_type = section.format(codec)?;
            Some(Wire {
                payload_type,
                rtx_payload_type: section.repair_of(payload_type),
                transport_cc: section.extension(TRANSPORT_CC),
            })
        };
        tracks.iter().zip(mids).map(wire).collect()
    }

    /// The tracks the server sends in sections that are in use, but for those in `mids`.
    pub(super) fn receives(&self, mids: &[String]) -> Vec<ReceiveTrack> {
        let track = |section: &RemoteSection| {
            let (context, codec) = match section.media.as_str() {
                "audio" => (Context::Microphone, Codec::Opus),
                "video" => (Context::Camera, section.video()?),
                _ => return None,
            };
            Some(ReceiveTrack {
                ssrc: section.ssrc?,
                rtx_ssrc: section.rtx_ssrc,
                context,
                codec,
            })
        };
        self.sections
            .iter()
            .filter(|section| !section.idle && !mids.contains(&section.mid))
            .filter_map(track)
            .collect()
    }

    /// The id of the transport-wide sequence number's extension in what the server sends.
    pub(super) fn transport_cc(&self) -> Option<u8> {
        self.sections
            .iter()
            .find_map(|section| section.extension(TRANSPORT_CC))
    }
}

impl RemoteSection {
    fn format(&self, codec: &str) -> Option<u8> {
        let found = self.formats.iter().find(|(_, name)| name == codec);
        found.map(|(number, _)| *number).filter(|_| !self.idle)
    }

    fn repair_of(&self, payload_type: u8) -> Option<u8> {
        let found = self.repairs.iter().find(|(_, of)| *of == payload_type);
        found.map(|(number, _)| *number)
    }

    fn extension(&self, uri: &str) -> Option<u8> {
        let found = self.extensions.iter().find(|(_, known)| known == uri);
        found.map(|(id, _)| *id)
    }

    /// The first video codec we know.
    fn video(&self) -> Option<Codec> {
        self.formats.iter().find_map(|(_, name)| match name.as_str() {
            "vp8" => Some(Codec::Vp8),
            "vp9" => Some(Codec::Vp9),
            _ => None,
        })
    }
}

/// Reads a candidate, with or without `candidate:`; `None` for one that is of no use: of TCP, of another component, or
/// with a name instead of an address.
pub fn candidate(text: &str) -> Option<RemoteCandidate> {
    let text = text.trim().trim_start_matches("a=");
    let text = text.strip_prefix("candidate:").unwrap_or(text);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, "1", protocol, priority, ip, port, ..] = words.as_slice() else {
        return None;
    };
    let socket = std::net::SocketAddr::new(ip.parse().ok()?, port.parse().ok()?);
    protocol.eq_ignore_ascii_case("udp").then_some(RemoteCandidate {
        address: TransportAddress::udp(socket),
        priority: priority.parse().ok()?,
    })
}

/// Writes the candidate of a host that has one address (RFC 8839 §5.1).
pub(super) fn host_candidate(address: std::net::SocketAddr) -> String {
    format!(
        "candidate:1 1 udp {HOST_PRIORITY} {} {} typ host",
        address.ip(),
        address.port()
    )
}

/// Writes an offer to a server that knows no roles, and the mids of the tracks it sends.
pub(super) fn offer(
    credentials: &IceCredentials,
    fingerprint: Fingerprint,
    tracks: &[(&SendTrack, Ssrcs)],
    wanted: Wanted,
) -> (String, Vec<String>) {
    let mut sections = Vec::new();
    let mut mids = Vec::new();
    for (number, (track, ssrcs)) in tracks.iter().enumerate() {
        let mid = number.to_string();
        sections.push(published(&mid, track, *ssrcs));
        mids.push(mid);
    }
    let audio = std::iter::repeat_n(Kind::Audio, wanted.audio);
    for kind in audio.chain(std::iter::repeat_n(Kind::Video, wanted.video)) {
        let mid = sections.len().to_string();
        sections.push(OfferedSection::subscribe(&mid, TrackId(0), kind));
    }
    let offer = Offer {
        credentials,
        fingerprint,
        sections: &sections,
    };
    let mut sdp = offer.to_sdp();
    for ((track, _), mid) in tracks.iter().zip(&mids) {
        // Servers without roles know tracks by their msid.
        let line = format!("a=mid:{mid}\r\n");
        let with_name = format!("{line}a=msid:light {}\r\n", track.name);
        sdp = sdp.replacen(&line, &with_name, 1);
    }
    if wanted.setup == Setup::Active {
        sdp = sdp.replace("a=setup:actpass\r\n", "a=setup:active\r\n");
    }
    (sdp, mids)
}

/// The section that publishes a track.
pub(super) fn published(mid: &str, track: &SendTrack, ssrcs: Ssrcs) -> OfferedSection {
    let encodings = vec![Encoding::Ssrc(ssrcs.media, ssrcs.rtx)];
    OfferedSection::publish(
        mid,
        source_of(track.context),
        wire_codec(track.source.codec()),
        encodings,
    )
}

/// Writes the answer to a server's offer: everything it sends is received.
pub(crate) fn answer(
    offer: &RemoteDescription,
    credentials: &IceCredentials,
    fingerprint: Fingerprint,
) -> String {
    let mut out = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for section in offer.sections.iter().filter(|section| section.is_usable()) {
        let _ = write!(out, " {}", section.mid);
    }
    out.push_str("\r\n");
    for section in &offer.sections {
        answer_section(&mut out, section, credentials, fingerprint);
    }
    out
}

impl RemoteSection {
    fn is_usable(&self) -> bool {
        matches!(self.media.as_str(), "audio" | "video")
    }
}

fn answer_section(
    out: &mut String,
    section: &RemoteSection,
    credentials: &IceCredentials,
    fingerprint: Fingerprint,
) {
    let media = &section.media;
    if !section.is_usable() {
        let numbers = section.numbers.join(" ");
        let _ = write!(
            out,
            "m={media} 0 UDP/DTLS/SCTP {numbers}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\n",
            section.mid
        );
        return;
    }
    let known = |name: &str| matches!(name, "opus" | "vp8" | "vp9");
    let mut formats = Vec::new();
    for (number, name) in section.formats.iter().filter(|(_, name)| known(name)) {
        formats.push((*number, name.as_str(), None));
        let repair = section.repair_of(*number);
        formats.extend(repair.map(|repair| (repair, "rtx", Some(*number))));
    }
    let _ = write!(out, "m={media} 9 UDP/TLS/RTP/SAVPF");
    for (number, ..) in &formats {
        let _ = write!(out, " {number}");
    }
    let direction = if section.idle { "inactive" } else { "recvonly" };
    let (ufrag, password) = (credentials.ufrag(), credentials.password());
    let _ = write!(
        out,
        "\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na={direction}\r\na=setup:active\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
        section.mid
    );
    for (number, name, repaired) in formats {
        let map = match name {
            "opus" => "opus/48000/2",
            "vp8" => "VP8/90000",
            "vp9" => "VP9/90000",
            _ => "rtx/90000",
        };
        let _ = write!(out, "a=rtpmap:{number} {map}\r\n");
        match repaired {
            Some(of) => {
                let _ = write!(out, "a=fmtp:{number} apt={of}\r\n");
            }
            None => {
                let _ = write!(out, "a=rtcp-fb:{number} transport-cc\r\n");
                if name != "opus" {
                    let _ = write!(
                        out,
                        "a=rtcp-fb:{number} nack\r\na=rtcp-fb:{number} nack pli\r\na=rtcp-fb:{number} ccm fir\r\n"
                    );
                }
            }
        }
    }
    if let Some(id) = section.extension(TRANSPORT_CC) {
        let _ = write!(out, "a=extmap:{id} {TRANSPORT_CC}\r\n");
    }
}

fn section(media: &str) -> Option<RemoteSection> {
    let mut words = media.split_ascii_whitespace();
    let name = words.next()?.to_owned();
    let port = words.next()?;
    Some(RemoteSection {
        media: name,
        idle: port == "0",
        numbers: words.skip(1).map(str::to_owned).collect(),
        ..RemoteSection::default()
    })
}

fn read(section: &mut RemoteSection, key: &str, value: &str) -> Option<()> {
    let mut words = value.split_ascii_whitespace();
    match key {
        "mid" => value.clone_into(&mut section.mid),
        "inactive" => section.idle = true,
        "rtpmap" => {
            let number = words.next()?.parse().ok()?;
            let name = words.next()?.split('/').next()?.to_ascii_lowercase();
            section.formats.push((number, name));
        }
        "fmtp" => {
            let number = words.next()?.parse().ok()?;
            let parameters = words.next().unwrap_or_default();
            if let Some(of) = parameters.strip_prefix("apt=") {
                section.repairs.push((number, of.parse().ok()?));
            }
        }
        "ssrc-group" if words.next() == Some("FID") => {
            section.ssrc = Some(words.next()?.parse().ok()?);
            section.rtx_ssrc = words.next().and_then(|word| word.parse().ok());
        }
        "ssrc" if section.ssrc.is_none() => section.ssrc = Some(words.next()?.parse().ok()?),
        "extmap" => {
            let id = words.next()?.split('/').next()?.parse().ok()?;
            section.extensions.push((id, words.next()?.to_owned()));
        }
        _ => {}
    }
    Some(())
}

fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "vp8",
        Codec::Vp9 => "vp9",
    }
}

fn wire_codec(codec: Codec) -> conclave_wire::media::Codec {
    match codec {
        Codec::Opus => conclave_wire::media::Codec::Opus,
        Codec::Vp8 => conclave_wire::media::Codec::Vp8,
        Codec::Vp9 => conclave_wire::media::Codec::Vp9,
    }
}

fn source_of(context: Context) -> Source {
    match context {
        Context::Microphone => Source::Microphone,
        Context::Camera => Source::Camera,
        Context::ScreenVideo => Source::ScreenVideo,
        Context::ScreenAudio => Source::ScreenAudio,
    }
}
