//! `discover`: lists the bridges on the local network.

use super::*;
use crate::addresses::with_port;
use crate::config::is_service_type;
use crate::discovery::browse::browse;
use crate::discovery::DiscoveredBridge;

/// Hexadecimal digits of a fingerprint in the table: enough to tell two bridges apart.
const SHORT: usize = 16;

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let service_type = line.value("type").unwrap_or_default();
    if !is_service_type(service_type) {
        return Err(Failure::usage(format!(
            "--type: must be a type such as _clawdbot-bridge._tcp, not `{service_type}`"
        )));
    }
    let found = browse(service_type, timeout(line)).map_err(could_not("search for bridges"))?;
    let bridges: Vec<Value> = found.iter().map(as_json).collect();
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let text = match rows.is_empty() {
        true => String::new(),
        false => whole_table(&["NAME", "HOST", "ADDRESS", "TLS", "FINGERPRINT"], &rows),
    };
    print_answer(line, &json!({ "bridges": bridges }), &text)?;
    if found.is_empty() {
        return Err(Failure::failed(format!(
            "no bridge answered within {:?}; one that listens on loopback only is not \
             announced, and some networks keep multicast from passing",
            timeout(line)
        )));
    }
    Ok(())
}

fn row(found: &DiscoveredBridge) -> Vec<String> {
    let address = match found.addresses.split_first() {
        None => format!("?:{}", found.port),
        Some((first, [])) => with_port(first, found.port),
        Some((first, more)) => format!("{} (+{})", with_port(first, found.port), more.len()),
    };
    let fingerprint = found.fingerprint().map(|print| {
        let digits = print.to_string();
        format!("{}…", &digits[..SHORT])
    });
    vec![
        safe(&found.name),
        safe(&found.host),
        safe(&address),
        if found.has_tls() { "yes" } else { "no" }.to_owned(),
        fingerprint.unwrap_or_default(),
    ]
}

fn as_json(found: &DiscoveredBridge) -> Value {
    let mut json = json!(found);
    json["tls"] = found.has_tls().into();
    json["fingerprintSha256"] = json!(found.fingerprint().map(|print| print.to_string()));
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Fingerprint;

    #[test]
    fn a_row_is_short_and_drives_no_terminal() {
        let fingerprint = Fingerprint::of(b"certificate").to_string();
        let txt = [("bridgeTls", "1"), ("bridgeTlsSha256", &fingerprint)];
        let mut found = DiscoveredBridge {
            name: "a\u{1b}[2J".to_owned(),
            host: "studio.local".to_owned(),
            port: 18790,
            addresses: vec!["fe80::5%eth0".to_owned(), "fd00::5".to_owned()],
            interfaces: vec!["eth0".to_owned()],
            txt: txt.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        let cells = row(&found);
        assert_eq!(cells[0], "a\\u001b[2J");
        assert_eq!(cells[2], "[fe80::5%eth0]:18790 (+1)");
        assert_eq!(cells[3..], ["yes".to_owned(), format!("{}…", &fingerprint[..16])]);
        assert_eq!(as_json(&found)["fingerprintSha256"], fingerprint);
        found.txt.clear();
        assert_eq!(row(&found)[3..], ["no", ""]);
    }
}
