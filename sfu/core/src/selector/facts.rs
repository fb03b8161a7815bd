//! What payload and dependency descriptors say of a packet, in words that fit every codec.
//!
//! Where both say something the payload descriptor holds: receivers are sent that one only, and decode by it. Browsers
//! that send a dependency descriptor leave the layers out of VP8's.

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::payload_descriptor::vp9::Vp9Descriptor;
use conclave_wire::media::Codec;

use crate::header_extension::dependency_descriptor::Described;
use crate::layer::MAX_SPATIAL;

/// What is known of a packet without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// It begins a frame; of SVC: a layer's frame.
    pub(crate) starts_frame: bool,
    /// It ends a layer's frame. Without SVC the marker says so.
    pub(crate) ends_frame: bool,
    /// It belongs to a picture that refers to none before. Of VP8 only a frame's first packet tells.
    pub(crate) key: bool,
    /// Its frame refers to nothing of its own temporal layer, so forwarding that layer may begin with it (VP8's Y).
    pub(crate) sync: bool,
    /// From its picture on, higher temporal layers refer to nothing higher before it (VP9's U).
    pub(crate) switching_up: bool,
    /// No frame of a higher spatial layer in this picture refers to it (VP9's Z).
    pub(crate) discardable: bool,
    /// Whether it names its layers.
    pub(crate) layered: bool,
    /// Spatial layers the publisher announces with it.
    pub(crate) announced: Option<u8>,
    /// Lines of its spatial layers, as far as the publisher says so with it.
    pub(crate) heights: [Option<u16>; MAX_SPATIAL],
    /// VP8 only: receivers find references by its picture id and TL0PICIDX, so these have to continue.
    pub(crate) vp8: Option<Vp8Descriptor>,
}

impl Facts {
    /// A packet of a stream without layers, every one a frame of its own.
    pub(crate) const PLAIN: Self = Self {
        spatial: 0,
        temporal: 0,
        starts_frame: true,
        ends_frame: true,
        key: true,
        sync: true,
        switching_up: true,
        discardable: false,
        layered: false,
        announced: None,
        heights: [None; MAX_SPATIAL],
        vp8: None,
    };

    /// Reads the payload descriptor; `None` when there is none, which the guard refuses. `described`: what the packet's
    /// dependency descriptor said.
    pub(crate) fn read(
        codec: Codec,
        payload: &[u8],
        marker: bool,
        described: Option<Described>,
    ) -> Option<Self> {
        let facts = match codec {
            Codec::Opus => return Some(Self::PLAIN),
            Codec::Vp8 => Self::vp8(&Vp8Descriptor::parse(payload).ok()?, payload, marker),
            Codec::Vp9 => Self::vp9(&Vp9Descriptor::parse(payload).ok()?),
        };
        Some(match described.filter(|_| !facts.layered) {
            Some(described) => facts.with(&described),
            None => facts,
        })
    }

    /// The marker of the packet for a subscriber whose pictures end with the spatial layer `top`.
    pub(crate) fn marker(&self, marker: bool, top: Option<u8>) -> bool {
        marker || (self.ends_frame && top == Some(self.spatial))
    }

    /// The layers of a dependency descriptor.
    fn with(self, described: &Described) -> Self {
        let is_vp8 = self.vp8.is_some();
        Self {
            // VP8 has no spatial layers, and tells only with a frame's first packet what it is.
            spatial: if is_vp8 { 0 } else { described.spatial },
            key: self.key || (is_vp8 && !self.starts_frame && described.independent),
            temporal: described.temporal,
            sync: described.sync || described.temporal == 0,
            switching_up: described.switching_up,
            discardable: described.discardable,
            layered: true,
            ..self
        }
    }

    fn vp8(descriptor: &Vp8Descriptor, payload: &[u8], marker: bool) -> Self {
        let temporal = descriptor.temporal_id.unwrap_or(0);
        Self {
            temporal,
            starts_frame: descriptor.is_frame_start(),
            ends_frame: marker,
            key: descriptor.is_key_frame_start(payload),
            sync: descriptor.layer_sync || temporal == 0,
            switching_up: false,
            layered: descriptor.temporal_id.is_some(),
            vp8: Some(*descriptor),
            ..Self::PLAIN
        }
    }

    fn vp9(descriptor: &Vp9Descriptor) -> Self {
        let layer = descriptor.layer;
        let spatial = layer.map_or(0, |layer| layer.spatial_id);
        // A higher layer that refers to nothing at all may begin a picture whose lower layers were left out.
        let key = !descriptor.inter_picture_predicted;
        Self {
            spatial,
            temporal: layer.map_or(0, |layer| layer.temporal_id),
            starts_frame: descriptor.start_of_frame,
            ends_frame: descriptor.end_of_frame,
            key,
            sync: false,
            switching_up: layer.is_none_or(|layer| layer.switching_up_point),
            discardable: descriptor.not_reference_for_upper,
            layered: layer.is_some(),
            announced: descriptor.spatial_layers,
            heights: descriptor.heights,
            vp8: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIBED: Described = Described {
        spatial: 2,
        temporal: 1,
        independent: false,
        sync: true,
        switching_up: false,
        discardable: true,
    };

    #[test]
    fn a_dependency_descriptor_names_the_layers_a_payload_descriptor_leaves_out() {
        // VP8 without extensions, a key frame's first packet and another one; VP9 without layer indices.
        let first = Facts::read(Codec::Vp8, &[0x10, 0], true, Some(DESCRIBED)).unwrap();
        assert_eq!(
            (first.spatial, first.temporal),
            (0, 1),
            "VP8 has no spatial layers"
        );
        assert!(first.key && first.sync && first.layered);
        let independent = Described {
            independent: true,
            ..DESCRIBED
        };
        let later = Facts::read(Codec::Vp8, &[0, 0], true, Some(independent)).unwrap();
        assert!(later.key && !later.starts_frame);
        let vp9 = Facts::read(Codec::Vp9, &[0x0C, 0], true, Some(DESCRIBED)).unwrap();
        assert_eq!((vp9.spatial, vp9.temporal, vp9.discardable), (2, 1, true));
    }

    #[test]
    fn a_payload_descriptor_that_names_layers_holds() {
        // VP8 with a TID of 0; VP9 with layer indices and TL0PICIDX.
        let vp8 = [0x90, 0x20, 0, 0];
        let vp9 = [0x2C, 0x30, 7, 0];
        for (codec, payload) in [(Codec::Vp8, &vp8), (Codec::Vp9, &vp9)] {
            let without = Facts::read(codec, payload, true, None);
            assert!(without.is_some_and(|facts| facts.layered));
            assert_eq!(Facts::read(codec, payload, true, Some(DESCRIBED)), without);
        }
    }
}
