//! The offers a browser would write, and what an answer says.

use std::fmt::Write as _;

use conclave_e2ee::Codec;
use conclave_wire::id::TrackId;
use conclave_wire::media::{Kind, Section, SectionRole, Source};

use super::receiver::Inbound;
use super::sender::camera::Layout;

/// Names of the encodings of a simulcast camera, the smallest picture first.
pub(crate) const RIDS: [&str; 3] = ["l", "m", "h"];

/// Header extensions by id, as Chromium numbers them.
const EXTENSIONS: [(u8, &str); 5] = [
    (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
    (
        3,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ),
    (4, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    (10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"),
    (11, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"),
];

/// One section of an offer.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Publish {
        source: Source,
        layout: Layout,
        /// Media and retransmissions, declared unless there are RIDs.
        ssrcs: (u32, u32),
    },
    Subscribe {
        track: TrackId,
        kind: Kind,
    },
    /// Its track is gone.
    Idle {
        kind: Kind,
    },
}

pub(crate) fn write_offer(ufrag: &str, version: u32, lines: &[Line]) -> String {
    let mut out = format!("v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for mid in 0..lines.len() {
        let _ = write!(out, " {mid}");
    }
    out.push_str("\r\na=extmap-allow-mixed\r\n");
    for (mid, line) in lines.iter().enumerate() {
        section(&mut out, ufrag, mid, line);
    }
    out
}

/// The roles of the sections, for the message around the offer.
pub(crate) fn roles(lines: &[Line]) -> Vec<Section> {
    let role = |line: &Line| match line {
        Line::Publish { source, .. } => SectionRole::Publish { source: *source },
        Line::Subscribe { track, .. } => SectionRole::Subscribe { track_id: *track },
        Line::Idle { .. } => SectionRole::Idle,
    };
    lines
        .iter()
        .enumerate()
        .map(|(mid, line)| Section {
            mid: mid.to_string(),
            role: role(line),
        })
        .collect()
}

fn section(out: &mut String, ufrag: &str, mid: usize, line: &Line) {
    let (kind, direction) = match line {
        Line::Publish { source, .. } => (source.kind(), "sendonly"),
        Line::Subscribe { kind, .. } => (*kind, "recvonly"),
        Line::Idle { kind } => (*kind, "inactive"),
    };
    let formats: &[u8] = match (kind, line) {
        (Kind::Audio, _) => &[111],
        (
            Kind::Video,
            Line::Publish {
                layout: Layout::Svc, ..
            },
        ) => &[98, 96],
        (Kind::Video, Line::Publish { .. }) => &[96],
        (Kind::Video, _) => &[96, 98],
    };
    let media = if kind == Kind::Audio { "audio" } else { "video" };
    let _ = write!(out, "m={media} 9 UDP/TLS/RTP/SAVPF");
    for format in formats {
        let _ = write!(out, " {format}");
        if kind == Kind::Video {
            let _ = write!(out, " {}", format + 1);
        }
    }
    let fingerprint = ["AB"; 32].join(":");
    let _ = write!(
        out,
        "\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:C64nxgv9jkemK1F9pKCMGyTH\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
    );
    for (id, uri) in EXTENSIONS
        .iter()
        .filter(|(id, _)| kind == Kind::Video || *id < 10)
    {
        let _ = write!(out, "a=extmap:{id} {uri}\r\n");
    }
    for format in formats {
        write_format(out, *format);
    }
    if let Line::Publish {
        source,
        layout,
        ssrcs,
    } = line
    {
        publish(out, *source, *layout, *ssrcs);
    }
}

fn write_format(out: &mut String, format: u8) {
    let name = match format {
        111 => {
            out.push_str("a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n");
            return;
        }
        96 => "VP8",
        _ => "VP9",
    };
    let rtx = format + 1;
    let _ = write!(out, "a=rtpmap:{format} {name}/90000\r\n");
    for feedback in ["transport-cc", "ccm fir", "nack", "nack pli"] {
        let _ = write!(out, "a=rtcp-fb:{format} {feedback}\r\n");
    }
    if name == "VP9" {
        let _ = write!(out, "a=fmtp:{format} profile-id=0\r\n");
    }
    let _ = write!(out, "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={format}\r\n");
}

fn publish(out: &mut String, source: Source, layout: Layout, (ssrc, rtx): (u32, u32)) {
    if source.kind() == Kind::Audio {
        let _ = write!(out, "a=ssrc:{ssrc} cname:c\r\n");
        return;
    }
    match layout {
        Layout::Simulcast => {
            for rid in RIDS {
                let _ = write!(out, "a=rid:{rid} send\r\n");
            }
            let _ = write!(out, "a=simulcast:send {}\r\n", RIDS.join(";"));
        }
        Layout::Single | Layout::Svc => {
            let _ = write!(
                out,
                "a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{ssrc} cname:c\r\na=ssrc:{rtx} cname:c\r\n"
            );
        }
    }
}

/// One section of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered<'a> {
    lines: Vec<&'a str>,
}

pub(crate) fn sections(answer: &str) -> Vec<Answered<'_>> {
    let mut sections: Vec<Answered<'_>> = Vec::new();
    for line in answer.lines() {
        if line.starts_with("m=") {
            sections.push(Answered::default());
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

impl Answered<'_> {
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.lines
            .iter()
            .any(|line| line.strip_prefix("a=") == Some(attribute))
    }

    /// The values of `a=<name>:`.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter_map(move |line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Payload types of the media and its retransmissions.
    pub(crate) fn formats(&self) -> (u8, Option<u8>) {
        let rtx = self.values("fmtp").find_map(|value| {
            let (format, parameters) = value.split_once(' ')?;
            parameters.starts_with("apt=").then(|| format.parse().unwrap())
        });
        let media = self.lines[0].split(' ').nth(3).unwrap().parse().unwrap();
        (media, rtx)
    }

    pub(crate) fn extension(&self, id: u8) -> Option<u8> {
        let (_, uri) = EXTENSIONS.iter().find(|(known, _)| *known == id)?;
        self.values("extmap")
            .any(|value| value.ends_with(uri))
            .then_some(id)
    }

    /// RIDs the server takes, in its order; empty when it takes one encoding.
    pub(crate) fn rids(&self) -> Vec<&'static str> {
        let taken = self
            .values("simulcast")
            .find_map(|value| value.strip_prefix("recv "));
        let names = taken.unwrap_or_default().split(';');
        names
            .filter_map(|name| RIDS.into_iter().find(|rid| *rid == name))
            .collect()
    }

    /// What comes through a subscribed section, if anything does.
    pub(crate) fn inbound(&self) -> Option<Inbound> {
        if !self.has("sendonly") {
            return None;
        }
        let group = self
            .values("ssrc-group")
            .find_map(|value| value.strip_prefix("FID "));
        let mut ssrcs = group
            .unwrap_or_default()
            .split(' ')
            .filter_map(|word| word.parse().ok());
        let first = self
            .values("ssrc")
            .find_map(|value| value.split(' ').next()?.parse().ok());
        let codec = match self.formats().0 {
            111 => Codec::Opus,
            96 => Codec::Vp8,
            _ => Codec::Vp9,
        };
        let nack = format!("{} nack", self.formats().0);
        Some(Inbound {
            ssrc: ssrcs.next().or(first)?,
            rtx_ssrc: ssrcs.next().unwrap_or(0),
            codec,
            nack: self.values("rtcp-fb").any(|value| value == nack),
            transport_cc: self.extension(3),
        })
    }
}
