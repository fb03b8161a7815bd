//! What the SFU forwards to whom: rooms, tracks, subscriptions, negotiation. Sans-IO.
