//! The one instant tests and fuzz targets count from: `Instant` has no other beginning.

/// Any instant.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock; what follows is arithmetic"
)]
pub(crate) fn epoch() -> std::time::Instant {
    std::time::Instant::now()
}
