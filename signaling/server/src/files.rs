//! Ciphertext of shared files on its way from one member to the others: bounded, and forgotten as early as possible.
//!
//! A file has a fixed number of chunks; its space is reserved when it is begun, so no quota is overrun. It goes when every
//! member that was there has it, when its lifetime is over, when its upload rests too long, when its room is empty, and
//! with the process: on disk it has no name ([`slot`]).

mod pace;
mod slot;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use conclave_wire::id::{ClientId, FileId, RoomId};
use thiserror::Error;

use pace::Pace;
pub(crate) use slot::Slot;

/// Bytes of plaintext in every chunk but the last one.
pub(crate) const CHUNK_BYTES: u32 = 256 << 10;
/// What the encryption adds to each chunk (the tag of AES-GCM).
pub(crate) const TAG_BYTES: u32 = 16;
/// The longest and the usual lifetime of a file.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// An upload without a new chunk for so long is given up.
const UPLOAD_REST: Duration = Duration::from_secs(120);
/// How long after its last chunk a file's recipients are counted: its message is with everybody by then.
const SETTLE: Duration = Duration::from_secs(10);
/// Most files of one participant at a time, unfinished ones too.
const MAX_OF_PARTICIPANT: usize = 20;
/// Most files at a time: each is a file descriptor.
const MAX_FILES: usize = 1_000;
/// Most empty files would still hold descriptors and records: each counts as at least this many bytes.
const LEAST_RESERVED: u64 = 4 << 10;

/// Bounds in bytes of plaintext, from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileLimits {
    /// One file; 0 turns files off.
    pub(crate) file: u64,
    /// All files of one room.
    pub(crate) room: u64,
    /// All files.
    pub(crate) total: u64,
}

/// Why something was not done.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    /// Larger than a file may be.
    #[error("larger than a file may be")]
    TooLarge,
    /// The participant has as many files here as it may.
    #[error("too many files of this participant")]
    TooMany,
    /// The room holds as much as it may.
    #[error("the room is at its quota")]
    RoomFull,
    /// The server holds as much as it may.
    #[error("the server is at its quota")]
    ServerFull,
    /// No such file, or not for this participant, or not whole yet.
    #[error("no such file")]
    NotFound,
    /// The chunk's number or size does not fit the file.
    #[error("the chunk does not fit")]
    BadChunk,
    /// Faster than a participant may be.
    #[error("too fast")]
    TooFast(Duration),
    /// The disk refused.
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
}

/// What is held now and what happened, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileStats {
    pub(crate) files: usize,
    /// Reserved, not yet written chunks too.
    pub(crate) bytes: u64,
    /// Chunks that came and went out.
    pub(crate) chunks_in: u64,
    pub(crate) chunks_out: u64,
    /// Files that went because everybody had them.
    pub(crate) delivered: u64,
    /// Files that went for another reason.
    pub(crate) dropped: u64,
}

/// The files of all rooms.
pub(crate) struct FileStore {
    folder: PathBuf,
    limits: FileLimits,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    rooms: HashMap<RoomId, HashMap<FileId, Stored>>,
    paces: HashMap<ClientId, Pace>,
    stats: FileStats,
}

/// One file.
struct Stored {
    owner: ClientId,
    bytes: u64,
    slot: Arc<Slot>,
    /// Chunks that are not there yet.
    missing: BTreeSet<u32>,
    /// When the last chunk came, or the file was begun.
    touched: Instant,
    expires: Instant,
    /// Who shall get it; unknown until it is settled.
    recipients: Option<BTreeSet<ClientId>>,
    /// Who needs it no more.
    done: BTreeSet<ClientId>,
}

/// A chunk that may be written now: bytes of exactly this length at this place.
pub(crate) struct ChunkPlace {
    pub(crate) slot: Arc<Slot>,
    pub(crate) at: u64,
    pub(crate) length: usize,
}

impl FileStore {
    pub(crate) fn new(folder: PathBuf, limits: FileLimits) -> Self {
        Self {
            folder,
            limits,
            inner: Mutex::default(),
        }
    }

    /// Whether files can be kept in the folder.
    pub(crate) fn probe(&self) -> io::Result<()> {
        Slot::create(&self.folder).map(drop)
    }

    pub(crate) fn limits(&self) -> FileLimits {
        self.limits
    }

    /// Begins a file of `bytes` of plaintext; `id` must be fresh and random.
    pub(crate) fn begin(
        &self,
        now: Instant,
        room: RoomId,
        owner: ClientId,
        id: FileId,
        bytes: u64,
        lifetime: Duration,
    ) -> Result<(), FileError> {
        if bytes > self.limits.file || self.limits.file == 0 {
            return Err(FileError::TooLarge);
        }
        let chunks = chunks_of(bytes).ok_or(FileError::TooLarge)?;
        let mut inner = self.lock();
        let (in_room, own) = inner.rooms.get(&room).map_or((0, 0), |files| {
            let in_room = files.values().map(|file| reserved(file.bytes)).sum::<u64>();
            let own = files.values().filter(|file| file.owner == owner).count();
            (in_room, own)
        });
        if own >= MAX_OF_PARTICIPANT {
            return Err(FileError::TooMany);
        }
        let wanted = reserved(bytes);
        if in_room.saturating_add(wanted) > self.limits.room {
            return Err(FileError::RoomFull);
        }
        if inner.stats.bytes.saturating_add(wanted) > self.limits.total || inner.stats.files >= MAX_FILES {
            return Err(FileError::ServerFull);
        }
        let slot = Arc::new(Slot::create(&self.folder)?);
        let stored = Stored {
            owner,
            bytes,
            slot,
            missing: (0..chunks).collect(),
            touched: now,
            expires: now + lifetime.min(MAX_LIFETIME),
            recipients: None,
            done: BTreeSet::new(),
        };
        inner.stats.files += 1;
        inner.stats.bytes += wanted;
        inner.rooms.entry(room).or_default().insert(id, stored);
        Ok(())
    }

    /// Where the owner's chunk goes; `None` when it is there already.
    pub(crate) fn place_for(
        &self,
        now: Instant,
        room: RoomId,
        file: &FileId,
        owner: ClientId,
        index: u32,
    ) -> Result<Option<ChunkPlace>, FileError> {
        let mut inner = self.lock();
        let stored = inner.file(&room, file)?;
        if stored.owner != owner || stored.expires <= now {
            return Err(FileError::NotFound);
        }
        let place = stored.place(index)?;
        if !stored.missing.contains(&index) {
            return Ok(None);
        }
        inner.pace(now, owner)?;
        Ok(Some(place))
    }

    /// The chunk is on disk.
    pub(crate) fn written(&self, now: Instant, room: RoomId, file: &FileId, index: u32) {
        let mut inner = self.lock();
        // It may have gone meanwhile.
        if let Ok(stored) = inner.file(&room, file) {
            stored.touched = now;
            stored.missing.remove(&index);
            inner.stats.chunks_in += 1;
        }
    }

    /// Where a member finds a chunk of a whole file.
    pub(crate) fn find(
        &self,
        now: Instant,
        room: RoomId,
        file: &FileId,
        reader: ClientId,
        index: u32,
    ) -> Result<ChunkPlace, FileError> {
        let mut inner = self.lock();
        let stored = inner.file(&room, file)?;
        if !stored.missing.is_empty() || stored.expires <= now {
            return Err(FileError::NotFound);
        }
        let place = stored.place(index)?;
        inner.pace(now, reader)?;
        inner.stats.chunks_out += 1;
        Ok(place)
    }

    /// A member needs the file no more; its owner takes it back from everybody.
    pub(crate) fn release(&self, room: RoomId, file: &FileId, who: ClientId) -> Result<(), FileError> {
        let mut inner = self.lock();
        let stored = inner.file(&room, file)?;
        if stored.owner == who {
            inner.drop_files(&room, false, |id, _| id == file);
        } else {
            stored.done.insert(who);
            inner.drop_files(&room, true, |id, stored| id == file && stored.is_delivered());
        }
        Ok(())
    }

    /// The rooms that have files.
    pub(crate) fn rooms(&self) -> Vec<RoomId> {
        self.lock().rooms.keys().copied().collect()
    }

    /// Drops what is not needed any more in a room with these members; none means the room is over.
    pub(crate) fn sweep(&self, now: Instant, room: RoomId, present: &BTreeSet<ClientId>) {
        let mut inner = self.lock();
        if present.is_empty() {
            inner.drop_files(&room, false, |_, _| true);
            return;
        }
        inner.drop_files(&room, false, |_, stored| stored.is_over(now));
        for stored in inner
            .rooms
            .get_mut(&room)
            .into_iter()
            .flat_map(HashMap::values_mut)
        {
            stored.count_recipients(now, present);
        }
        inner.drop_files(&room, true, |_, stored| stored.is_delivered());
    }

    /// Forgets how fast participants were who have nothing to wait for.
    pub(crate) fn sweep_paces(&self, now: Instant) {
        self.lock().paces.retain(|_, pace| !pace.is_rested(now));
    }

    pub(crate) fn stats(&self) -> FileStats {
        self.lock().stats
    }

    /// Nothing panics while it holds the lock, and every step leaves the numbers right.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn file(&mut self, room: &RoomId, file: &FileId) -> Result<&mut Stored, FileError> {
        self.rooms
            .get_mut(room)
            .and_then(|files| files.get_mut(file))
            .ok_or(FileError::NotFound)
    }

    fn pace(&mut self, now: Instant, who: ClientId) -> Result<(), FileError> {
        self.paces
            .entry(who)
            .or_default()
            .take(now)
            .map_err(FileError::TooFast)
    }

    fn drop_files(&mut self, room: &RoomId, delivered: bool, goes: impl Fn(&FileId, &Stored) -> bool) {
        let Some(files) = self.rooms.get_mut(room) else {
            return;
        };
        let stats = &mut self.stats;
        files.retain(|id, stored| {
            let stays = !goes(id, stored);
            if !stays {
                stats.files = stats.files.saturating_sub(1);
                stats.bytes = stats.bytes.saturating_sub(reserved(stored.bytes));
                if delivered {
                    stats.delivered += 1;
                } else {
                    stats.dropped += 1;
                }
            }
            stays
        });
        if files.is_empty() {
            self.rooms.remove(room);
        }
    }
}

impl Stored {
    fn place(&self, index: u32) -> Result<ChunkPlace, FileError> {
        let chunks = chunks_of(self.bytes).ok_or(FileError::BadChunk)?;
        let last = chunks.saturating_sub(1);
        if index > last {
            return Err(FileError::BadChunk);
        }
        let begin = u64::from(index) * u64::from(CHUNK_BYTES);
        let plain = self.bytes.saturating_sub(begin).min(u64::from(CHUNK_BYTES));
        let length = usize::try_from(plain + u64::from(TAG_BYTES)).map_err(|_| FileError::BadChunk)?;
        Ok(ChunkPlace {
            slot: Arc::clone(&self.slot),
            at: u64::from(index) * u64::from(CHUNK_BYTES + TAG_BYTES),
            length,
        })
    }

    fn is_over(&self, now: Instant) -> bool {
        let rested = !self.missing.is_empty() && now.saturating_duration_since(self.touched) >= UPLOAD_REST;
        rested || self.expires <= now
    }

    fn count_recipients(&mut self, now: Instant, present: &BTreeSet<ClientId>) {
        match &mut self.recipients {
            Some(recipients) => recipients.retain(|member| present.contains(member)),
            None if self.missing.is_empty() && now.saturating_duration_since(self.touched) >= SETTLE => {
                let others = present.iter().filter(|member| **member != self.owner);
                self.recipients = Some(others.copied().collect());
            }
            None => {}
        }
    }

    fn is_delivered(&self) -> bool {
        self.recipients
            .as_ref()
            .is_some_and(|recipients| recipients.is_subset(&self.done))
    }
}

/// How many chunks a file of so many bytes has: at least one, so that an empty file is authenticated too.
fn chunks_of(bytes: u64) -> Option<u32> {
    u32::try_from(bytes.div_ceil(u64::from(CHUNK_BYTES)).max(1)).ok()
}

fn reserved(bytes: u64) -> u64 {
    bytes.max(LEAST_RESERVED)
}

#[cfg(test)]
mod tests;
