//! Fuzz targets: hostile MLS bytes and hostile message sequences must never panic or touch another session.
