//! The certificate and its key: phones that have pinned it stay with us.

use super::legacy::Legacy;
use super::report::Outcome::{Damaged, Kept, Skipped, Taken};
use super::report::{ItemKind, Report, Verdict};
use super::Error;
use crate::files;
use crate::protocol::limits;
use crate::tls::CertificateFiles;
use std::path::{Path, PathBuf};

const CERTIFICATE: &str = "bridge/tls/bridge-cert.pem";
const KEY: &str = "bridge/tls/bridge-key.pem";

/// The texts of a pair that is to be taken.
pub(super) struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Decides what becomes of the old pair; returns it if it is to be taken.
pub(super) fn plan(legacy: &Legacy, state_dir: &Path, report: &mut Report) -> Option<Pair> {
    let read = |name: &str| {
        let file = legacy.read(&legacy.path(name)?, limits::CERTIFICATE_BYTES as usize);
        file.map_err(|why| format!("`{name}`: {why}")).transpose()
    };
    let pair = match (read(CERTIFICATE), read(KEY)) {
        (None, None) => return None,
        (Some(Err(why)), _) | (_, Some(Err(why))) => Err(Damaged.because(why)),
        (None, _) => Err(Skipped.because(format!("half a pair: there is no `{CERTIFICATE}`"))),
        (_, None) => Err(Skipped.because(format!("half a pair: there is no `{KEY}`"))),
        (Some(Ok(certificate)), Some(Ok(key))) => Ok(Pair { certificate, key }),
    };
    let verdict = pair.as_ref().map_or_else(Clone::clone, |pair| pair.verdict(state_dir));
    let is_taken = verdict.0 == Taken;
    report.add(ItemKind::CERTIFICATE, CERTIFICATE, verdict);
    pair.ok().filter(|_| is_taken)
}

impl Pair {
    fn verdict(&self, state_dir: &Path) -> Verdict {
        let (certificate, key) = (PathBuf::from(CERTIFICATE), PathBuf::from(KEY));
        let old = CertificateFiles { certificate, key, generate: false };
        let info = match old.check(&self.certificate, &self.key) {
            Ok(info) => info,
            Err(error) => return Damaged.because(error.to_string()),
        };
        let own = own(state_dir);
        let compare =
            |path, text: &[u8]| files::read_if_exists(path).map(|own| own.map(|own| own == text));
        match (compare(&own.certificate, &self.certificate), compare(&own.key, &self.key)) {
            (Err(error), _) | (_, Err(error)) => {
                Kept.because(format!("the bridge has one that cannot be read: {error}"))
            }
            (Ok(Some(true)), Ok(Some(true))) => Kept.because("it is there already"),
            // Also what an interrupted import has left.
            (Ok(None | Some(true)), Ok(None | Some(true))) => {
                let warning = info.warning(crate::calendar::now_ms());
                let warning = warning.map(|text| format!("; it {text}")).unwrap_or_default();
                Taken.because(format!("fingerprint {}{warning}", info.fingerprint))
            }
            _ => Kept.because(format!(
                "the bridge has another one, from its first start or from you. Nodes that pinned \
                 the old one ({}) refuse that. To have the old one, remove both files in \
                 bridge/tls of the state directory and import again; nodes that pinned the new \
                 one have to forget it",
                info.fingerprint
            )),
        }
    }

    /// On disk when this returns.
    pub(super) fn write(&self, state_dir: &Path) -> Result<(), Error> {
        own(state_dir).write(&self.certificate, &self.key).map_err(Error::state)
    }
}

fn own(state_dir: &Path) -> CertificateFiles {
    CertificateFiles::new(state_dir, None, None, false)
}
