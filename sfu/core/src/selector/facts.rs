//! What payload descriptors say of a packet, in words that fit every codec.

use conclave_transport::payload_descriptor::vp8::Vp8Descriptor;
use conclave_transport::payload_descriptor::vp9::Vp9Descriptor;
use conclave_wire::media::Codec;

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

    /// Reads the descriptor; `None` when there is none, which the guard refuses.
    pub(crate) fn read(codec: Codec, payload: &[u8], marker: bool) -> Option<Self> {
        match codec {
            Codec::Opus => Some(Self::PLAIN),
            Codec::Vp8 => Vp8Descriptor::parse(payload)
                .ok()
                .map(|descriptor| Self::vp8(&descriptor, payload, marker)),
            Codec::Vp9 => Vp9Descriptor::parse(payload)
                .ok()
                .map(|descriptor| Self::vp9(&descriptor)),
        }
    }

    /// The marker of the packet for a subscriber whose pictures end with the spatial layer `top`.
    pub(crate) fn marker(&self, marker: bool, top: Option<u8>) -> bool {
        marker || (self.ends_frame && top == Some(self.spatial))
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
