//! The VP9 payload descriptor (RFC 9628 §4.2).

use super::{DescriptorError, PictureId};

/// The layer a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerIndices {
    /// TID.
    pub temporal_id: u8,
    /// U: the layer above can be switched up to from here.
    pub switching_up_point: bool,
    /// SID.
    pub spatial_id: u8,
    /// D: the frame depends on the spatial layer below in the same picture.
    pub inter_layer_dependency: bool,
    /// TL0PICIDX; only in non-flexible mode.
    pub tl0_picture_index: Option<u8>,
}

/// Spatial layers whose heights are read.
pub const MAX_HEIGHTS: usize = 3;

/// A parsed VP9 payload descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// Length of the descriptor; the VP9 (or SFrame) payload begins here.
    pub len: usize,
    /// I: the picture id, when present.
    pub picture_id: Option<PictureId>,
    /// P: the frame is predicted from an earlier picture.
    pub inter_picture_predicted: bool,
    /// L: the layer, when present.
    pub layer: Option<LayerIndices>,
    /// F: flexible mode.
    pub flexible: bool,
    /// B: the packet begins a layer frame.
    pub start_of_frame: bool,
    /// E: the packet ends a layer frame.
    pub end_of_frame: bool,
    /// V: a scalability structure is present.
    pub scalability_structure: bool,
    /// Spatial layers the scalability structure announces (1-8), when present.
    pub spatial_layers: Option<u8>,
    /// Lines of the first of those, when the scalability structure says so.
    pub heights: [Option<u16>; MAX_HEIGHTS],
    /// Z: no frame of a higher spatial layer refers to this one.
    pub not_reference_for_upper: bool,
}

impl Vp9Descriptor {
    /// Parses the descriptor at the front of an RTP payload.
    ///
    /// # Errors
    /// [`DescriptorError::Truncated`] when the payload ends inside it or right behind it.
    pub fn parse(payload: &[u8]) -> Result<Self, DescriptorError> {
        let mut cursor = Cursor { payload, at: 0 };
        let first = cursor.next()?;
        let flexible = first & 0x10 != 0;
        let mut descriptor = Self {
            len: 0,
            picture_id: None,
            inter_picture_predicted: first & 0x40 != 0,
            layer: None,
            flexible,
            start_of_frame: first & 0x08 != 0,
            end_of_frame: first & 0x04 != 0,
            scalability_structure: first & 0x02 != 0,
            spatial_layers: None,
            heights: [None; MAX_HEIGHTS],
            not_reference_for_upper: first & 0x01 != 0,
        };
        if first & 0x80 != 0 {
            descriptor.picture_id = Some(cursor.picture_id()?);
        }
        if first & 0x20 != 0 {
            descriptor.layer = Some(cursor.layer(flexible)?);
        }
        if flexible && descriptor.inter_picture_predicted {
            cursor.reference_indices()?;
        }
        if descriptor.scalability_structure {
            descriptor.spatial_layers = Some(cursor.scalability_structure(&mut descriptor.heights)?);
        }
        descriptor.len = cursor.at;
        // A descriptor with nothing behind it describes nothing.
        cursor.next()?;
        Ok(descriptor)
    }

    /// Whether the packet begins a picture: the first packet of its lowest spatial layer.
    #[must_use]
    pub fn is_frame_start(&self) -> bool {
        self.start_of_frame && self.layer.is_none_or(|layer| layer.spatial_id == 0)
    }

    /// Whether the packet begins a key picture, as the descriptor says: a start that is predicted from
    /// nothing before (P clear) and from no layer below.
    #[must_use]
    pub fn is_key_frame_start(&self) -> bool {
        self.is_frame_start()
            && !self.inter_picture_predicted
            && self.layer.is_none_or(|layer| !layer.inter_layer_dependency)
    }
}

struct Cursor<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Result<u8, DescriptorError> {
        let byte = self
            .payload
            .get(self.at)
            .copied()
            .ok_or(DescriptorError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> Result<(), DescriptorError> {
        self.at += count;
        if self.at > self.payload.len() {
            Err(DescriptorError::Truncated)
        } else {
            Ok(())
        }
    }

    fn picture_id(&mut self) -> Result<PictureId, DescriptorError> {
        let high = self.next()?;
        let extended = high & 0x80 != 0;
        let value = if extended {
            u16::from_be_bytes([high & 0x7F, self.next()?])
        } else {
            u16::from(high)
        };
        Ok(PictureId { value, extended })
    }

    fn layer(&mut self, flexible: bool) -> Result<LayerIndices, DescriptorError> {
        let byte = self.next()?;
        Ok(LayerIndices {
            temporal_id: byte >> 5,
            switching_up_point: byte & 0x10 != 0,
            spatial_id: (byte >> 1) & 0x07,
            inter_layer_dependency: byte & 0x01 != 0,
            tl0_picture_index: if flexible { None } else { Some(self.next()?) },
        })
    }

    /// Up to three P_DIFF bytes; the low bit says that another follows.
    fn reference_indices(&mut self) -> Result<(), DescriptorError> {
        for _ in 0..3 {
            if self.next()? & 1 == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads the heights, skips the picture group and returns the number of spatial layers.
    fn scalability_structure(
        &mut self,
        heights: &mut [Option<u16>; MAX_HEIGHTS],
    ) -> Result<u8, DescriptorError> {
        let head = self.next()?;
        let layers = (head >> 5) + 1;
        if head & 0x10 != 0 {
            for layer in 0..usize::from(layers) {
                self.skip(2)?;
                let height = u16::from_be_bytes([self.next()?, self.next()?]);
                if let Some(place) = heights.get_mut(layer).filter(|_| height > 0) {
                    *place = Some(height);
                }
            }
        }
        if head & 0x08 != 0 {
            for _ in 0..self.next()? {
                let references = (self.next()? >> 2) & 0x03;
                self.skip(usize::from(references))?;
            }
        }
        Ok(layers)
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
        /// Temporal id, spatial id, TL0PICIDX.
        layer: Option<(u8, u8, Option<u8>)>,
        spatial_layers: Option<u8>,
        start: bool,
        key: bool,
    }

    /// RFC 9628 §4.2's layouts.
    const CASES: &[Case] = &[
        Case {
            what: "minimal key frame start",
            payload: &[0x08, 0xAA],
            len: 1,
            picture_id: None,
            layer: None,
            spatial_layers: None,
            start: true,
            key: true,
        },
        Case {
            what: "continuation of a predicted frame",
            payload: &[0x44, 0xAA],
            len: 1,
            picture_id: None,
            layer: None,
            spatial_layers: None,
            start: false,
            key: false,
        },
        Case {
            what: "15-bit picture id, predicted",
            payload: &[0xC8, 0x92, 0x34, 0xAA],
            len: 3,
            picture_id: Some(0x1234),
            layer: None,
            spatial_layers: None,
            start: true,
            key: false,
        },
        Case {
            what: "7-bit picture id and layer, non-flexible",
            payload: &[0xA8, 0x12, 0x20, 0x07, 0xAA],
            len: 4,
            picture_id: Some(0x12),
            layer: Some((1, 0, Some(7))),
            spatial_layers: None,
            start: true,
            key: true,
        },
        Case {
            what: "upper spatial layer of a key picture",
            payload: &[0xA8, 0x12, 0x03, 0x07, 0xAA],
            len: 4,
            picture_id: Some(0x12),
            layer: Some((0, 1, Some(7))),
            spatial_layers: None,
            start: false,
            key: false,
        },
        Case {
            what: "flexible with three references",
            payload: &[0xF8, 0x12, 0x10, 0x03, 0x05, 0x06, 0xAA],
            len: 6,
            picture_id: Some(0x12),
            layer: Some((0, 0, None)),
            spatial_layers: None,
            start: true,
            key: false,
        },
        Case {
            what: "scalability structure with resolutions and picture group",
            payload: &[
                0x8A, 0x01, 0x38, 0x01, 0x40, 0x00, 0xB4, 0x02, 0x80, 0x01, 0x68, 0x02, 0x04, 0x01, 0x38,
                0x02, 0x03, 0xAA,
            ],
            len: 16 + 1,
            picture_id: Some(1),
            layer: None,
            spatial_layers: Some(2),
            start: true,
            key: true,
        },
        Case {
            what: "scalability structure without anything",
            payload: &[0x0A, 0x00, 0xAA],
            len: 2,
            picture_id: None,
            layer: None,
            spatial_layers: Some(1),
            start: true,
            key: true,
        },
    ];

    #[test]
    fn descriptors_are_read_as_the_table_says() {
        for case in CASES {
            let read = Vp9Descriptor::parse(case.payload).expect(case.what);
            assert_eq!(read.len, case.len, "{}", case.what);
            assert_eq!(
                read.picture_id.map(|id| id.value),
                case.picture_id,
                "{}",
                case.what
            );
            let layer = read
                .layer
                .map(|layer| (layer.temporal_id, layer.spatial_id, layer.tl0_picture_index));
            assert_eq!(layer, case.layer, "{}", case.what);
            assert_eq!(read.spatial_layers, case.spatial_layers, "{}", case.what);
            if case.what.contains("with resolutions") {
                assert_eq!(read.heights, [Some(180), Some(360), None]);
            }
            assert_eq!(read.is_frame_start(), case.start, "{}", case.what);
            assert_eq!(read.is_key_frame_start(), case.key, "{}", case.what);
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        for case in CASES {
            for len in 0..=case.len {
                assert!(
                    Vp9Descriptor::parse(&case.payload[..len]).is_err(),
                    "{} {len}",
                    case.what
                );
            }
        }
    }
}
