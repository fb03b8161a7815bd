//! A camera's picture taken apart: where the person is, and the room behind them made unrecognisable.

use crate::layers::count;
use crate::network::{Network, UnknownNetwork};

/// Below the first share of person a pixel is all room, above the second all person.
const ROOM: f32 = 0.35;
const PERSON: f32 = 0.7;
/// Pixels of the picture on a side of one pixel of the room.
const COARSE: usize = 4;
/// How far a pixel of the room spreads in one of `PASSES`. Together they are nearly a Gaussian.
const REACH: usize = 2;
const PASSES: usize = 3;
/// What a person's pixel weighs in the room, so that also where nothing but person is there is a colour.
const LEAST_WEIGHT: f32 = 0.001;

/// Takes pictures of one size apart.
pub struct Silhouette {
    network: Network,
    height: usize,
    width: usize,
    mask: Vec<u8>,
    room: Vec<u8>,
}

impl Silhouette {
    /// With a network from a TensorFlow Lite file.
    pub fn new(file: &[u8]) -> Result<Self, UnknownNetwork> {
        let network = Network::read(file)?;
        let (height, width) = network.size();
        let room = vec![255; (height / COARSE) * (width / COARSE) * 4];
        Ok(Self {
            network,
            height,
            width,
            mask: vec![0; height * width * 4],
            room,
        })
    }

    /// Height and width of the pictures in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The person of the last picture: opaque where they are. Red, green, blue (zero) and opacity of each pixel.
    pub fn mask(&self) -> &[u8] {
        &self.mask
    }

    /// The room of the last picture, blurred, without the person; a quarter as high and as wide.
    pub fn room(&self) -> &[u8] {
        &self.room
    }

    /// Takes a picture of red, green, blue and opacity bytes apart.
    pub fn look(&mut self, picture: &[u8]) {
        let colours = picture.as_chunks::<4>().0;
        let shares = colours
            .iter()
            .flat_map(|[red, green, blue, _]| [red, green, blue].map(|value| f32::from(*value) / 255.0));
        let person = self.network.run(shares);
        let width = self.width;
        let coarse = width / COARSE;
        let mut sums = vec![[0.0; 4]; self.room.len() / 4];
        let pixels = colours
            .iter()
            .zip(person)
            .zip(self.mask.as_chunks_mut::<4>().0)
            .enumerate();
        for (index, (([red, green, blue, _], person), mask)) in pixels {
            let share = opacity(*person);
            mask[3] = byte(share * 255.0);
            let weight = 1.0 - share + LEAST_WEIGHT;
            if let Some(sum) = sums.get_mut(index / width / COARSE * coarse + index % width / COARSE) {
                for (sum, value) in sum.iter_mut().zip([*red, *green, *blue, 1]) {
                    *sum += f32::from(value) * weight;
                }
            }
        }
        for _ in 0..PASSES {
            sums = turned(&spread(&sums, coarse), coarse);
            let rows = self.height / COARSE;
            sums = turned(&spread(&sums, rows), rows);
        }
        for (place, [red, green, blue, weight]) in self.room.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
            *place = [byte(red / weight), byte(green / weight), byte(blue / weight), 255];
        }
    }
}

/// How much of a pixel is shown, for how much of it is a person. What is no number is room.
fn opacity(person: f32) -> f32 {
    let share = ((person - ROOM) / (PERSON - ROOM)).clamp(0.0, 1.0);
    if share.is_nan() { 0.0 } else { share }
}

/// Each value becomes the mean of its neighbours in its row.
fn spread(values: &[[f32; 4]], width: usize) -> Vec<[f32; 4]> {
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width) {
        for x in 0..width {
            let neighbours = row
                .get(x.saturating_sub(REACH)..(x + REACH + 1).min(width))
                .unwrap_or(&[]);
            let mut mean = [0.0; 4];
            for neighbour in neighbours {
                for (mean, value) in mean.iter_mut().zip(neighbour) {
                    *mean += value / count(neighbours.len());
                }
            }
            out.push(mean);
        }
    }
    out
}

/// Rows become columns.
fn turned(values: &[[f32; 4]], width: usize) -> Vec<[f32; 4]> {
    (0..width)
        .flat_map(|column| values.iter().skip(column).step_by(width))
        .copied()
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest value of a byte, and no number becomes 0"
)]
fn byte(value: f32) -> u8 {
    (value + 0.5) as u8
}
