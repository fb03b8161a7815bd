//! A file on disk that has no name: it is gone with its last reader, and with the process however that ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use conclave_wire::id::FileId;

/// Bytes that can be written and read at any place.
pub(crate) struct Slot(File);

impl Slot {
    /// A new, empty one in this folder.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let mut random = [0; FileId::LEN];
        getrandom::fill(&mut random).map_err(|_| io::Error::other("no random bytes"))?;
        let path = folder.join(format!(".conclave-{}", FileId::new(random).to_text()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        // Before the first byte is in it; the kernel keeps the contents while the descriptor is open.
        std::fs::remove_file(&path)?;
        Ok(Self(file))
    }

    /// Blocks while it writes.
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    /// Blocks while it reads.
    pub(crate) fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_bytes_and_leaves_no_name_in_its_folder() {
        let folder = std::env::temp_dir().join(format!("conclave-slot-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let slot = Slot::create(&folder).unwrap();
        slot.write(7, b"ciphertext").unwrap();
        assert_eq!(slot.read(9, 5).unwrap(), b"phert");
        assert!(slot.read(9, 50).is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir(&folder).unwrap();
        assert!(Slot::create(&folder).is_err());
    }
}
