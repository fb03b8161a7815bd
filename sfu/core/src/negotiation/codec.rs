//! Picks the codec of a section from its formats: Opus, VP9 profile 0 or VP8, with its RTX and its feedback.

use conclave_wire::media::{Codec, Kind};

use super::sdp::OfferedSection;

/// RTCP feedback both sides use for a payload type (RFC 4585, RFC 5104, transport-cc).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// Generic NACK.
    pub nack: bool,
    /// Picture loss indication.
    pub pli: bool,
    /// Full intra request.
    pub fir: bool,
    /// Transport-wide congestion control.
    pub transport_cc: bool,
}

/// One format that can be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// What it is.
    pub codec: Codec,
    /// The offerer's payload type for it.
    pub payload_type: u8,
    /// The offerer's payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// The feedback the offerer gives or takes.
    pub feedback: Feedback,
}

/// The formats of a section that can be forwarded, in the offer's order.
pub(crate) fn formats(section: &OfferedSection<'_>) -> Vec<Format> {
    let Some(kind) = kind_of(section.media) else {
        return Vec::new();
    };
    let parsed = section.formats.iter().filter_map(|text| payload_type(text));
    parsed
        .filter_map(|payload_type| {
            let codec = codec_of(section, payload_type)?;
            (codec.kind() == kind).then(|| Format {
                codec,
                payload_type,
                rtx: rtx_of(section, payload_type),
                feedback: feedback_of(section, payload_type),
            })
        })
        .collect()
}

/// The kind of a media word.
pub(crate) fn kind_of(media: &str) -> Option<Kind> {
    match media {
        "audio" => Some(Kind::Audio),
        "video" => Some(Kind::Video),
        _ => None,
    }
}

/// The name and clock of a codec in `a=rtpmap`.
pub(crate) const fn rtpmap(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus/48000/2",
        Codec::Vp8 => "VP8/90000",
        Codec::Vp9 => "VP9/90000",
    }
}

/// The RTP clock in Hz.
pub(crate) const fn clock_rate(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        Codec::Vp8 | Codec::Vp9 => 90_000,
    }
}

/// A word of the offer that may be echoed into a rejected section, else `fallback`.
pub(crate) fn echo<'a>(word: Option<&'a str>, fallback: &'static str) -> &'a str {
    word.filter(|word| word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_graphic()))
        .unwrap_or(fallback)
}

fn payload_type(text: &str) -> Option<u8> {
    // 64-95 collide with RTCP under rtcp-mux (RFC 5761 §4).
    text.parse::<u8>()
        .ok()
        .filter(|value| matches!(value, 0..=63 | 96..=127))
}

/// The part of `key:<payload type> <rest>` lines after the payload type.
fn lines_for<'a>(
    section: &OfferedSection<'a>,
    key: &'static str,
    wanted: u8,
) -> impl Iterator<Item = &'a str> {
    section.attributes.all(key).filter_map(move |value| {
        let (first, rest) = value.split_once(' ')?;
        (first.parse::<u8>() == Ok(wanted)).then_some(rest.trim())
    })
}

fn codec_of(section: &OfferedSection<'_>, payload_type: u8) -> Option<Codec> {
    let map = lines_for(section, "rtpmap", payload_type).next()?;
    let codec = [Codec::Opus, Codec::Vp9, Codec::Vp8]
        .into_iter()
        .find(|codec| map.eq_ignore_ascii_case(rtpmap(*codec)))?;
    let profile = parameter(section, payload_type, "profile-id").unwrap_or("0");
    (codec != Codec::Vp9 || profile == "0").then_some(codec)
}

fn parameter<'a>(section: &OfferedSection<'a>, payload_type: u8, name: &str) -> Option<&'a str> {
    lines_for(section, "fmtp", payload_type)
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}

fn rtx_of(section: &OfferedSection<'_>, associated: u8) -> Option<u8> {
    section
        .formats
        .iter()
        .filter_map(|text| payload_type(text))
        .find(|candidate| {
            lines_for(section, "rtpmap", *candidate)
                .next()
                .is_some_and(|map| map.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("rtx/")))
                && parameter(section, *candidate, "apt").and_then(|apt| apt.parse::<u8>().ok())
                    == Some(associated)
        })
}

fn feedback_of(section: &OfferedSection<'_>, payload_type: u8) -> Feedback {
    let mut feedback = Feedback::default();
    for value in section.attributes.all("rtcp-fb") {
        let Some((target, kind)) = value.split_once(' ') else {
            continue;
        };
        if target != "*" && target.parse::<u8>() != Ok(payload_type) {
            continue;
        }
        match kind.trim() {
            "nack" => feedback.nack = true,
            "nack pli" => feedback.pli = true,
            "ccm fir" => feedback.fir = true,
            "transport-cc" => feedback.transport_cc = true,
            _ => {}
        }
    }
    feedback
}
