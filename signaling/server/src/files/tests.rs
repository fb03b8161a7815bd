//! The store on a clock that the test moves.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

const MIB: u64 = 1 << 20;
const ROOM: RoomId = RoomId::new([1; 16]);
const OTHER_ROOM: RoomId = RoomId::new([2; 16]);

fn store() -> FileStore {
    let limits = FileLimits {
        file: 2 * MIB,
        room: 4 * MIB,
        total: 6 * MIB,
    };
    FileStore::new(std::env::temp_dir(), limits)
}

fn member(number: u8) -> ClientId {
    ClientId::new([number; 16])
}

fn file(number: u8) -> FileId {
    FileId::new([number; 16])
}

fn people(numbers: &[u8]) -> BTreeSet<ClientId> {
    numbers.iter().map(|number| member(*number)).collect()
}

/// Uploads every chunk.
fn upload(store: &FileStore, now: Instant, id: FileId, owner: u8) {
    let mut index = 0;
    loop {
        match store.place_for(now, ROOM, &id, member(owner), index) {
            Ok(Some(place)) => {
                place.slot.write(place.at, &vec![owner; place.length]).unwrap();
                store.written(now, ROOM, &id, index);
            }
            Ok(None) => {}
            Err(FileError::BadChunk) => return,
            Err(error) => panic!("{error}"),
        }
        index += 1;
    }
}

fn is_there(store: &FileStore, now: Instant, id: FileId) -> bool {
    store.find(now, ROOM, &id, member(9), 0).is_ok()
}

#[test]
fn a_file_is_read_once_it_is_whole_and_its_chunks_have_the_right_sizes() {
    let store = store();
    let now = Instant::now();
    let bytes = u64::from(CHUNK_BYTES) + 5;
    store
        .begin(now, ROOM, member(1), file(1), bytes, MAX_LIFETIME)
        .unwrap();
    let first = store
        .place_for(now, ROOM, &file(1), member(1), 0)
        .unwrap()
        .unwrap();
    assert_eq!((first.at, first.length), (0, 262_160));
    store.written(now, ROOM, &file(1), 0);
    assert!(!is_there(&store, now, file(1)), "half a file is not given out");
    let last = store
        .place_for(now, ROOM, &file(1), member(1), 1)
        .unwrap()
        .unwrap();
    assert_eq!((last.at, last.length), (262_160, 21));
    assert!(matches!(
        store.place_for(now, ROOM, &file(1), member(1), 2),
        Err(FileError::BadChunk)
    ));
    upload(&store, now, file(1), 1);
    let place = store.find(now, ROOM, &file(1), member(2), 1).unwrap();
    assert_eq!(place.slot.read(place.at, place.length).unwrap(), vec![1; 21]);
    assert!(matches!(
        store.find(now, ROOM, &file(1), member(2), 2),
        Err(FileError::BadChunk)
    ));
    assert!(matches!(
        store.find(now, OTHER_ROOM, &file(1), member(2), 0),
        Err(FileError::NotFound)
    ));
}

#[test]
fn an_empty_file_has_one_chunk_and_a_chunk_is_taken_once() {
    let store = store();
    let now = Instant::now();
    store
        .begin(now, ROOM, member(1), file(1), 0, MAX_LIFETIME)
        .unwrap();
    let place = store
        .place_for(now, ROOM, &file(1), member(1), 0)
        .unwrap()
        .unwrap();
    assert_eq!(place.length, 16);
    store.written(now, ROOM, &file(1), 0);
    assert!(
        store
            .place_for(now, ROOM, &file(1), member(1), 0)
            .unwrap()
            .is_none()
    );
}

#[test]
fn nobody_but_the_owner_writes() {
    let store = store();
    let now = Instant::now();
    store
        .begin(now, ROOM, member(1), file(1), 5, MAX_LIFETIME)
        .unwrap();
    assert!(matches!(
        store.place_for(now, ROOM, &file(1), member(2), 0),
        Err(FileError::NotFound)
    ));
}

#[test]
fn a_file_a_room_a_server_and_a_participant_have_their_bounds() {
    let store = store();
    let now = Instant::now();
    let begin = |room, owner, id, bytes| store.begin(now, room, member(owner), file(id), bytes, MAX_LIFETIME);
    assert!(matches!(begin(ROOM, 1, 1, 2 * MIB + 1), Err(FileError::TooLarge)));
    begin(ROOM, 1, 1, 2 * MIB).unwrap();
    begin(ROOM, 1, 2, 2 * MIB).unwrap();
    assert!(matches!(begin(ROOM, 1, 3, 1), Err(FileError::RoomFull)));
    begin(OTHER_ROOM, 2, 4, 2 * MIB).unwrap();
    assert!(matches!(begin(OTHER_ROOM, 2, 5, 1), Err(FileError::ServerFull)));
    store.release(ROOM, &file(1), member(1)).unwrap();
    for id in 10..30 {
        begin(OTHER_ROOM, 3, id, 0).unwrap();
    }
    assert!(matches!(begin(OTHER_ROOM, 3, 30, 0), Err(FileError::TooMany)));
    assert_eq!(store.stats().files, 22);
}

#[test]
fn it_goes_when_everybody_who_was_there_has_it_and_not_before() {
    let store = store();
    let start = Instant::now();
    store
        .begin(start, ROOM, member(1), file(1), 5, MAX_LIFETIME)
        .unwrap();
    upload(&store, start, file(1), 1);
    let settled = start + SETTLE;
    store.release(ROOM, &file(1), member(2)).unwrap();
    store.sweep(start, ROOM, &people(&[1, 2]));
    assert!(
        is_there(&store, start, file(1)),
        "somebody may just have come in and got the message"
    );
    store.sweep(settled, ROOM, &people(&[1, 2, 3, 4]));
    assert!(is_there(&store, settled, file(1)));
    // Somebody who comes later has not got its message and is not waited for; who leaves is not either.
    store.sweep(settled, ROOM, &people(&[1, 2, 3, 5]));
    assert!(is_there(&store, settled, file(1)));
    store.release(ROOM, &file(1), member(3)).unwrap();
    assert!(!is_there(&store, settled, file(1)));
    let stats = store.stats();
    assert_eq!(
        (stats.files, stats.bytes, stats.delivered, stats.dropped),
        (0, 0, 1, 0)
    );
}

#[test]
fn it_goes_at_its_end_with_its_room_and_when_its_upload_rests() {
    let store = store();
    let start = Instant::now();
    let minute = Duration::from_secs(60);
    let all = people(&[1, 2]);
    for id in 1..=3 {
        let lifetime = if id == 1 { minute } else { MAX_LIFETIME };
        store
            .begin(start, ROOM, member(1), file(id), 5, lifetime)
            .unwrap();
        if id != 3 {
            upload(&store, start, file(id), 1);
        }
    }
    store.sweep(start + minute, ROOM, &all);
    assert!(!is_there(&store, start, file(1)));
    assert!(is_there(&store, start, file(2)));
    assert_eq!(store.stats().files, 2);
    store.sweep(start + UPLOAD_REST, ROOM, &all);
    assert_eq!(store.stats().files, 1, "the upload that rests is gone");
    store.sweep(start + UPLOAD_REST, ROOM, &people(&[]));
    assert_eq!((store.stats().files, store.stats().bytes), (0, 0));
    assert_eq!(store.rooms(), []);
}

#[test]
fn an_expired_file_is_not_given_out_even_before_the_sweep() {
    let store = store();
    let start = Instant::now();
    let minute = Duration::from_secs(60);
    store.begin(start, ROOM, member(1), file(1), 5, minute).unwrap();
    upload(&store, start, file(1), 1);
    assert!(is_there(&store, start, file(1)));
    assert!(!is_there(&store, start + minute, file(1)));
}

#[test]
fn the_accounts_are_right_after_any_order_of_requests() {
    let mut random = StdRng::seed_from_u64(0xF11E);
    let store = store();
    let start = Instant::now();
    for step in 0..5_000_u64 {
        let now = start + Duration::from_millis(step * 50);
        let id = file(random.random_range(0..12));
        let who = member(random.random_range(1..4));
        let room = if random.random_bool(0.7) { ROOM } else { OTHER_ROOM };
        match random.random_range(0..6) {
            0 => {
                // Ids are random, so none is given out twice.
                if store.lock().file(&room, &id).is_err() {
                    let _ = store.begin(now, room, who, id, random.random_range(0..3 * MIB), MAX_LIFETIME);
                }
            }
            1 | 2 => {
                let index = random.random_range(0..9);
                if let Ok(Some(_)) = store.place_for(now, room, &id, who, index) {
                    store.written(now, room, &id, index);
                }
            }
            3 => drop(store.find(now, room, &id, who, random.random_range(0..9))),
            4 => drop(store.release(room, &id, who)),
            _ => store.sweep(now, room, &people(&[1, 2, 3])),
        }
        let inner = store.lock();
        let held: Vec<u64> = inner
            .rooms
            .values()
            .flat_map(HashMap::values)
            .map(|stored| reserved(stored.bytes))
            .collect();
        assert_eq!(inner.stats.files, held.len(), "step {step}");
        assert_eq!(inner.stats.bytes, held.iter().sum::<u64>(), "step {step}");
        assert!(inner.stats.bytes <= store.limits.total);
    }
    assert!(store.stats().delivered + store.stats().dropped > 10);
}
