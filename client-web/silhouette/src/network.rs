//! A network as it lies in a TensorFlow Lite file: read once, then run on picture after picture.

use crate::flatbuffer::Table;
use crate::layers::{
    Curve, Volume, Weights, Window, add, bend, convolve, convolve_each, enlarge, mean, scale, spread,
};

/// The file is none that this can run: cut short, or with layers that are not known here.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownNetwork;

/// Runs a network from one picture to one mask.
pub(crate) struct Network {
    layers: Vec<Layer>,
    /// What each layer answers, by the tensor's index in the file. Empty for weights.
    volumes: Vec<Volume>,
    input: usize,
    output: usize,
    gathered: Vec<f32>,
}

struct Layer {
    step: Step,
    out: usize,
}

enum Step {
    Convolve {
        input: usize,
        weights: Weights,
        window: Window,
    },
    ConvolveEach {
        input: usize,
        weights: Vec<f32>,
        bias: Vec<f32>,
        window: Window,
    },
    Spread {
        input: usize,
        weights: Vec<f32>,
        bias: f32,
        window: Window,
    },
    Bend {
        input: usize,
        curve: Curve,
    },
    Add {
        a: usize,
        b: usize,
    },
    Scale {
        input: usize,
        factors: usize,
    },
    Mean {
        input: usize,
    },
    Enlarge {
        input: usize,
    },
}

/// Codes of the layers in the file (`BuiltinOperator` of its schema).
mod code {
    pub(super) const ADD: i32 = 0;
    pub(super) const CONV_2D: i32 = 3;
    pub(super) const DEPTHWISE_CONV_2D: i32 = 4;
    pub(super) const DEQUANTIZE: i32 = 6;
    pub(super) const LOGISTIC: i32 = 14;
    pub(super) const MUL: i32 = 18;
    pub(super) const RELU: i32 = 19;
    pub(super) const RESIZE_BILINEAR: i32 = 23;
    pub(super) const CUSTOM: i32 = 32;
    pub(super) const MEAN: i32 = 40;
    pub(super) const HARD_SWISH: i32 = 117;
}

/// MediaPipe's own layer.
const SPREAD: &[u8] = b"Convolution2DTransposeBias";
/// Largest side, and most channels, of what a layer answers.
const LARGEST: usize = 1024;

impl Network {
    /// Reads a network of one input and one output from a TensorFlow Lite file.
    pub(crate) fn read(file: &[u8]) -> Result<Self, UnknownNetwork> {
        read(file).ok_or(UnknownNetwork)
    }

    /// Height and width of the picture that it wants.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.volumes
            .get(self.input)
            .map_or((0, 0), |input| (input.height, input.width))
    }

    /// The mask of a picture of red, green and blue from 0 to 1: how much of each pixel is a person, from 0 to 1.
    pub(crate) fn run(&mut self, picture: impl Iterator<Item = f32>) -> &[f32] {
        if let Some(input) = self.volumes.get_mut(self.input) {
            for (place, value) in input.values.iter_mut().zip(picture) {
                *place = value;
            }
        }
        for Layer { step, out } in &self.layers {
            let mut answer = self.volumes.get_mut(*out).map(std::mem::take).unwrap_or_default();
            step.run(&self.volumes, &mut self.gathered, &mut answer);
            if let Some(place) = self.volumes.get_mut(*out) {
                *place = answer;
            }
        }
        self.volumes.get(self.output).map_or(&[], |mask| &mask.values)
    }
}

impl Step {
    fn run(&self, volumes: &[Volume], gathered: &mut Vec<f32>, out: &mut Volume) {
        let none = Volume::default();
        let of = |index: &usize| volumes.get(*index).unwrap_or(&none);
        match self {
            Self::Convolve {
                input,
                weights,
                window,
            } => convolve(of(input), weights, *window, gathered, out),
            Self::ConvolveEach {
                input,
                weights,
                bias,
                window,
            } => {
                convolve_each(of(input), weights, bias, *window, out);
            }
            Self::Spread {
                input,
                weights,
                bias,
                window,
            } => spread(of(input), weights, *bias, *window, out),
            Self::Bend { input, curve } => bend(of(input), *curve, out),
            Self::Add { a, b } => add(of(a), of(b), out),
            Self::Scale { input, factors } => scale(of(input), of(factors), out),
            Self::Mean { input } => mean(of(input), out),
            Self::Enlarge { input } => enlarge(of(input), out),
        }
    }
}

/// What the file says, while it is read.
struct Reading<'a> {
    codes: Vec<Table<'a>>,
    tensors: Vec<Table<'a>>,
    /// Weights that are ready to use, by tensor.
    constants: Vec<Option<Vec<f32>>>,
    volumes: Vec<Volume>,
}

fn read(file: &[u8]) -> Option<Network> {
    let model = Table::root(file)?;
    let graph = *model.tables(2)?.first()?;
    let buffers = model.tables(4)?;
    let tensors = graph.tables(0)?;
    let mut reading = Reading {
        codes: model.tables(1)?,
        constants: tensors.iter().map(|tensor| constant(tensor, &buffers)).collect(),
        volumes: vec![Volume::default(); tensors.len()],
        tensors,
    };
    let (input, output) = (only(&graph.ints(1)?)?, only(&graph.ints(2)?)?);
    *reading.volumes.get_mut(input)? = reading.volume(input)?;
    let mut layers = Vec::new();
    for operator in graph.tables(3)? {
        layers.extend(reading.layer(&operator)?);
    }
    let whole = reading.volumes.get(input)?.channels == 3 && reading.volumes.get(output)?.channels == 1;
    whole.then_some(Network {
        layers,
        volumes: reading.volumes,
        input,
        output,
        gathered: Vec::new(),
    })
}

impl Reading<'_> {
    /// The layer of an operator; `Some(None)` for one that only unpacked weights.
    fn layer(&mut self, operator: &Table<'_>) -> Option<Option<Layer>> {
        let kind = *self
            .codes
            .get(usize::try_from(operator.int(0).unwrap_or(0)).ok()?)?;
        let kind_code = kind.int(3).unwrap_or(0).max(i32::from(kind.byte(0)));
        let inputs = operator.ints(1)?;
        let from = |index: usize| usize::try_from(*inputs.get(index)?).ok();
        let out = only(&operator.ints(2)?)?;
        if kind_code == code::DEQUANTIZE {
            let unpacked = self.constants.get_mut(from(0)?)?.take();
            *self.constants.get_mut(out)? = unpacked;
            return Some(None);
        }
        let input = from(0)?;
        let options = operator.table(4);
        let step = match kind_code {
            code::CONV_2D => {
                let weights = Weights::new(
                    self.constants.get(from(1)?)?.as_ref()?,
                    self.constants.get(from(2)?)?.as_ref()?,
                )?;
                Step::Convolve {
                    input,
                    weights,
                    window: self.window(from(1)?, options?.int(1)?)?,
                }
            }
            code::DEPTHWISE_CONV_2D => Step::ConvolveEach {
                input,
                window: self.window(from(1)?, options?.int(1)?)?,
                weights: self.constants.get(from(1)?)?.clone()?,
                bias: self.constants.get(from(2)?)?.clone()?,
            },
            code::CUSTOM if kind.bytes(1) == Some(SPREAD) => Step::Spread {
                input,
                window: self.window(from(1)?, 2)?,
                weights: self.constants.get(from(1)?)?.clone()?,
                bias: *self.constants.get(from(2)?)?.as_ref()?.first()?,
            },
            code::RELU => Step::Bend {
                input,
                curve: Curve::Relu,
            },
            code::HARD_SWISH => Step::Bend {
                input,
                curve: Curve::HardSwish,
            },
            code::LOGISTIC => Step::Bend {
                input,
                curve: Curve::Logistic,
            },
            code::ADD => Step::Add {
                a: input,
                b: from(1)?,
            },
            code::MUL => Step::Scale {
                input,
                factors: from(1)?,
            },
            code::MEAN => Step::Mean { input },
            code::RESIZE_BILINEAR => Step::Enlarge { input },
            _ => return None,
        };
        *self.volumes.get_mut(out)? = self.volume(out)?;
        Some(Some(Layer { step, out }))
    }

    fn window(&self, weights: usize, stride: i32) -> Option<Window> {
        let shape = self.tensors.get(weights)?.ints(0)?;
        let side = |index: usize| usize::try_from(*shape.get(index)?).ok();
        Some(Window {
            height: side(1)?,
            width: side(2)?,
            stride: usize::try_from(stride).ok()?,
        })
    }

    fn volume(&self, tensor: usize) -> Option<Volume> {
        let shape = self.tensors.get(tensor)?.ints(0)?;
        let [1, sides @ ..] = shape.as_slice() else {
            return None;
        };
        let mut sides = sides.iter().map(|side| {
            usize::try_from(*side)
                .ok()
                .filter(|side| (1..=LARGEST).contains(side))
        });
        Some(Volume::new(sides.next()??, sides.next()??, sides.next()??))
    }
}

fn only(list: &[i32]) -> Option<usize> {
    match list {
        [one] => usize::try_from(*one).ok(),
        _ => None,
    }
}

/// The weights in a tensor, if it has any.
fn constant(tensor: &Table<'_>, buffers: &[Table<'_>]) -> Option<Vec<f32>> {
    const FLOAT32: u8 = 0;
    const FLOAT16: u8 = 1;
    let bytes = buffers.get(usize::try_from(tensor.int(2)?).ok()?)?.bytes(0)?;
    match tensor.byte(1) {
        FLOAT32 => Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|chunk| f32::from_le_bytes(*chunk))
                .collect(),
        ),
        FLOAT16 => Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|chunk| widen(u16::from_le_bytes(*chunk)))
                .collect(),
        ),
        _ => None,
    }
}

/// A number of half precision (IEEE 754 binary16).
fn widen(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(half & 0x03ff) / 1024.0;
    match i32::from((half >> 10) & 0x1f) {
        0 => sign * fraction * 2f32.powi(-14),
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_half_precision_are_read() {
        for (half, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0, 0.0),
        ] {
            assert_eq!(widen(half), number);
        }
    }

    #[test]
    fn a_file_that_is_no_network_is_refused() {
        for file in [&[][..], &[0; 8], &[255; 64], b"\x1c\0\0\0TFL3\0\0\0\0"] {
            assert_eq!(Network::read(file).err(), Some(UnknownNetwork));
        }
    }
}
