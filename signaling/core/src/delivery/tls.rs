//! A reader for the presentation language of MLS (RFC 9420 §2.1), for the few structures that openmls does not open up.

/// Reads from the front of a byte string. Every step is `None` when the bytes are not there or not canonical.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A variable-size vector's content (RFC 9420 §2.1.2).
    pub(crate) fn vector(&mut self) -> Option<&'a [u8]> {
        let len = self.length()?;
        self.take(len)
    }

    fn length(&mut self) -> Option<usize> {
        let first = self.u8()?;
        let low = usize::from(first & 0x3f);
        let (len, least) = match first >> 6 {
            0 => (low, 0),
            1 => (low << 8 | usize::from(self.u8()?), 1 << 6),
            2 => {
                let [a, b, c] = self.array()?;
                (
                    low << 24 | usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
                    1 << 14,
                )
            }
            _ => return None,
        };
        // A longer header than needed must be refused (RFC 9420 §2.1.2).
        (len >= least).then_some(len)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.0.len()
    }
}

/// Appends a variable-size vector with this content; `None` above 2^30 bytes.
pub(crate) fn put_vector(out: &mut Vec<u8>, content: &[u8]) -> Option<()> {
    let len = u32::try_from(content.len()).ok()?;
    match len {
        0..0x40 => out.push(u8::try_from(len).ok()?),
        0x40..0x4000 => out.extend_from_slice(&(0x4000 | u16::try_from(len).ok()?).to_be_bytes()),
        0x4000..0x4000_0000 => out.extend_from_slice(&(0x8000_0000 | len).to_be_bytes()),
        _ => return None,
    }
    out.extend_from_slice(content);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_vector_is_read_back_at_every_header_size() {
        for len in [0, 1, 63, 64, 16_383, 16_384, 70_000] {
            let content = vec![7; len];
            let mut bytes = Vec::new();
            put_vector(&mut bytes, &content).unwrap();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.vector(), Some(&content[..]));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_header_longer_than_needed_is_refused() {
        assert_eq!(Reader::new(&[0x40, 0x01, 9]).vector(), None);
        assert_eq!(Reader::new(&[0x80, 0, 0, 0x01, 9]).vector(), None);
    }

    #[test]
    fn a_vector_longer_than_the_input_is_refused() {
        assert_eq!(Reader::new(&[5, 1, 2]).vector(), None);
    }
}
