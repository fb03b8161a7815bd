//! The VP8 payload descriptor (RFC 7741 §4.2) and the one clear bit behind it.

use super::{DescriptorError, PictureId};
use crate::reader::put;

/// A parsed VP8 payload descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// Length of the descriptor; the VP8 (or SFrame) payload begins here.
    pub len: usize,
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// S: the packet begins a partition.
    pub start_of_partition: bool,
    /// PID: the index of the partition the packet's first byte belongs to.
    pub partition_index: u8,
    /// The picture id, when present.
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX, when present.
    pub tl0_picture_index: Option<u8>,
    /// TID, when present.
    pub temporal_id: Option<u8>,
    /// Y: the frame depends on the base layer only.
    pub layer_sync: bool,
    /// KEYIDX, when present.
    pub key_index: Option<u8>,
}

impl Vp8Descriptor {
    /// Parses the descriptor at the front of an RTP payload.
    ///
    /// # Errors
    /// [`DescriptorError::Truncated`] when the payload ends inside it or right behind it.
    pub fn parse(payload: &[u8]) -> Result<Self, DescriptorError> {
        let mut at = 0;
        let mut next = || {
            let byte = payload.get(at).copied().ok_or(DescriptorError::Truncated);
            at += 1;
            byte
        };
        let first = next()?;
        let mut descriptor = Self {
            len: 0,
            non_reference: first & 0x20 != 0,
            start_of_partition: first & 0x10 != 0,
            partition_index: first & 0x07,
            picture_id: None,
            tl0_picture_index: None,
            temporal_id: None,
            layer_sync: false,
            key_index: None,
        };
        if first & 0x80 != 0 {
            let present = next()?;
            if present & 0x80 != 0 {
                let high = next()?;
                let extended = high & 0x80 != 0;
                let value = if extended {
                    u16::from_be_bytes([high & 0x7F, next()?])
                } else {
                    u16::from(high)
                };
                descriptor.picture_id = Some(PictureId { value, extended });
            }
            if present & 0x40 != 0 {
                descriptor.tl0_picture_index = Some(next()?);
            }
            if present & 0x30 != 0 {
                let byte = next()?;
                if present & 0x20 != 0 {
                    descriptor.temporal_id = Some(byte >> 6);
                    descriptor.layer_sync = byte & 0x20 != 0;
                }
                if present & 0x10 != 0 {
                    descriptor.key_index = Some(byte & 0x1F);
                }
            }
        }
        // A descriptor with nothing behind it describes nothing.
        next()?;
        descriptor.len = at - 1;
        Ok(descriptor)
    }

    /// Whether the packet begins a frame: the first partition's start.
    #[must_use]
    pub fn is_frame_start(&self) -> bool {
        self.start_of_partition && self.partition_index == 0
    }

    /// Whether the packet begins a key frame, by the inverse key frame bit of the frame's first byte
    /// (RFC 7741 §4.3), which end-to-end encryption leaves clear. `payload` is what was parsed.
    #[must_use]
    pub fn is_key_frame_start(&self, payload: &[u8]) -> bool {
        self.is_frame_start() && payload.get(self.len).is_some_and(|first| first & 1 == 0)
    }

    /// Overwrites picture id and TL0PICIDX in `payload`, keeping their widths, so that a subscriber
    /// sees them continue across a layer switch. Fields that are absent stay absent.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) {
        let Some(id) = self.picture_id else {
            if self.tl0_picture_index.is_some() {
                put(payload, 2, &[tl0_picture_index]);
            }
            return;
        };
        let [high, low] = (picture_id & 0x7FFF).to_be_bytes();
        let width = if id.extended {
            put(payload, 2, &[high | 0x80, low]);
            2
        } else {
            put(payload, 2, &[low & 0x7F]);
            1
        };
        if self.tl0_picture_index.is_some() {
            put(payload, 2 + width, &[tl0_picture_index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        what: &'static str,
        payload: &'static [u8],
        len: usize,
        picture_id: Option<u16>,
        tl0: Option<u8>,
        temporal: Option<u8>,
        start: bool,
        key: bool,
    }

    /// RFC 7741 §4.2 and §4.6's examples, and what lies between them.
    const CASES: &[Case] = &[
        Case {
            what: "minimal, key frame",
            payload: &[0x10, 0x00],
            len: 1,
            picture_id: None,
            tl0: None,
            temporal: None,
            start: true,
            key: true,
        },
        Case {
            what: "minimal, inter frame",
            payload: &[0x10, 0x01],
            len: 1,
            picture_id: None,
            tl0: None,
            temporal: None,
            start: true,
            key: false,
        },
        Case {
            what: "continuation",
            payload: &[0x00, 0x00],
            len: 1,
            picture_id: None,
            tl0: None,
            temporal: None,
            start: false,
            key: false,
        },
        Case {
            what: "second partition's start",
            payload: &[0x11, 0x00],
            len: 1,
            picture_id: None,
            tl0: None,
            temporal: None,
            start: false,
            key: false,
        },
        Case {
            what: "7-bit picture id",
            payload: &[0x90, 0x80, 0x11, 0x00],
            len: 3,
            picture_id: Some(0x11),
            tl0: None,
            temporal: None,
            start: true,
            key: true,
        },
        Case {
            what: "15-bit picture id",
            payload: &[0x90, 0x80, 0x81, 0x11, 0x01],
            len: 4,
            picture_id: Some(0x111),
            tl0: None,
            temporal: None,
            start: true,
            key: false,
        },
        Case {
            what: "everything",
            payload: &[0xB0, 0xF0, 0xFF, 0xFF, 0x07, 0xA5, 0x00],
            len: 6,
            picture_id: Some(0x7FFF),
            tl0: Some(7),
            temporal: Some(2),
            start: true,
            key: true,
        },
        Case {
            what: "TL0PICIDX and TID without picture id",
            payload: &[0x90, 0x60, 0x09, 0x40, 0x01],
            len: 4,
            picture_id: None,
            tl0: Some(9),
            temporal: Some(1),
            start: true,
            key: false,
        },
        Case {
            what: "KEYIDX alone",
            payload: &[0x90, 0x10, 0x1F, 0x01],
            len: 3,
            picture_id: None,
            tl0: None,
            temporal: None,
            start: true,
            key: false,
        },
    ];

    #[test]
    fn descriptors_are_read_as_the_table_says() {
        for case in CASES {
            let descriptor = Vp8Descriptor::parse(case.payload).expect(case.what);
            assert_eq!(descriptor.len, case.len, "{}", case.what);
            assert_eq!(
                descriptor.picture_id.map(|id| id.value),
                case.picture_id,
                "{}",
                case.what
            );
            assert_eq!(descriptor.tl0_picture_index, case.tl0, "{}", case.what);
            assert_eq!(descriptor.temporal_id, case.temporal, "{}", case.what);
            assert_eq!(descriptor.is_frame_start(), case.start, "{}", case.what);
            assert_eq!(
                descriptor.is_key_frame_start(case.payload),
                case.key,
                "{}",
                case.what
            );
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for case in CASES {
            for len in 0..=case.len {
                assert!(
                    Vp8Descriptor::parse(&case.payload[..len]).is_err(),
                    "{} {len}",
                    case.what
                );
            }
        }
    }

    #[test]
    fn rewriting_keeps_widths_and_everything_else() {
        for case in CASES {
            let mut payload = case.payload.to_vec();
            let before = Vp8Descriptor::parse(&payload).unwrap();
            before.rewrite(&mut payload, 0x7123, 0x45);
            let after = Vp8Descriptor::parse(&payload).unwrap();
            let id = before.picture_id.map(|id| PictureId {
                value: if id.extended { 0x7123 } else { 0x23 },
                extended: id.extended,
            });
            let expected = Vp8Descriptor {
                picture_id: id,
                tl0_picture_index: before.tl0_picture_index.map(|_| 0x45),
                ..before
            };
            assert_eq!(after, expected, "{}", case.what);
            assert_eq!(payload[after.len..], case.payload[after.len..], "{}", case.what);
        }
    }
}
