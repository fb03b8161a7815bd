//! Frames between sessions.
