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
