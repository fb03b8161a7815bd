//! A certificate that nobody vouches for, made once and kept: browsers ask again whenever it is another one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::TlsError;
use super::files::Files;
use crate::private_folder;

const CERTIFICATE: &str = "self-signed.pem";
const KEY: &str = "self-signed.key";

/// The pair in the folder; made for these names if there is none.
pub(super) fn kept(folder: &Path, names: &[String]) -> Result<Arc<Files>, TlsError> {
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    if !certificate.exists() {
        let made = rcgen::generate_simple_self_signed(names)?;
        let written = private_folder::make(folder)
            .and_then(|()| replace(&key, &made.signing_key.serialize_pem()))
            .and_then(|()| replace(&certificate, &made.cert.pem()));
        written.map_err(|error| TlsError::Folder {
            path: folder.to_owned(),
            error,
        })?;
    }
    Files::read(certificate, key)
}

/// Writes a file that only its owner reads, whole or not at all.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let half = path.with_extension("half");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)?;
    file.write_all(text.as_bytes())?;
    fs::rename(half, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_once_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let names = [String::from("localhost"), String::from("192.0.2.1")];
        let first = kept(&inner, &names).unwrap().first();
        assert_eq!(kept(&inner, &names).unwrap().first(), first);
        let mode = fs::metadata(inner.join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_file(inner.join(CERTIFICATE)).unwrap();
        assert_ne!(kept(&inner, &names).unwrap().first(), first);
    }
}
