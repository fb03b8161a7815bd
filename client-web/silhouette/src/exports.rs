//! The module's face in the browser: plain numbers and addresses in its memory, for one silhouette.
//!
//! Every function is called from one worker, one at a time, and an address holds until the next call.

use std::cell::RefCell;

use crate::Silhouette;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SILHOUETTE: RefCell<Option<Silhouette>> = const { RefCell::new(None) };
}

/// Room for `length` bytes that go in: first the network's file, then pictures.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn buffer(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// Takes the network in the buffer; 1 when it can be run.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn load() -> i32 {
    let silhouette = BUFFER.with_borrow(|buffer| Silhouette::new(buffer)).ok();
    let known = silhouette.is_some();
    SILHOUETTE.set(silhouette);
    i32::from(known)
}

/// Height of the pictures it takes.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn height() -> usize {
    SILHOUETTE.with_borrow(|silhouette| silhouette.as_ref().map_or(0, |silhouette| silhouette.size().0))
}

/// Width of the pictures it takes.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn width() -> usize {
    SILHOUETTE.with_borrow(|silhouette| silhouette.as_ref().map_or(0, |silhouette| silhouette.size().1))
}

/// Takes the picture in the buffer apart.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn look() {
    SILHOUETTE.with_borrow_mut(|silhouette| {
        if let Some(silhouette) = silhouette {
            BUFFER.with_borrow(|buffer| silhouette.look(buffer));
        }
    });
}

/// Where the mask of the last picture is.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mask() -> *const u8 {
    SILHOUETTE.with_borrow(|silhouette| {
        silhouette
            .as_ref()
            .map_or(std::ptr::null(), |silhouette| silhouette.mask().as_ptr())
    })
}

/// Where the room of the last picture is.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn room() -> *const u8 {
    SILHOUETTE.with_borrow(|silhouette| {
        silhouette
            .as_ref()
            .map_or(std::ptr::null(), |silhouette| silhouette.room().as_ptr())
    })
}
