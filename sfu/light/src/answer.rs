//! Reads the SFU's answer: where to connect, and which SSRCs each section gets.

use std::net::{IpAddr, SocketAddr};

use conclave_transport::address::TransportAddress;
use conclave_transport::client::{RemoteCandidate, RemoteIce};
use conclave_transport::dtls::Fingerprint;

/// One section of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnsweredSection {
    /// Its `a=mid`.
    pub mid: String,
    /// Whether media flows: accepted and not inactive.
    pub active: bool,
    /// The one payload type, if accepted.
    pub payload_type: Option<u8>,
    /// The SSRC of the media the server sends.
    pub ssrc: Option<u32>,
    /// The SSRC of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// The ids of accepted header extensions, with their URIs.
    pub extensions: Vec<(u8, String)>,
    /// RIDs the server receives, in its order.
    pub rids: Vec<String>,
}

/// An answer.
#[derive(Clone)]
pub struct Answer {
    /// What its ICE says.
    pub ice: RemoteIce,
    /// The server's certificate's.
    pub fingerprint: Fingerprint,
    /// The sections, in order.
    pub sections: Vec<AnsweredSection>,
}

/// Not an answer of this SFU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// `a=ice-ufrag`, `a=ice-pwd` or `a=fingerprint` is missing.
    #[error("the answer has no transport")]
    Transport,
    /// A line does not say what it should.
    #[error("the answer is malformed")]
    Malformed,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn parse(sdp: &str) -> Result<Self, AnswerError> {
        let (mut ufrag, mut password, mut fingerprint) = (None, None, None);
        let mut candidates = Vec::new();
        let mut sections: Vec<AnsweredSection> = Vec::new();
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                sections.push(section(media)?);
                continue;
            }
            let Some(attribute) = line.strip_prefix("a=") else {
                continue;
            };
            let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            match key {
                "ice-ufrag" => ufrag = Some(value.to_owned()),
                "ice-pwd" => password = Some(value.to_owned()),
                "fingerprint" => {
                    fingerprint = Some(value.parse().map_err(|_| AnswerError::Malformed)?);
                }
                "candidate" => candidates.extend(candidate(value)?),
                _ => {
                    if let Some(section) = sections.last_mut() {
                        read_attribute(section, key, value)?;
                    }
                }
            }
        }
        let (Some(ufrag), Some(password), Some(fingerprint)) = (ufrag, password, fingerprint) else {
            return Err(AnswerError::Transport);
        };
        Ok(Self {
            ice: RemoteIce {
                ufrag,
                password,
                candidates,
            },
            fingerprint,
            sections,
        })
    }

    /// The section with this `a=mid`.
    #[must_use]
    pub fn section(&self, mid: &str) -> Option<&AnsweredSection> {
        self.sections.iter().find(|section| section.mid == mid)
    }
}

fn section(media: &str) -> Result<AnsweredSection, AnswerError> {
    let mut words = media.split_ascii_whitespace();
    let port = words.nth(1).ok_or(AnswerError::Malformed)?;
    let accepted = port != "0";
    let payload_type = words.nth(1).and_then(|word| word.parse().ok());
    Ok(AnsweredSection {
        active: accepted,
        payload_type: payload_type.filter(|_| accepted),
        ..AnsweredSection::default()
    })
}

fn read_attribute(section: &mut AnsweredSection, key: &str, value: &str) -> Result<(), AnswerError> {
    let number = |word: Option<&str>| -> Result<u32, AnswerError> {
        word.and_then(|word| word.parse().ok())
            .ok_or(AnswerError::Malformed)
    };
    let mut words = value.split_ascii_whitespace();
    match key {
        "mid" => value.clone_into(&mut section.mid),
        "inactive" => section.active = false,
        "ssrc-group" if words.next() == Some("FID") => {
            section.ssrc = Some(number(words.next())?);
            section.rtx_ssrc = Some(number(words.next())?);
        }
        "ssrc" if section.ssrc.is_none() => section.ssrc = Some(number(words.next())?),
        "rid" => section.rids.extend(words.next().map(str::to_owned)),
        "extmap" => {
            let id = words.next().and_then(|word| word.split('/').next()?.parse().ok());
            let (Some(id), Some(uri)) = (id, words.next()) else {
                return Err(AnswerError::Malformed);
            };
            section.extensions.push((id, uri.to_owned()));
        }
        _ => {}
    }
    Ok(())
}

/// `<foundation> <component> <protocol> <priority> <address> <port> typ host ...` (RFC 8839 §5.1); `None` for a
/// protocol we do not speak.
fn candidate(value: &str) -> Result<Option<RemoteCandidate>, AnswerError> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let [_, _, protocol, priority, ip, port, ..] = words.as_slice() else {
        return Err(AnswerError::Malformed);
    };
    let ip: IpAddr = ip.parse().map_err(|_| AnswerError::Malformed)?;
    let port = port.parse().map_err(|_| AnswerError::Malformed)?;
    let socket = SocketAddr::new(ip, port);
    let address = if protocol.eq_ignore_ascii_case("udp") {
        TransportAddress::udp(socket)
    } else if protocol.eq_ignore_ascii_case("tcp") {
        TransportAddress::tcp(socket)
    } else {
        return Ok(None);
    };
    let priority = priority.parse().map_err(|_| AnswerError::Malformed)?;
    Ok(Some(RemoteCandidate { address, priority }))
}
