//! One peer from first check to goodbye.
