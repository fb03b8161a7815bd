//! The ICE-lite agent: answers authenticated Binding requests and nobody else.
