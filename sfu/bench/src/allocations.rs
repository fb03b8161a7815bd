//! Counts what the SFU's threads allocate: everything but what the clients' thread does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// Whether this thread's allocations are the clients'.
    static EXCLUDED: Cell<bool> = const { Cell::new(false) };
}

/// From now on the calling thread's allocations do not count.
pub(crate) fn exclude_this_thread() {
    EXCLUDED.set(true);
}

/// Allocations so far.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Bytes allocated so far, freed or not.
pub(crate) fn bytes() -> u64 {
    BYTES.load(Ordering::Relaxed)
}

/// Bytes allocated and not freed. What one side allocates and the other frees, the texts of offers and answers, does
/// not cancel; it is small beside what is measured and goes both ways.
pub(crate) fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}

/// The system's allocator, counted.
struct Counting;

fn note(layout: Layout, allocations: u64, sign: i64) {
    if !EXCLUDED.try_with(Cell::get).unwrap_or(false) {
        let size = u64::try_from(layout.size()).unwrap_or(0);
        COUNT.fetch_add(allocations, Ordering::Relaxed);
        BYTES.fetch_add(allocations * size, Ordering::Relaxed);
        LIVE.fetch_add(
            sign * i64::try_from(layout.size()).unwrap_or(0),
            Ordering::Relaxed,
        );
    }
}

// SAFETY: everything is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout, 1, 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout, 0, -1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
