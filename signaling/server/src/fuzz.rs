//! Fuzz targets: configuration files are written by people and must never make the server panic.

use std::path::Path;

use crate::config;

/// A configuration file of arbitrary bytes gives a configuration or an error.
pub fn fuzz_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(layer) = config::from_toml(Path::new("conclave.toml"), &text) {
        // Which of the two it is does not matter.
        let _ = config::Config::from_settings(&layer);
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    #[test]
    fn a_mutated_configuration_never_panics() {
        let seed: &[u8] =
            b"listen = \"0.0.0.0:8080\"\nmedia = [\"1.2.3.4:5\", \"[::]:5\"]\nmax_connections = 12\n";
        let mut rng = SmallRng::seed_from_u64(1);
        for round in 0..20_000 {
            let mut data = seed.to_vec();
            for _ in 0..rng.random_range(1..8) {
                let at = rng.random_range(0..data.len());
                data[at] = rng.random();
            }
            if round % 4 == 0 {
                data.truncate(rng.random_range(0..data.len()));
            }
            fuzz_config(&data);
        }
    }
}
