//! Dependency descriptor: a packet's layers and what refers to its frame (AV1 RTP specification, appendix A).
//!
//! Every packet names a template of a structure that comes with key frames, so the last structure of each encoding is
//! kept. All of a descriptor is checked; what selectors use of it is kept in [`Described`].

use super::HeaderExtension;
use super::video_layers_allocation::Heights;
use crate::layer::{MAX_SPATIAL, MAX_TEMPORAL};

pub(crate) const EXTENSION: HeaderExtension = HeaderExtension {
    uri: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    publish: true,
    subscribe: false,
};

/// Templates and decode targets that the format has room for (A.8.3). Chains are no more than decode targets.
const MAX_TEMPLATES: usize = 64;
const MAX_TARGETS: usize = 32;
/// A descriptor without anything but the mandatory fields, in bytes.
const MANDATORY_LEN: usize = 3;
/// Spatial layers of the format; a structure with more is refused.
const SPATIAL_LAYERS: u8 = 4;

/// What a packet's frame is among the others of its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// It refers to no other frame.
    pub(crate) independent: bool,
    /// Its own layer can be decoded from here on.
    pub(crate) sync: bool,
    /// And so can everything it belongs to, with higher temporal layers.
    pub(crate) switching_up: bool,
    /// No higher spatial layer needs it.
    pub(crate) discardable: bool,
}

/// What a packet says of its stream, for a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Spatial layers that are sent from now on.
    pub(crate) layers: Option<u8>,
    /// Lines of each spatial layer.
    pub(crate) heights: Option<Heights>,
}

/// The descriptors of one encoding, with the last structure that came.
#[derive(Default)]
pub(crate) struct Descriptors {
    /// Set by the first structure, and overwritten by later ones.
    structure: Option<Box<Structure>>,
}

impl Descriptors {
    /// Reads a packet's descriptor. `None`: it is malformed, or belongs to a structure that is not known.
    pub(crate) fn read(&mut self, data: &[u8]) -> Option<(Described, Announced)> {
        let mut bits = Bits { data, position: 0 };
        // Start and end of the frame: payload descriptor and marker say the same.
        bits.take(2)?;
        let template = bits.take(6)?;
        let number = low_half(bits.take(16)?);
        let flags = if data.len() > MANDATORY_LEN {
            Flags::read(&mut bits)?
        } else {
            Flags::default()
        };
        let mut announced = Announced::default();
        if flags.structure {
            let structure = Structure::read(number, &mut bits)?;
            announced.heights = structure.heights;
            announced.layers = Some(structure.layers(u32::MAX));
            match &mut self.structure {
                Some(known) if !is_older(number, known.number) => **known = structure,
                // A late packet of a structure that has ended.
                Some(_) => return None,
                None => self.structure = Some(Box::new(structure)),
            }
        }
        let structure = self.structure.as_deref()?;
        if flags.active_targets {
            let active = bits.take(structure.targets)?;
            announced.layers = Some(structure.layers(active)).filter(|layers| *layers > 0);
        }
        let index = (template + 64).checked_sub(structure.first_template)? % 64;
        let template = structure.templates().get(usize::try_from(index).ok()?)?;
        let frame = structure.frame(*template, flags, &mut bits)?;
        Some((structure.describe(&frame), announced))
    }

    /// Forgets what the stream before said.
    pub(crate) fn clear(&mut self) {
        self.structure = None;
    }
}

/// The extended fields' flags (A.8.3, `extended_descriptor_fields`).
#[derive(Clone, Copy, Default)]
struct Flags {
    structure: bool,
    active_targets: bool,
    custom_indications: bool,
    custom_references: bool,
    custom_chains: bool,
}

impl Flags {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(Self {
            structure: bits.flag()?,
            active_targets: bits.flag()?,
            custom_indications: bits.flag()?,
            custom_references: bits.flag()?,
            custom_chains: bits.flag()?,
        })
    }
}

/// What a frame is to a decode target (A.4), in two bits.
const NOT_PRESENT: u64 = 0;
const SWITCH: u64 = 2;

/// A frame that others resemble.
#[derive(Clone, Copy, Default)]
struct Template {
    spatial: u8,
    temporal: u8,
    /// Whether it refers to other frames.
    refers: bool,
    /// Two bits for each decode target, the first one lowest.
    indications: u64,
}

impl Template {
    const fn indication(&self, target: u32) -> u64 {
        self.indications >> (2 * target) & 3
    }
}

/// A template dependency structure.
struct Structure {
    /// The number of the frame it came with.
    number: u16,
    first_template: u32,
    targets: u32,
    chains: u32,
    templates: [Template; MAX_TEMPLATES],
    count: usize,
    /// The highest spatial and temporal layer of each decode target.
    target_layers: [(u8, u8); MAX_TARGETS],
    heights: Option<Heights>,
}

impl Structure {
    /// Reads `template_dependency_structure()`.
    fn read(number: u16, bits: &mut Bits<'_>) -> Option<Self> {
        let mut structure = Self {
            number,
            first_template: bits.take(6)?,
            targets: bits.take(5)? + 1,
            chains: 0,
            templates: [Template::default(); MAX_TEMPLATES],
            count: 0,
            target_layers: [(0, 0); MAX_TARGETS],
            heights: None,
        };
        let layers = structure.read_layers(bits)?;
        for template in structure.templates.iter_mut().take(structure.count) {
            template.indications = bits.indications(structure.targets)?;
        }
        for template in structure.templates.iter_mut().take(structure.count) {
            while bits.flag()? {
                bits.take(4)?;
                template.refers = true;
            }
        }
        structure.read_chains(bits)?;
        structure.find_targets();
        if bits.flag()? {
            let mut heights = Heights::default();
            for spatial in 0..layers {
                let (_width, height) = (bits.take(16)?, bits.take(16)?);
                if let Some(place) = heights.get_mut(usize::from(spatial)) {
                    *place = Some(low_half(height).saturating_add(1));
                }
            }
            structure.heights = Some(heights);
        }
        Some(structure)
    }

    /// Reads `template_layers()`: templates are in the order of their layers. Returns how many spatial layers there are.
    fn read_layers(&mut self, bits: &mut Bits<'_>) -> Option<u8> {
        let mut template = Template::default();
        loop {
            *self.templates.get_mut(self.count)? = template;
            self.count += 1;
            match bits.take(2)? {
                0 => {}
                1 => template.temporal += 1,
                2 => {
                    template.temporal = 0;
                    template.spatial += 1;
                }
                _ => break,
            }
            if template.spatial >= SPATIAL_LAYERS {
                return None;
            }
        }
        Some(template.spatial + 1)
    }

    /// Reads `template_chains()`.
    fn read_chains(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.chains = bits.non_symmetric(self.targets + 1)?;
        if self.chains == 0 {
            return Some(());
        }
        for _ in 0..self.targets {
            bits.non_symmetric(self.chains)?;
        }
        for _ in 0..self.count {
            for _ in 0..self.chains {
                bits.take(4)?;
            }
        }
        Some(())
    }

    /// A decode target has the layers of the templates that are in it.
    fn find_targets(&mut self) {
        for (target, layers) in (0..self.targets).zip(&mut self.target_layers) {
            let templates = self.templates.iter().take(self.count);
            for template in templates.filter(|template| template.indication(target) != NOT_PRESENT) {
                layers.0 = layers.0.max(template.spatial);
                layers.1 = layers.1.max(template.temporal);
            }
        }
    }

    fn templates(&self) -> &[Template] {
        self.templates.get(..self.count).unwrap_or_default()
    }

    /// Spatial layers of the decode targets in a set.
    fn layers(&self, active: u32) -> u8 {
        let targets = (0..self.targets).zip(&self.target_layers);
        let sent = targets.filter(|(target, _)| active >> target & 1 != 0);
        sent.map(|(_, (spatial, _))| spatial + 1).max().unwrap_or(0)
    }

    /// Reads `frame_dependency_definition()`: what a frame has otherwise than its template.
    fn frame(&self, template: Template, flags: Flags, bits: &mut Bits<'_>) -> Option<Template> {
        let mut frame = template;
        if flags.custom_indications {
            frame.indications = bits.indications(self.targets)?;
        }
        if flags.custom_references {
            frame.refers = false;
            loop {
                let size = bits.take(2)?;
                if size == 0 {
                    break;
                }
                bits.take(4 * size)?;
                frame.refers = true;
            }
        }
        if flags.custom_chains {
            for _ in 0..self.chains {
                bits.take(8)?;
            }
        }
        Some(frame)
    }

    fn describe(&self, frame: &Template) -> Described {
        let targets = || (0..self.targets).zip(&self.target_layers);
        let own = targets().find(|(_, layers)| **layers == (frame.spatial, frame.temporal));
        let mut present = targets().filter(|(target, _)| frame.indication(*target) != NOT_PRESENT);
        let mut above = targets().filter(|(_, (spatial, _))| *spatial > frame.spatial);
        Described {
            spatial: frame.spatial,
            temporal: frame.temporal,
            independent: !frame.refers,
            sync: own.is_some_and(|(target, _)| frame.indication(target) == SWITCH),
            switching_up: present.all(|(target, _)| frame.indication(target) == SWITCH),
            discardable: above.all(|(target, _)| frame.indication(target) == NOT_PRESENT),
        }
    }
}

/// Reads bits, the highest of each byte first.
struct Bits<'a> {
    data: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    /// The next `count` bits as a number, at most 32; `None` behind the end.
    fn take(&mut self, count: u32) -> Option<u32> {
        let (mut value, mut left) = (0u32, usize::try_from(count).ok()?);
        while left > 0 {
            let byte = u32::from(*self.data.get(self.position / 8)?);
            let unread = 8 - self.position % 8;
            let taken = left.min(unread);
            value = value << taken | (byte >> (unread - taken) & ((1 << taken) - 1));
            self.position += taken;
            left -= taken;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit != 0)
    }

    /// A number below `limit` (A.8.2, `ns(n)`).
    fn non_symmetric(&mut self, limit: u32) -> Option<u32> {
        let width = u32::BITS - limit.leading_zeros();
        let shorter = (1u32 << width) - limit;
        let value = self.take(width.checked_sub(1)?)?;
        if value < shorter {
            return Some(value);
        }
        Some((value << 1) - shorter + self.take(1)?)
    }

    /// Two bits for each decode target.
    fn indications(&mut self, targets: u32) -> Option<u64> {
        let mut indications = 0;
        for target in 0..targets {
            indications |= u64::from(self.take(2)?) << (2 * target);
        }
        Some(indications)
    }
}

/// Whether a frame number is before another, over wraps.
const fn is_older(number: u16, than: u16) -> bool {
    number.wrapping_sub(than).cast_signed() < 0
}

#[expect(clippy::cast_possible_truncation, reason = "the field has 16 bits")]
const fn low_half(value: u32) -> u16 {
    value as u16
}

const _: () = assert!(MAX_SPATIAL <= SPATIAL_LAYERS as usize && MAX_TEMPORAL <= 8);

#[cfg(test)]
#[path = "dependency_descriptor_tests.rs"]
mod tests;
