//! Reads FlatBuffers without generated code: every access is checked, what is not there is `None`.

/// A table inside a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Table<'a> {
    /// The table that the buffer is about.
    pub(crate) fn root(bytes: &'a [u8]) -> Option<Self> {
        Some(Self {
            bytes,
            at: follow(bytes, 0)?,
        })
    }

    pub(crate) fn int(&self, field: usize) -> Option<i32> {
        word(self.bytes, self.place(field)?)
    }

    /// A byte; zero, as the format has it, when it was left out.
    pub(crate) fn byte(&self, field: usize) -> u8 {
        let place = self.place(field);
        place
            .and_then(|place| self.bytes.get(place))
            .copied()
            .unwrap_or(0)
    }

    pub(crate) fn table(&self, field: usize) -> Option<Self> {
        Some(Self {
            bytes: self.bytes,
            at: follow(self.bytes, self.place(field)?)?,
        })
    }

    /// The tables of a list; none when it was left out.
    pub(crate) fn tables(&self, field: usize) -> Option<Vec<Self>> {
        let (start, length) = self.list(field)?;
        (0..length)
            .map(|index| {
                let at = follow(self.bytes, start.checked_add(index.checked_mul(4)?)?)?;
                Some(Self {
                    bytes: self.bytes,
                    at,
                })
            })
            .collect()
    }

    pub(crate) fn ints(&self, field: usize) -> Option<Vec<i32>> {
        let (start, length) = self.list(field)?;
        let bytes = self
            .bytes
            .get(start..start.checked_add(length.checked_mul(4)?)?)?;
        Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|chunk| i32::from_le_bytes(*chunk))
                .collect(),
        )
    }

    pub(crate) fn bytes(&self, field: usize) -> Option<&'a [u8]> {
        let (start, length) = self.list(field)?;
        self.bytes.get(start..start.checked_add(length)?)
    }

    fn list(&self, field: usize) -> Option<(usize, usize)> {
        let start = follow(self.bytes, self.place(field)?)?;
        Some((start.checked_add(4)?, size(self.bytes, start)?))
    }

    /// Where a field is; none when it was left out.
    fn place(&self, field: usize) -> Option<usize> {
        let back = word(self.bytes, self.at)?;
        let fields = isize::try_from(self.at)
            .ok()?
            .checked_sub(isize::try_from(back).ok()?)?;
        let fields = usize::try_from(fields).ok()?;
        let entry = field.checked_mul(2)?.checked_add(4)?;
        if entry >= usize::from(short(self.bytes, fields)?) {
            return None;
        }
        match short(self.bytes, fields.checked_add(entry)?)? {
            0 => None,
            offset => self.at.checked_add(usize::from(offset)),
        }
    }
}

fn follow(bytes: &[u8], at: usize) -> Option<usize> {
    at.checked_add(size(bytes, at)?)
}

fn size(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(word(bytes, at)?).ok()
}

fn word(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
