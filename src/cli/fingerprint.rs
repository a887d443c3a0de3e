//! `fingerprint`: prints the certificate fingerprint that nodes pin, as text or as a QR code.

use super::*;
use crate::config::Config;
use crate::daemon;
use crate::protocol::operator::CertificateView;
use crate::tls::{CertificateInfo, Fingerprint};
use qrcodegen::{QrCode, QrCodeEcc};

/// The width of the light margin that scanners need around a code, in modules.
const QUIET: i32 = 4;

const HOW: &str = "`openclaw-bridge serve --tls` or bridge.tls.enabled in the configuration";

/// What the command prints with `--json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FingerprintReport {
    #[serde(flatten)]
    certificate: CertificateView,
    fingerprint_sha256: String,
    fingerprint_colons: String,
}

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let (fingerprint, certificate) = match running(line)? {
        Some(found) => found,
        None => on_disk(line)?,
    };
    let fingerprint_sha256 = fingerprint.to_string();
    let fingerprint_colons = fingerprint.with_colons();
    let path = safe(&certificate.path);
    let mut text = format!("{fingerprint_sha256}\n{fingerprint_colons}\nof {path}\n");
    if let (Some(from), Some(until)) = (&certificate.not_before, &certificate.not_after) {
        text += &format!("valid from {} until {}\n", safe(from), safe(until));
    }
    if let Some(warning) = &certificate.warning {
        text += &format!("it {}\n", safe(warning));
    }
    if line.is_set("qr") {
        text += &drawn(&fingerprint_sha256, is_coloured())?;
    }
    let report = FingerprintReport { certificate, fingerprint_sha256, fingerprint_colons };
    print_answer(line, &report, &text)
}

/// The certificate of the running bridge; `None` if no bridge is running, or with `--config`.
fn running(line: &CommandLine) -> Result<Option<(Fingerprint, CertificateView)>, Failure> {
    if line.value("config").is_some() {
        return Ok(None);
    }
    let Some(status) = operator::running_status(line)? else { return Ok(None) };
    let fingerprint = status.fingerprint_sha256.and_then(|text| text.parse().ok());
    match (fingerprint, status.certificate) {
        (Some(fingerprint), Some(certificate)) => Ok(Some((fingerprint, certificate))),
        _ => Err(Failure::failed(format!(
            "the running bridge does not use TLS, so there is no fingerprint; turn on TLS with \
             {HOW}"
        ))),
    }
}

/// The certificate that `serve` would use. None is generated: no bridge would have its fingerprint.
fn on_disk(line: &CommandLine) -> Result<(Fingerprint, CertificateView), Failure> {
    let config = config_file::of_serve(line)?;
    let (path, facts) = certificate(&config)?;
    let Some(facts) = facts else {
        let path = path.display();
        return Err(Failure::failed(format!(
            "there is no certificate at `{path}` yet; it is generated when the bridge starts with \
             {HOW}"
        )));
    };
    Ok((facts.fingerprint, facts.view(now_ms())))
}

/// The certificate file of a bridge with this configuration, and its contents if it exists.
pub(super) fn certificate(config: &Config) -> Result<(PathBuf, Option<CertificateInfo>), Failure> {
    let state_dir = config_file::state_dir(config)?;
    let path = daemon::tls_files(config, &state_dir).certificate;
    let facts = CertificateInfo::read(&path)?;
    Ok((path, facts))
}

/// A QR code in half blocks: two rows of modules in each line of text.
fn drawn(text: &str, is_coloured: bool) -> Result<String, Failure> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).map_err(could_not("make a QR code"))?;
    // Scanners want dark modules on a light background. Colours guarantee that; without them, this
    // assumes light text on a dark terminal.
    let (before, after) = match is_coloured {
        true => ("\u{1b}[38;5;231;48;5;16m", "\u{1b}[0m"),
        false => ("", ""),
    };
    let mut drawing = String::new();
    for y in (-QUIET..code.size() + QUIET).step_by(2) {
        drawing += before;
        for x in -QUIET..code.size() + QUIET {
            // What is outside the code is light.
            drawing.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            });
        }
        drawing += after;
        drawing.push('\n');
    }
    Ok(drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_code_has_the_modules_of_the_code_and_light_around_them() {
        let text = Fingerprint::of(b"certificate").to_string();
        let code = QrCode::encode_text(&text, QrCodeEcc::Low).unwrap();
        let drawing = drawn(&text, false).unwrap();
        let lines: Vec<Vec<char>> = drawing.lines().map(|line| line.chars().collect()).collect();
        assert_eq!(lines.len() as i32, (code.size() + 2 * QUIET + 1) / 2);
        let is_dark = |x: i32, y: i32| {
            let (column, row) = ((x + QUIET) as usize, (y + QUIET) as usize);
            match lines[row / 2][column] {
                '█' => false,
                ' ' => true,
                '▀' => row % 2 == 1,
                '▄' => row % 2 == 0,
                other => panic!("{other:?}"),
            }
        };
        for y in -QUIET..code.size() + QUIET {
            for x in -QUIET..code.size() + QUIET {
                assert_eq!(is_dark(x, y), code.get_module(x, y), "{x} {y}");
            }
        }
        let coloured = drawn(&text, true).unwrap();
        assert!(coloured.lines().all(|line| line.starts_with('\u{1b}') && line.ends_with("[0m")));
    }
}
