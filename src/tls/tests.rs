//! Pairs of files as people and power cuts leave them.

use super::certificate::{Certificate, CertificateInfo};
use super::validity::Validity;
use super::*;
use crate::calendar::{self, DAY_MS};
use crate::files::temp_name;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn files(dir: &Path, generate: bool) -> CertificateFiles {
    CertificateFiles::new(dir, None, None, generate)
}

/// A directory with a pair that was made in it.
fn made() -> (tempfile::TempDir, CertificateFiles, Certificate) {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path(), true);
    let certificate = files.load().unwrap();
    (dir, files, certificate)
}

fn error(files: &CertificateFiles) -> String {
    match files.load() {
        Err(error) => error.to_string(),
        Ok(certificate) => match Acceptor::new(certificate, false) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it can be used"),
        },
    }
}

#[test]
fn a_pair_is_made_once_private_and_for_ten_years() {
    let (dir, files, certificate) = made();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files.certificate), mode(&files.key)), (0o600, 0o600));
    assert_eq!(mode(&dir.path().join("bridge/tls")), 0o700);
    assert_eq!(fs::read_dir(dir.path().join("bridge/tls")).unwrap().count(), 2);
    let days = certificate.info.validity.unwrap().days_left(calendar::now_ms());
    assert!((3649..=3650).contains(&days), "{days}");
    assert_eq!(certificate.info.warning(calendar::now_ms()), None);
    let again = files.load().unwrap();
    assert_eq!(again.info, certificate.info);
    assert_eq!(CertificateInfo::read(&files.certificate).unwrap(), Some(again.info));
}

#[test]
fn none_is_made_where_none_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let said = error(&files(dir.path(), false));
    assert!(said.contains("bridge/tls/bridge-cert.pem") && said.contains("autoGenerate"), "{said}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(CertificateInfo::read(&dir.path().join("none")).unwrap(), None);
}

#[test]
fn half_a_pair_is_refused_and_never_completed() {
    for take_certificate in [true, false] {
        let (_dir, files, _) = made();
        let gone = if take_certificate { &files.certificate } else { &files.key };
        fs::remove_file(gone).unwrap();
        let said = error(&files);
        assert!(said.starts_with("half a TLS certificate"), "{said}");
        assert!(said.contains("bridge-cert.pem") && said.contains("bridge-key.pem"), "{said}");
        assert!(!gone.exists());
    }
}

/// What a power cut can leave behind, at each step of the making.
#[test]
fn whatever_a_power_cut_leaves_does_not_block_the_next_start() {
    // Neither has its name yet; one of them may be cut short.
    let dir = tempfile::tempdir().unwrap();
    let new = files(dir.path(), true);
    fs::create_dir_all(dir.path().join("bridge/tls")).unwrap();
    fs::write(temp_name(&new.key), "half a k").unwrap();
    fs::write(temp_name(&new.certificate), "").unwrap();
    new.load().unwrap();
    assert_eq!(fs::read_dir(dir.path().join("bridge/tls")).unwrap().count(), 2);

    // The key has its name, the certificate waits for its own.
    let (_dir, files, certificate) = made();
    fs::rename(&files.certificate, temp_name(&files.certificate)).unwrap();
    assert_eq!(files.load().unwrap().info, certificate.info);
    assert!(files.certificate.exists() && !temp_name(&files.certificate).exists());

    // The same, but somebody has put another key there.
    let (_other, others, _) = made();
    fs::rename(&files.certificate, temp_name(&files.certificate)).unwrap();
    fs::copy(&others.key, &files.key).unwrap();
    assert!(error(&files).starts_with("half a TLS certificate"));
}

#[test]
fn files_that_are_something_else_are_named_with_what_is_wrong() {
    let (_dir, files, _) = made();
    let (_other, others, _) = made();
    let (certificate, key) = (fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap());
    let path = |path: &Path| path.display().to_string();
    let says = |expected: &[&str]| {
        let said = error(&files);
        assert!(expected.iter().all(|part| said.contains(part)), "{said}");
        fs::write(&files.certificate, &certificate).unwrap();
        fs::write(&files.key, &key).unwrap();
    };
    fs::copy(&others.key, &files.key).unwrap();
    says(&["does not belong to", &path(&files.certificate), &path(&files.key)]);
    fs::write(&files.certificate, "junk").unwrap();
    says(&["contains no certificate", &path(&files.certificate)]);
    fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n")
        .unwrap();
    says(&["the certificate in", "is damaged", &path(&files.certificate)]);
    let empty = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    fs::write(&files.certificate, empty).unwrap();
    says(&["cannot be used", &path(&files.certificate)]);
    fs::write(&files.key, &certificate).unwrap();
    says(&["contains no private key", &path(&files.key)]);
    fs::write(&files.key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n").unwrap();
    says(&["passphrase", &path(&files.key), "openssl pkey"]);
    fs::write(&files.certificate, vec![b'a'; 2 * 1024 * 1024]).unwrap();
    says(&["larger than any certificate"]);
    fs::remove_file(&files.key).unwrap();
    fs::create_dir(&files.key).unwrap();
    assert!(error(&files).contains("not a regular file"));
}

#[test]
fn errors_never_quote_the_key() {
    let (_dir, files, _) = made();
    let key = fs::read_to_string(&files.key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    fs::write(&files.key, key.replace("END PRIVATE KEY", "END OF IT")).unwrap();
    assert!(!error(&files).contains(secret));
    fs::write(&files.certificate, &key).unwrap();
    assert!(!error(&files).contains(secret));
}

#[test]
fn a_new_pair_is_taken_and_a_bad_one_changes_nothing() {
    let (_dir, files, certificate) = made();
    let (_other, others, other) = made();
    let old = certificate.info.fingerprint;
    let acceptor = Acceptor::new(certificate, true).unwrap();
    assert_eq!((acceptor.fingerprint(), acceptor.mode()), (old, "optional"));
    assert!(!acceptor.reload(&files).unwrap());
    fs::copy(&others.key, &files.key).unwrap();
    assert!(acceptor.reload(&files).is_err());
    assert_eq!(acceptor.fingerprint(), old);
    fs::copy(&others.certificate, &files.certificate).unwrap();
    assert!(acceptor.reload(&files).unwrap());
    assert_eq!(acceptor.fingerprint(), other.info.fingerprint);
}

#[test]
fn an_end_is_announced_a_month_before() {
    let validity = Validity { not_before_ms: 5 * DAY_MS, not_after_ms: 100 * DAY_MS };
    let fingerprint = Fingerprint::of(b"");
    let info = CertificateInfo { path: "x".into(), fingerprint, validity: Some(validity) };
    let says = |day: u64| info.warning(day * DAY_MS);
    assert_eq!(says(70), None);
    assert!(says(71).unwrap().starts_with("expires in 29 days"));
    assert!(says(101).unwrap().starts_with("has expired (1970-04-11T"));
    assert!(says(4).unwrap().starts_with("is valid only from 1970-01-06T"));
    assert_eq!(info.view(101 * DAY_MS).expires_in_days, Some(-1));
}
