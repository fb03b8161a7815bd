//! What a bot says and shows.

pub mod clip;
pub mod microphone;
pub mod sound;
pub mod stamp;
pub mod voice;
