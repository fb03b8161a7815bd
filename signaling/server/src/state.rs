//! What the server remembers over restarts: the core's records of rooms, in a database in a folder of the operator's.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use conclave_signaling_core::{Record, RoomHash};
use redb::{Database, ReadableTable as _, TableDefinition};
use thiserror::Error;

use crate::private_folder;

/// The database's file in the folder.
const FILE: &str = "state.redb";
/// A room's hash; until when its record counts, in seconds since 1970; and what its link is good for, sealed. A record
/// without that says that the room was burnt.
const ROOMS: TableDefinition<'_, &[u8; 32], (u64, Option<&[u8]>)> = TableDefinition::new("rooms-1");
/// Changes that wait to be written. When there are more the newest is lost and an error logged.
const QUEUE: usize = 65_536;
/// When a change that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Why nothing can be remembered.
#[derive(Debug, Error)]
pub enum StateError {
    /// The folder cannot be made.
    #[error("cannot make the folder {path}: {error} (--state-folder names another one)")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process has it open.
    #[error("another server uses the folder {path}: every server needs a --state-folder of its own")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// The database cannot be read or written.
    #[error(
        "cannot use the database {path}: {error} (without the file the server starts and remembers nothing)"
    )]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        error: Box<redb::Error>,
    },
    /// The operating system refused a thread.
    #[error("cannot start the thread that writes the state: {0}")]
    Thread(io::Error),
}

/// A record that still counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) room: RoomHash,
    pub(crate) record: Record,
    /// For how long.
    pub(crate) left: Duration,
}

/// What is to be kept of a room and until when, in seconds since 1970; nothing when it is to be forgotten.
type Change = (RoomHash, Option<(u64, Record)>);

/// The way to the thread that writes.
pub(crate) struct Writer(SyncSender<Change>);

impl Writer {
    /// Has it kept for as long; on the disk within moments.
    pub(crate) fn remember(&self, room: RoomHash, record: Record, keep: Duration) {
        let until = unix().saturating_add(keep.as_secs());
        self.send((room, Some((until, record))));
    }

    pub(crate) fn forget(&self, room: RoomHash) {
        self.send((room, None));
    }

    fn send(&self, change: Change) {
        if let Err(TrySendError::Full(_)) = self.0.try_send(change) {
            tracing::error!("the state folder is too slow: a change is lost");
        }
    }
}

/// The open database.
pub(crate) struct State(JoinHandle<()>);

impl State {
    /// Opens the folder's database, or makes one. Returns what is remembered; what counts no longer is deleted.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Writer, Vec<Kept>), StateError> {
        private_folder::make(folder).map_err(|error| StateError::Folder {
            path: folder.to_owned(),
            error,
        })?;
        let path = folder.join(FILE);
        let failed = |error: redb::Error| match error {
            redb::Error::DatabaseAlreadyOpen => StateError::InUse {
                path: folder.to_owned(),
            },
            error => StateError::Database {
                path: path.clone(),
                error: Box::new(error),
            },
        };
        let database = Database::create(&path).map_err(|error| failed(error.into()))?;
        let kept = read(&database, unix()).map_err(failed)?;
        let (changes, queue) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name(String::from("state"))
            .spawn(move || write_all(&database, &queue))
            .map_err(StateError::Thread)?;
        Ok((Self(thread), Writer(changes), kept))
    }

    /// Waits until everything is written; the [`Writer`] must be gone.
    pub(crate) fn close(self) {
        // A thread that panicked has told why.
        let _ = self.0.join();
    }
}

/// What counts at a time, in seconds since 1970; the rest is deleted.
fn read(database: &Database, now: u64) -> Result<Vec<Kept>, redb::Error> {
    let transaction = database.begin_write()?;
    let mut kept = Vec::new();
    {
        let mut table = transaction.open_table(ROOMS)?;
        table.retain(|_, (until, _)| until > now)?;
        for entry in table.iter()? {
            let (room, value) = entry?;
            let (until, terms) = value.value();
            kept.push(Kept {
                room: RoomHash(*room.value()),
                record: terms.map_or(Record::Burnt, |sealed| Record::Terms(sealed.into())),
                left: Duration::from_secs(until - now),
            });
        }
    }
    transaction.commit()?;
    Ok(kept)
}

/// Writes until the other end is gone; what comes in the meantime goes into one transaction.
fn write_all(database: &Database, queue: &Receiver<Change>) {
    let mut pending: HashMap<RoomHash, Option<(u64, Record)>> = HashMap::new();
    loop {
        let next = if pending.is_empty() {
            queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            queue.recv_timeout(RETRY)
        };
        let is_over = matches!(next, Err(RecvTimeoutError::Disconnected));
        pending.extend(next);
        pending.extend(queue.try_iter());
        match write(database, &pending) {
            Ok(()) => pending.clear(),
            Err(error) => tracing::error!(%error, "the state cannot be written"),
        }
        if is_over {
            return;
        }
    }
}

fn write(database: &Database, changes: &HashMap<RoomHash, Option<(u64, Record)>>) -> Result<(), redb::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(ROOMS)?;
        for (room, change) in changes {
            match change {
                Some((until, Record::Burnt)) => table.insert(&room.0, (*until, None))?,
                Some((until, Record::Terms(sealed))) => table.insert(&room.0, (*until, Some(&**sealed)))?,
                None => table.remove(&room.0)?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

fn unix() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomHash = RoomHash([1; 32]);
    const OTHER: RoomHash = RoomHash([2; 32]);
    const DAY: Duration = Duration::from_secs(86_400);

    fn terms() -> Record {
        Record::Terms([3, 4, 5].as_slice().into())
    }

    fn records(folder: &Path) -> HashMap<RoomHash, Record> {
        let (state, writer, kept) = State::open(folder).unwrap();
        drop(writer);
        state.close();
        kept.into_iter().map(|kept| (kept.room, kept.record)).collect()
    }

    #[test]
    fn what_was_written_last_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let (state, writer, kept) = State::open(&folder.path().join("new")).unwrap();
        assert_eq!(kept, []);
        writer.remember(ROOM, terms(), DAY);
        writer.remember(OTHER, terms(), DAY);
        writer.remember(ROOM, Record::Burnt, DAY);
        drop(writer);
        state.close();
        let folder = folder.path().join("new");
        assert_eq!(
            records(&folder),
            HashMap::from([(ROOM, Record::Burnt), (OTHER, terms())])
        );
        let (state, writer, _) = State::open(&folder).unwrap();
        writer.forget(OTHER);
        drop(writer);
        state.close();
        assert_eq!(records(&folder), HashMap::from([(ROOM, Record::Burnt)]));
    }

    #[test]
    fn what_counts_no_longer_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(folder.path().join(FILE)).unwrap();
        let changes = HashMap::from([
            (ROOM, Some((1_000, Record::Burnt))),
            (OTHER, Some((1_001, terms()))),
        ]);
        write(&database, &changes).unwrap();
        let kept = read(&database, 1_000).unwrap();
        let left = Duration::from_secs(1);
        assert_eq!(
            kept,
            [Kept {
                room: OTHER,
                record: terms(),
                left
            }]
        );
        assert_eq!(read(&database, 0).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_that_is_in_use_or_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = State::open(folder.path()).unwrap();
        let refused = State::open(folder.path()).err().unwrap();
        assert!(matches!(refused, StateError::InUse { .. }), "{refused}");
        drop(open.1);
        open.0.close();
        std::fs::write(folder.path().join(FILE), "no database").unwrap();
        let refused = State::open(folder.path()).err().unwrap();
        assert!(matches!(refused, StateError::Database { .. }), "{refused}");
        let under_a_file = folder.path().join(FILE).join("folder");
        let refused = State::open(&under_a_file).err().unwrap();
        assert!(matches!(refused, StateError::Folder { .. }), "{refused}");
    }
}
