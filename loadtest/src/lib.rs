//! Headless participants that speak the whole protocol, scenarios, measures.
