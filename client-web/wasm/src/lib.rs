//! The browser's thin face of conclave-e2ee.
