//! What a bot offers: Opus, VP8 and VP9 with retransmission, and the interceptors of a browser.

use conclave_e2ee::Codec;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use webrtc::error::Result;
use webrtc::peer_connection::{
    MediaEngine, Registry, configure_nack, configure_rtcp_reports, configure_twcc,
};

use super::key_frame::{KeyFrameInterceptor, KeyFrameWanted};

/// Behind every interceptor of the library, next to the application.
const LAST_SLOT: usize = 20_000;

/// The payload type of a codec in every offer.
pub fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        Codec::Vp8 => 96,
        Codec::Vp9 => 98,
    }
}

/// RTP clock in ticks per second.
pub fn clock_rate(codec: Codec) -> u32 {
    match codec {
        Codec::Opus => 48_000,
        Codec::Vp8 | Codec::Vp9 => 90_000,
    }
}

/// A codec as the library wants it.
pub fn codec_parameters(codec: Codec) -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    };
    let (mime_type, channels, fmtp) = match codec {
        Codec::Opus => ("audio/opus", 2, "minptime=10;useinbandfec=1;cbr=1"),
        Codec::Vp8 => ("video/VP8", 0, ""),
        Codec::Vp9 => ("video/VP9", 0, "profile-id=0"),
    };
    let rtcp_feedback = match codec {
        Codec::Opus => vec![],
        Codec::Vp8 | Codec::Vp9 => vec![
            feedback("ccm", "fir"),
            feedback("nack", ""),
            feedback("nack", "pli"),
        ],
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: clock_rate(codec),
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback,
    }
}

fn with_payload_type(codec: Codec) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: codec_parameters(codec),
        payload_type: payload_type(codec),
    }
}

fn retransmission_of(codec: Codec) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: "video/rtx".to_owned(),
            clock_rate: clock_rate(codec),
            channels: 0,
            sdp_fmtp_line: format!("apt={}", payload_type(codec)),
            rtcp_feedback: vec![],
        },
        payload_type: payload_type(codec) + 1,
    }
}

/// What a camera section offers: its one codec first, for the first is what the server takes.
pub fn camera_preferences(codec: Codec) -> Vec<RTCRtpCodecParameters> {
    vec![with_payload_type(codec), retransmission_of(codec)]
}

/// Codecs and header extensions of a connection, and the interceptors that use them.
pub fn engine(wanted: KeyFrameWanted) -> Result<(MediaEngine, Registry)> {
    let mut engine = MediaEngine::default();
    engine.register_codec(with_payload_type(Codec::Opus), RtpCodecKind::Audio)?;
    for codec in [Codec::Vp9, Codec::Vp8] {
        engine.register_codec(with_payload_type(codec), RtpCodecKind::Video)?;
        engine.register_codec(retransmission_of(codec), RtpCodecKind::Video)?;
    }
    let registry = configure_nack(Registry::new(), &mut engine);
    let registry = configure_twcc(registry, &mut engine)?;
    let registry = configure_rtcp_reports(registry).with(
        rtc::interceptor::Slot::Custom(LAST_SLOT),
        KeyFrameInterceptor::new(wanted),
    );
    Ok((engine, registry))
}
