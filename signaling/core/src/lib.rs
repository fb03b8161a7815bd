//! Rooms, roster, permissions and the MLS delivery service. Sans-IO.
