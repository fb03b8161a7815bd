//! The HTTP API: one file per resource.

pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod origin;
pub(crate) mod problem;
pub(crate) mod redirect;
pub(crate) mod rooms;
pub(crate) mod tree;
