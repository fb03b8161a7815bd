//! Which encodings a section is sent in (RFC 8853), by their names (RID, RFC 8851).

use super::sdp::OfferedSection;
use crate::layer::MAX_SPATIAL;

/// Longest name of an encoding in bytes: one header extension carries at most 16.
const MAX_RID: usize = 16;

/// The name of an encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rid {
    bytes: [u8; MAX_RID],
    len: usize,
}

impl Rid {
    /// RFC 8851 §10: letters, digits, `-` and `_`.
    fn parse(text: &str) -> Option<Self> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut rid = Self::default();
        if text.is_empty() || !text.bytes().all(valid) {
            return None;
        }
        rid.bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        rid.len = text.len();
        Some(rid)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        // Nothing but ASCII gets in.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// The encodings of a section, the smallest picture first; none of a section that is not simulcast.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rids([Option<Rid>; MAX_SPATIAL]);

impl Rids {
    /// The offer's list of encodings, in its order. More than [`MAX_SPATIAL`] are cut off, which the answer says; a
    /// list of one is no simulcast.
    pub(super) fn offered(section: &OfferedSection<'_>) -> Self {
        let mut rids = Self::default();
        for (place, rid) in rids.0.iter_mut().zip(sent(section)) {
            *place = Some(rid);
        }
        if rids.len() < 2 { Self::default() } else { rids }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rid> {
        self.0.iter().flatten()
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of the encoding with this name.
    pub(crate) fn position(&self, name: &[u8]) -> Option<u8> {
        let found = (0u8..).zip(self.iter()).find(|(_, rid)| rid.as_bytes() == name);
        found.map(|(index, _)| index)
    }
}

/// The encodings of `a=simulcast:send`, of alternatives the first.
fn sent<'a>(section: &'a OfferedSection<'_>) -> impl Iterator<Item = Rid> + 'a {
    let streams = section.attributes.first("simulcast").and_then(|value| {
        let mut words = value.split_ascii_whitespace();
        words.find(|word| *word == "send")?;
        words.next()
    });
    let mut seen: Vec<&str> = Vec::with_capacity(MAX_SPATIAL);
    let names = streams.into_iter().flat_map(|streams| streams.split(';'));
    names.filter_map(move |alternatives| {
        // `~` says that the encoding starts paused.
        let name = alternatives.split(',').next()?.trim_start_matches('~');
        let declared = section.attributes.all("rid").any(|rid| {
            let mut words = rid.split_ascii_whitespace();
            words.next() == Some(name) && words.next() == Some("send")
        });
        if !declared || seen.contains(&name) {
            return None;
        }
        seen.push(name);
        Rid::parse(name)
    })
}
