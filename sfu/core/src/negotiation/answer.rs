//! Writes the answer to a planned offer (RFC 8829 §5.3): ICE-lite, passive DTLS, one bundle.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use conclave_transport::dtls::Fingerprint;
use conclave_transport::route::IceCredentials;
use conclave_wire::media::{Codec, Kind};

use super::codec::{self, Format};
use super::{Line, Plan, Rids, Use};
use crate::header_extension::ExtensionIds;

/// Priority of a first host candidate: type preference 126, component 1 (RFC 8445 §5.1.2.1).
const HOST_PRIORITY: u32 = 126 << 24 | 255;
/// The same over TCP: below everything over UDP (RFC 6544 §4.2).
const TCP_PRIORITY: u32 = 90 << 24 | 255;

/// What an answer says beside its plan.
pub struct AnswerContext<'a> {
    /// Constant through a session: the `o=` line's session id.
    pub session_id: u64,
    /// Grows with each answer.
    pub version: u64,
    /// Our ICE credentials.
    pub credentials: &'a IceCredentials,
    /// Our certificate's fingerprint.
    pub fingerprint: Fingerprint,
    /// Our addresses, best first; each takes UDP and TCP.
    pub candidates: &'a [SocketAddr],
    /// SSRCs of the section with this index: media, retransmissions.
    pub ssrcs: &'a dyn Fn(usize) -> (u32, u32),
}

/// Writes the answer. `offer` is the text the plan was made from.
pub fn write_answer(offer: &str, plan: &Plan, context: &AnswerContext<'_>) -> String {
    let mut out = String::with_capacity(512 + plan.lines.len() * 768);
    head(&mut out, plan, context);
    // The plan was made from this text, so its m= lines are there, in this order.
    let media_lines = offer.lines().filter_map(|line| line.strip_prefix("m="));
    let mut transport_written = false;
    for ((index, line), media) in plan.lines.iter().enumerate().zip(media_lines) {
        if line.role == Use::Rejected {
            rejected(&mut out, line, media);
            continue;
        }
        section(&mut out, line, index, context);
        if !transport_written {
            candidates(&mut out, context);
            transport_written = true;
        }
    }
    out
}

fn head(out: &mut String, plan: &Plan, context: &AnswerContext<'_>) {
    // RFC 8866 §5.2 wants a session id below 2^63 for many readers.
    let session_id = context.session_id & (u64::MAX >> 1);
    let _ = write!(
        out,
        "v=0\r\no=- {session_id} {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE",
        context.version
    );
    for line in plan.lines.iter().filter(|line| line.role != Use::Rejected) {
        let _ = write!(out, " {}", line.mid);
    }
    out.push_str("\r\na=msid-semantic: WMS *\r\na=ice-lite\r\n");
}

fn rejected(out: &mut String, line: &Line, media: &str) {
    let mut words = media.split_ascii_whitespace();
    let kind = codec::echo(words.next(), "audio");
    let protocol = codec::echo(words.nth(1), "UDP/TLS/RTP/SAVPF");
    let format = codec::echo(words.next(), "0");
    let _ = write!(
        out,
        "m={kind} 0 {protocol} {format}\r\nc=IN IP4 0.0.0.0\r\na=mid:{}\r\na=inactive\r\n",
        line.mid
    );
}

fn section(out: &mut String, line: &Line, index: usize, context: &AnswerContext<'_>) {
    let (direction, format, extensions) = match line.role {
        Use::Publish(publication) => ("recvonly", publication.format, publication.extensions),
        Use::Subscribe(subscription) => ("sendonly", subscription.format, subscription.extensions),
        Use::Idle(format) => ("inactive", format, ExtensionIds::default()),
        Use::Rejected => return,
    };
    media_line(out, line.kind, format, context);
    let _ = write!(out, "a=mid:{}\r\na={direction}\r\n", line.mid);
    transport(out, context);
    if line.reduced_size_rtcp {
        out.push_str("a=rtcp-rsize\r\n");
    }
    if line.mixed_extensions {
        // Structures of dependency descriptors are longer than the short form can say.
        out.push_str("a=extmap-allow-mixed\r\n");
    }
    formats(out, format);
    for (id, uri) in extensions.iter() {
        let _ = write!(out, "a=extmap:{id} {uri}\r\n");
    }
    if let Use::Publish(publication) = line.role {
        simulcast(out, &publication.rids);
    }
    if let Use::Subscribe(subscription) = line.role {
        let (media, rtx) = (context.ssrcs)(index);
        let (stream, track) = (subscription.stream, subscription.track_id);
        let _ = write!(out, "a=msid:p{stream} t{track}\r\n");
        if format.rtx.is_some() {
            let _ = write!(
                out,
                "a=ssrc-group:FID {media} {rtx}\r\na=ssrc:{media} cname:p{stream}\r\na=ssrc:{rtx} cname:p{stream}\r\n"
            );
        } else {
            let _ = write!(out, "a=ssrc:{media} cname:p{stream}\r\n");
        }
    }
}

/// The encodings we take, by the names the offer gave them (RFC 8853 §5.3.2).
fn simulcast(out: &mut String, rids: &Rids) {
    for rid in rids.iter() {
        let _ = write!(out, "a=rid:{} recv\r\n", rid.as_str());
    }
    for (index, rid) in rids.iter().enumerate() {
        let before = if index == 0 { "a=simulcast:recv " } else { ";" };
        let _ = write!(out, "{before}{}", rid.as_str());
    }
    if !rids.is_empty() {
        out.push_str("\r\n");
    }
}

fn media_line(out: &mut String, kind: Option<Kind>, format: Format, context: &AnswerContext<'_>) {
    let media = match kind {
        Some(Kind::Video) => "video",
        Some(Kind::Audio) | None => "audio",
    };
    let first = context.candidates.first();
    let port = first.map_or(9, SocketAddr::port);
    let _ = write!(out, "m={media} {port} UDP/TLS/RTP/SAVPF {}", format.payload_type);
    if let Some(rtx) = format.rtx {
        let _ = write!(out, " {rtx}");
    }
    match first.map(SocketAddr::ip) {
        Some(IpAddr::V6(ip)) => {
            let _ = write!(out, "\r\nc=IN IP6 {ip}\r\n");
        }
        Some(IpAddr::V4(ip)) => {
            let _ = write!(out, "\r\nc=IN IP4 {ip}\r\n");
        }
        None => out.push_str("\r\nc=IN IP4 0.0.0.0\r\n"),
    }
}

fn transport(out: &mut String, context: &AnswerContext<'_>) {
    let (ufrag, password) = (context.credentials.ufrag(), context.credentials.password());
    let _ = write!(
        out,
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{}\r\na=setup:passive\r\na=rtcp-mux\r\n",
        context.fingerprint
    );
}

fn formats(out: &mut String, format: Format) {
    let payload_type = format.payload_type;
    let _ = write!(out, "a=rtpmap:{payload_type} {}\r\n", codec::rtpmap(format.codec));
    let parameters = match format.codec {
        // No DTX and a constant rate: silence must not show in the packets (docs/E2EE.md).
        Codec::Opus => Some("minptime=10;useinbandfec=1;usedtx=0;cbr=1"),
        Codec::Vp9 => Some("profile-id=0"),
        Codec::Vp8 => None,
    };
    if let Some(parameters) = parameters {
        let _ = write!(out, "a=fmtp:{payload_type} {parameters}\r\n");
    }
    for (on, feedback) in [
        (format.feedback.transport_cc, "transport-cc"),
        (format.feedback.nack, "nack"),
        (format.feedback.pli, "nack pli"),
        (format.feedback.fir, "ccm fir"),
    ] {
        if on {
            let _ = write!(out, "a=rtcp-fb:{payload_type} {feedback}\r\n");
        }
    }
    if let Some(rtx) = format.rtx {
        let clock = codec::clock_rate(format.codec);
        let _ = write!(
            out,
            "a=rtpmap:{rtx} rtx/{clock}\r\na=fmtp:{rtx} apt={payload_type}\r\n"
        );
    }
}

fn candidates(out: &mut String, context: &AnswerContext<'_>) {
    let over_udp = context.candidates.iter().map(|at| ("udp", HOST_PRIORITY, at, ""));
    // The same ports take connections, for who cannot send UDP (RFC 6544 §4.5).
    let over_tcp = context
        .candidates
        .iter()
        .map(|at| ("tcp", TCP_PRIORITY, at, " tcptype passive"));
    for (index, (protocol, priority, candidate, kind)) in (0u32..).zip(over_udp.chain(over_tcp)) {
        // Local preference falls with the index, so that no two candidates tie.
        let priority = priority + ((65_535 - index.min(65_535)) << 8);
        let _ = write!(
            out,
            "a=candidate:{} 1 {protocol} {priority} {} {} typ host{kind}\r\n",
            index + 1,
            candidate.ip(),
            candidate.port()
        );
    }
    out.push_str("a=end-of-candidates\r\n");
}
