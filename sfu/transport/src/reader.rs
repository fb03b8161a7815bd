//! Bounds-checked big-endian reads and writes, so that no parser here can index out of range.

/// Reads a `u16` at `at`, if it is all there.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let chunk = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*chunk))
}

/// Reads the low 24 bits of a `u32` at `at`.
pub(crate) fn u24_at(bytes: &[u8], at: usize) -> Option<u32> {
    let &[a, b, c] = bytes.get(at..)?.first_chunk::<3>()?;
    Some(u32::from_be_bytes([0, a, b, c]))
}

/// Reads a `u32` at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*chunk))
}

/// Reads a `u64` at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*chunk))
}

/// Overwrites `data.len()` bytes at `at`; `None` (and no change) when they do not fit.
pub(crate) fn put(bytes: &mut [u8], at: usize, data: &[u8]) -> Option<()> {
    let end = at.checked_add(data.len())?;
    bytes.get_mut(at..end)?.copy_from_slice(data);
    Some(())
}
