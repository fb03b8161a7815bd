//! What a bot says and shows.

pub mod clip;
pub mod microphone;
pub mod stamp;
pub mod voice;
