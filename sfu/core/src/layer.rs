//! The layers of a picture: what a subscriber is given, and what a track sends at what cost.

/// Most spatial layers of a track: encodings of a simulcast, or spatial layers of one scalable stream.
pub(crate) const MAX_SPATIAL: usize = 3;
/// Most temporal layers.
pub(crate) const MAX_TEMPORAL: usize = 4;

/// A layer, 0 being the smallest picture and the lowest frame rate. What it depends on belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Layer {
    /// Index of the encoding (simulcast) or of the spatial layer (SVC).
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
}

impl Layer {
    /// Everything a track has.
    pub(crate) const TOP: Self = Self {
        spatial: 2,
        temporal: 3,
    };
}

/// One spatial layer of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SpatialLayer {
    /// Lines of the picture.
    pub(crate) height: u16,
    /// Bits per second it takes to receive the layer up to this temporal layer, with everything below that must be
    /// sent along. `None`: there is no such temporal layer.
    pub(crate) bitrates: [Option<u32>; MAX_TEMPORAL],
}

/// What a track can send, by spatial layer. `None`: it does not send that layer, and not because nobody needs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LayerTable {
    pub(crate) spatial: [Option<SpatialLayer>; MAX_SPATIAL],
}

impl LayerTable {
    /// The smallest layer that fills `height` lines, else the largest there is, at the full frame rate; without any,
    /// whatever comes.
    pub(crate) fn covering(&self, height: u16) -> Layer {
        let sent = || {
            (0u8..)
                .zip(&self.spatial)
                .filter_map(|(index, layer)| Some((index, layer.as_ref()?)))
        };
        let covering = sent().find(|(_, layer)| layer.height >= height);
        covering
            .or_else(|| sent().last())
            .map_or(Layer::TOP, |(spatial, _)| Layer {
                spatial,
                temporal: Layer::TOP.temporal,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(heights: [Option<u16>; MAX_SPATIAL]) -> LayerTable {
        LayerTable {
            spatial: heights.map(|height| {
                height.map(|height| SpatialLayer {
                    height,
                    bitrates: [Some(100_000), None, None, None],
                })
            }),
        }
    }

    #[test]
    fn the_smallest_layer_that_fills_the_view_is_chosen() {
        let all = [Some(180), Some(360), Some(720)];
        let cases = [
            (all, 1, 0),
            (all, 180, 0),
            (all, 181, 1),
            (all, 360, 1),
            (all, 500, 2),
            (all, 2160, 2),
            ([Some(180), None, Some(720)], 300, 2),
            ([Some(180), Some(360), None], 700, 1),
            ([None, None, Some(720)], 10, 2),
            ([None; MAX_SPATIAL], 10, 2),
        ];
        for (heights, height, spatial) in cases {
            assert_eq!(
                table(heights).covering(height),
                Layer { spatial, temporal: 3 },
                "{heights:?} {height}"
            );
        }
    }
}
