//! Tells a person from the room behind them in a camera's picture, without a library and without a graphics card.
//!
//! The network is MediaPipe's selfie segmentation, read from its file; this runs it and blurs the room.
//! In the browser it is a module without glue: the page writes into `buffer`, calls, and reads where it is told.

mod flatbuffer;
mod layers;
mod network;
mod picture;

pub use network::UnknownNetwork;
pub use picture::Silhouette;

#[cfg(target_arch = "wasm32")]
mod exports;
