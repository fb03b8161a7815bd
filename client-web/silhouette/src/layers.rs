//! The layers of a small convolutional network, over pictures whose channels lie side by side.

/// Channels that are computed together: two registers of 128 bits.
pub(crate) const LANES: usize = 8;
/// Pixels that share one pass over the weights.
const PIXELS: usize = 4;

/// Values of a picture: rows of pixels of channels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Volume {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f32>,
}

impl Volume {
    pub(crate) fn new(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
            values: vec![0.0; height * width * channels],
        }
    }

    /// A pixel's channels; none outside of the picture.
    fn pixel(&self, y: Option<usize>, x: Option<usize>) -> Option<&[f32]> {
        let (y, x) = (y?, x?);
        if y >= self.height || x >= self.width {
            return None;
        }
        let start = (y * self.width + x) * self.channels;
        self.values.get(start..start + self.channels)
    }
}

/// How a window moves over a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

impl Window {
    /// Where the window at `position` begins; what is before the picture comes as `None` from `checked_sub`.
    fn padding(extent: usize, out: usize, size: usize, stride: usize) -> usize {
        (out.saturating_sub(1) * stride + size).saturating_sub(extent) / 2
    }
}

/// Weights of a convolution, in the order they are used: blocks of `LANES` outputs, in them all inputs.
#[derive(Debug)]
pub(crate) struct Weights {
    blocks: Vec<[f32; LANES]>,
    bias: Vec<[f32; LANES]>,
    inputs: usize,
}

impl Weights {
    /// From weights in the file's order, all inputs of an output together. None when the numbers do not fit.
    pub(crate) fn new(values: &[f32], bias: &[f32]) -> Option<Self> {
        let outputs = bias.len();
        if outputs == 0
            || !outputs.is_multiple_of(LANES)
            || values.is_empty()
            || !values.len().is_multiple_of(outputs)
        {
            return None;
        }
        let inputs = values.len() / outputs;
        let mut blocks = Vec::with_capacity(values.len() / LANES);
        for block in values.chunks_exact(inputs * LANES) {
            for input in 0..inputs {
                let mut lanes = [0.0; LANES];
                for (lane, row) in lanes.iter_mut().zip(block.chunks_exact(inputs)) {
                    *lane = *row.get(input)?;
                }
                blocks.push(lanes);
            }
        }
        let bias = bias.as_chunks().0.to_vec();
        Some(Self { blocks, bias, inputs })
    }

    fn outputs(&self) -> usize {
        self.bias.len() * LANES
    }
}

/// A convolution; `gathered` is room for what the windows see.
pub(crate) fn convolve(
    input: &Volume,
    weights: &Weights,
    window: Window,
    gathered: &mut Vec<f32>,
    out: &mut Volume,
) {
    if (window.height, window.width, window.stride) == (1, 1, 1) {
        multiply(&input.values, weights, &mut out.values);
        return;
    }
    let top = Window::padding(input.height, out.height, window.height, window.stride);
    let left = Window::padding(input.width, out.width, window.width, window.stride);
    gathered.clear();
    let nothing = vec![0.0; input.channels];
    for y in 0..out.height {
        for x in 0..out.width {
            for row in 0..window.height {
                for column in 0..window.width {
                    let pixel = input.pixel(
                        (y * window.stride + row).checked_sub(top),
                        (x * window.stride + column).checked_sub(left),
                    );
                    gathered.extend_from_slice(pixel.unwrap_or(&nothing));
                }
            }
        }
    }
    multiply(gathered, weights, &mut out.values);
}

/// Every pixel's inputs times the weights.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn multiply(input: &[f32], weights: &Weights, out: &mut [f32]) {
    let (inputs, outputs) = (weights.inputs, weights.outputs());
    let (groups, rest) = (
        input.chunks_exact(inputs * PIXELS),
        input.chunks_exact(inputs * PIXELS).remainder(),
    );
    let mut results = out.chunks_exact_mut(outputs * PIXELS);
    for (group, result) in groups.zip(&mut results) {
        let (first, others) = group.split_at(inputs);
        let (second, others) = others.split_at(inputs);
        let (third, fourth) = others.split_at(inputs);
        for (block, (weights, bias)) in weights.blocks.chunks_exact(inputs).zip(&weights.bias).enumerate() {
            let mut sums = [*bias; PIXELS];
            for ((((lanes, a), b), c), d) in weights.iter().zip(first).zip(second).zip(third).zip(fourth) {
                for (sums, value) in sums.iter_mut().zip([a, b, c, d]) {
                    for (sum, weight) in sums.iter_mut().zip(lanes) {
                        *sum += value * weight;
                    }
                }
            }
            for (pixel, sums) in result.chunks_exact_mut(outputs).zip(&sums) {
                if let Some(place) = pixel.get_mut(block * LANES..(block + 1) * LANES) {
                    place.copy_from_slice(sums);
                }
            }
        }
    }
    for (pixel, result) in rest
        .chunks_exact(inputs)
        .zip(results.into_remainder().chunks_exact_mut(outputs))
    {
        for ((place, weights), bias) in result
            .chunks_exact_mut(LANES)
            .zip(weights.blocks.chunks_exact(inputs))
            .zip(&weights.bias)
        {
            let mut sums = *bias;
            for (lanes, value) in weights.iter().zip(pixel) {
                for (sum, weight) in sums.iter_mut().zip(lanes) {
                    *sum += value * weight;
                }
            }
            place.copy_from_slice(&sums);
        }
    }
}

/// A convolution in which each channel sees itself only.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn convolve_each(input: &Volume, weights: &[f32], bias: &[f32], window: Window, out: &mut Volume) {
    let top = Window::padding(input.height, out.height, window.height, window.stride);
    let left = Window::padding(input.width, out.width, window.width, window.stride);
    let width = out.width;
    for (index, sums) in out.values.chunks_exact_mut(out.channels).enumerate() {
        let (y, x) = (index / width, index % width);
        sums.copy_from_slice(bias);
        for (tap, weights) in weights.chunks_exact(input.channels).enumerate() {
            let row = y * window.stride + tap / window.width;
            let column = x * window.stride + tap % window.width;
            if let Some(pixel) = input.pixel(row.checked_sub(top), column.checked_sub(left)) {
                for ((sum, value), weight) in sums.iter_mut().zip(pixel).zip(weights) {
                    *sum += value * weight;
                }
            }
        }
    }
}

/// The opposite of a convolution: each pixel becomes a square of `window.height` by `window.width` pixels of one channel.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn spread(input: &Volume, weights: &[f32], bias: f32, window: Window, out: &mut Volume) {
    for (index, pixel) in input.values.chunks_exact(input.channels).enumerate() {
        let (y, x) = (index / input.width, index % input.width);
        for (tap, weights) in weights.chunks_exact(input.channels).enumerate() {
            let row = y * window.stride + tap / window.width;
            let column = x * window.stride + tap % window.width;
            if let Some(place) = out.values.get_mut(row * out.width + column) {
                *place = bias
                    + pixel
                        .iter()
                        .zip(weights)
                        .map(|(value, weight)| value * weight)
                        .sum::<f32>();
            }
        }
    }
}

/// What is done to every value by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Curve {
    Relu,
    HardSwish,
    Logistic,
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn bend(input: &Volume, curve: Curve, out: &mut Volume) {
    let pairs = out.values.iter_mut().zip(&input.values);
    match curve {
        Curve::Relu => pairs.for_each(|(out, value)| *out = value.max(0.0)),
        Curve::HardSwish => pairs.for_each(|(out, value)| *out = value * (value + 3.0).clamp(0.0, 6.0) / 6.0),
        Curve::Logistic => pairs.for_each(|(out, value)| *out = 1.0 / (1.0 + (-value).exp())),
    }
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn add(a: &Volume, b: &Volume, out: &mut Volume) {
    for ((out, a), b) in out.values.iter_mut().zip(&a.values).zip(&b.values) {
        *out = a + b;
    }
}

/// Each channel times its factor.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub(crate) fn scale(input: &Volume, factors: &Volume, out: &mut Volume) {
    let pixels = out
        .values
        .chunks_exact_mut(input.channels)
        .zip(input.values.chunks_exact(input.channels));
    for (out, pixel) in pixels {
        for ((out, value), factor) in out.iter_mut().zip(pixel).zip(&factors.values) {
            *out = value * factor;
        }
    }
}

/// The mean of each channel over the picture.
pub(crate) fn mean(input: &Volume, out: &mut Volume) {
    out.values.fill(0.0);
    for pixel in input.values.chunks_exact(input.channels) {
        for (sum, value) in out.values.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    let share = 1.0 / count(input.height * input.width);
    for sum in &mut out.values {
        *sum *= share;
    }
}

/// A larger picture, with what is between the pixels from the nearest four; pixels are squares, not points.
pub(crate) fn enlarge(input: &Volume, out: &mut Volume) {
    let rows = Between::all(input.height, out.height);
    let columns = Between::all(input.width, out.width);
    let mut pixels = out.values.chunks_exact_mut(out.channels);
    for row in &rows {
        for (column, out) in columns.iter().zip(&mut pixels) {
            let at = |y, x| input.pixel(Some(y), Some(x)).unwrap_or(&[]);
            let upper = at(row.before, column.before)
                .iter()
                .zip(at(row.before, column.after));
            let lower = at(row.after, column.before)
                .iter()
                .zip(at(row.after, column.after));
            for (out, ((a, b), (c, d))) in out.iter_mut().zip(upper.zip(lower)) {
                let upper = a + (b - a) * column.share;
                let lower = c + (d - c) * column.share;
                *out = upper + (lower - upper) * row.share;
            }
        }
    }
}

/// A place between two others.
struct Between {
    before: usize,
    after: usize,
    share: f32,
}

impl Between {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "places are small and clamped to be positive"
    )]
    fn all(from: usize, to: usize) -> Vec<Self> {
        let ratio = count(from) / count(to);
        (0..to)
            .map(|index| {
                let place = ((count(index) + 0.5) * ratio - 0.5).max(0.0);
                let before = (place as usize).min(from - 1);
                Self {
                    before,
                    after: (before + 1).min(from - 1),
                    share: place - count(before),
                }
            })
            .collect()
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "pictures have fewer than 2^24 pixels")]
pub(crate) fn count(number: usize) -> f32 {
    number as f32
}
