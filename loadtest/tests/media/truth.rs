//! What a synthetic frame really is, written inside it under the encryption.
//!
//! A receiver finds out from descriptors what it may decode; the truth tells whether it was right. A frame whose real
//! references were not decoded is a torn picture.

/// Length of an encoded truth in bytes.
pub(crate) const LEN: usize = 40;
/// Most frames one frame refers to.
const MAX_REFERENCES: usize = 3;

/// The truth about one frame (of one spatial layer).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Unique among the frames of a camera; never 0.
    pub(crate) id: u32,
    pub(crate) key: bool,
    /// Index of the encoding, or of the spatial layer.
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// In lines.
    pub(crate) height: u16,
    /// When it was captured, in microseconds.
    pub(crate) captured: u64,
    /// The ids of the frames it needs.
    pub(crate) references: Vec<u32>,
}

impl Truth {
    pub(crate) fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[0..4].copy_from_slice(&self.id.to_be_bytes());
        out[4] = u8::from(self.key);
        out[5] = self.spatial;
        out[6] = self.temporal;
        out[7] = u8::try_from(self.references.len()).unwrap();
        out[8..10].copy_from_slice(&self.height.to_be_bytes());
        out[10..18].copy_from_slice(&self.captured.to_be_bytes());
        assert!(self.references.len() <= MAX_REFERENCES);
        for (index, reference) in self.references.iter().enumerate() {
            out[18 + 4 * index..22 + 4 * index].copy_from_slice(&reference.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        Self {
            id: word(0),
            key: bytes[4] != 0,
            spatial: bytes[5],
            temporal: bytes[6],
            height: u16::from_be_bytes([bytes[8], bytes[9]]),
            captured: u64::from_be_bytes(bytes[10..18].try_into().unwrap()),
            references: (0..usize::from(bytes[7]))
                .map(|index| word(18 + 4 * index))
                .collect(),
        }
    }
}
