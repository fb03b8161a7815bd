//! Reads the offers of browsers: lines, media sections and their attributes, borrowed from the text (RFC 8866).
//!
//! Only the structure is checked here; what a section means is the next file's job. Everything is bounded, so an
//! offer costs time and memory in proportion to its length.

use conclave_wire::limits::{MAX_MID, MAX_SDP, MAX_SECTIONS};

use super::NegotiationError;

/// Most attribute lines of one section; Chromium sends about 170. Beyond it the offer is refused.
const MAX_ATTRIBUTES: usize = 1024;
/// Most formats of one `m=` line; payload types are 0-127. Beyond it the offer is refused.
const MAX_FORMATS: usize = 128;

/// One `a=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) key: &'a str,
    /// Empty for a property attribute.
    pub(crate) value: &'a str,
}

/// The attributes of the session or of one section, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'a> Attributes<'a> {
    pub(crate) fn first(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |attribute| attribute.key == key)
            .map(|attribute| attribute.value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.first(key).is_some()
    }

    fn push(&mut self, line: &'a str) -> Result<(), NegotiationError> {
        if self.0.len() >= MAX_ATTRIBUTES {
            return Err(NegotiationError::TooLarge);
        }
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        self.0.push(Attribute { key, value });
        Ok(())
    }
}

/// Which way media may flow, as the offerer sees it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(crate) const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// One `m=` section.
#[derive(Clone, Debug)]
pub(crate) struct OfferedSection<'a> {
    /// `audio`, `video`, `application`, ...
    pub(crate) media: &'a str,
    pub(crate) port: u16,
    pub(crate) protocol: &'a str,
    pub(crate) formats: Vec<&'a str>,
    pub(crate) attributes: Attributes<'a>,
    /// `a=mid`, a token of at most [`MAX_MID`] bytes.
    pub(crate) mid: &'a str,
}

impl OfferedSection<'_> {
    pub(crate) fn direction(&self) -> Direction {
        let has = |key| self.attributes.has(key);
        match () {
            () if has("inactive") => Direction::Inactive,
            () if has("sendonly") => Direction::SendOnly,
            () if has("recvonly") => Direction::RecvOnly,
            () => Direction::SendRecv,
        }
    }
}

/// A parsed offer.
#[derive(Clone, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) attributes: Attributes<'a>,
    pub(crate) sections: Vec<OfferedSection<'a>>,
}

impl<'a> Offer<'a> {
    /// Parses `sdp`.
    pub(crate) fn parse(sdp: &'a str) -> Result<Self, NegotiationError> {
        if sdp.len() > MAX_SDP {
            return Err(NegotiationError::TooLarge);
        }
        let mut offer = Self {
            attributes: Attributes::default(),
            sections: Vec::new(),
        };
        let mut lines = sdp.lines();
        if lines.next() != Some("v=0") {
            return Err(NegotiationError::Malformed);
        }
        for line in lines {
            match line.split_once('=') {
                Some(("m", media)) => offer.push_section(media)?,
                Some(("a", attribute)) => match offer.sections.last_mut() {
                    Some(section) => section.attributes.push(attribute)?,
                    None => offer.attributes.push(attribute)?,
                },
                // o=, s=, t=, c=, b= and future types say nothing an SFU acts on.
                Some((kind, _)) if kind.len() == 1 => {}
                None if line.is_empty() => {}
                _ => return Err(NegotiationError::Malformed),
            }
        }
        offer.name_sections()?;
        Ok(offer)
    }

    /// A section's attribute, else the session's (RFC 8866 §5: session level is the default).
    pub(crate) fn inherited(&self, section: &OfferedSection<'a>, key: &str) -> Option<&'a str> {
        section
            .attributes
            .first(key)
            .or_else(|| self.attributes.first(key))
    }

    fn push_section(&mut self, line: &'a str) -> Result<(), NegotiationError> {
        if self.sections.len() >= MAX_SECTIONS {
            return Err(NegotiationError::TooLarge);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(media), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
            return Err(NegotiationError::Malformed);
        };
        let formats: Vec<&str> = words.take(MAX_FORMATS + 1).collect();
        if formats.is_empty() || !is_token(media) {
            return Err(NegotiationError::Malformed);
        }
        if formats.len() > MAX_FORMATS {
            return Err(NegotiationError::TooLarge);
        }
        self.sections.push(OfferedSection {
            media,
            port: port.parse().map_err(|_| NegotiationError::Malformed)?,
            protocol,
            formats,
            attributes: Attributes::default(),
            mid: "",
        });
        Ok(())
    }

    fn name_sections(&mut self) -> Result<(), NegotiationError> {
        let mut seen = std::collections::HashSet::with_capacity(self.sections.len());
        for section in &mut self.sections {
            let mid = section
                .attributes
                .first("mid")
                .ok_or(NegotiationError::Malformed)?;
            if mid.len() > MAX_MID || !is_token(mid) || !seen.insert(mid) {
                return Err(NegotiationError::Malformed);
            }
            section.mid = mid;
        }
        Ok(())
    }
}

/// A token of RFC 8866 §9: what may be echoed into an answer.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | b'0'..=b'9' | b'A'..=b'Z' | 0x5e..=0x7e))
}
