//! `zone`: the wide-area zone, printed or written.

use super::*;
use crate::addresses::{self, Tailnet};
use crate::config::Config;
use crate::daemon;
use crate::discovery::profile::ZoneSettings;
use crate::discovery::tailscale;
use crate::discovery::zone::Zone;
use crate::discovery::zone_file::ZoneFile;
use crate::link::Waker;
use crate::ownership::Acting;
use crate::protocol::operator::Status;
use crate::tls::Fingerprint;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let config = config_file::of_serve(line)?;
    let running = operator::running_status(line)?;
    let place = ZoneSettings::new(&config);
    let (tailnet, v4, v6) = addresses(line, &place)?;
    let mut profile = daemon::profile(&config, None);
    match &running {
        Some(running) => {
            profile.service.name.clone_from(&running.server_name);
            let fingerprint = running.fingerprint_sha256.as_deref();
            profile.service.fingerprint = fingerprint.and_then(|text| text.parse().ok());
        }
        None => profile.service.fingerprint = fingerprint_of(&config)?,
    }
    let port = port(&config, running.as_deref())?;
    let is_known = profile.service.tailnet_dns.is_some() || tailnet == Tailnet::default();
    // The name of this machine in the tailnet, if Tailscale has one.
    let ask = || tailscale::name(&Waker::new().ok()?).unwrap_or_default();
    let name = if is_known { None } else { ask() };
    let zone = Zone::new(&place.domain, &profile.service(port, name.as_deref()), v4, v6);
    let state_dir = match running {
        Some(running) => running.state_dir.into(),
        None => config_file::state_dir(&config)?,
    };
    let file = ZoneFile::new(&state_dir, &place.domain);
    if line.is_set("write") {
        return write(line, &state_dir, &place.domain, &zone);
    }
    let compared = file.compare(&zone, now_ms());
    let compared = compared.map_err(|error| Failure::failed(safe(&chain(&error))))?;
    let answer = json!({
        "domain": place.domain, "path": file.path().to_string_lossy(),
        "serial": compared.serial, "current": compared.is_current, "zone": compared.text,
    });
    print_answer(line, &answer, &compared.text)
}

fn write(line: &CommandLine, dir: &Path, domain: &str, zone: &Zone) -> Result<(), Failure> {
    let (acting, reached) =
        Acting::begin(dir, dir).map_err(could_not("use the state directory"))?;
    let written = ZoneFile::new(&reached, domain).update(zone, now_ms());
    drop(acting);
    let (compared, copy) = written.map_err(|error| {
        let why = safe(&chain(&error));
        let named = || format!("in `{}`: {why}", safe(&dir.to_string_lossy()));
        Failure::failed(if reached == dir { why.clone() } else { named() })
    })?;
    let serial = compared.serial;
    let path = ZoneFile::new(dir, domain).path().to_string_lossy().into_owned();
    // Next to it.
    let copy = copy.as_ref().and_then(|copy| copy.file_name());
    let copy = copy.map(|name| Path::new(&path).with_file_name(name));
    let copy = copy.as_ref().map(|copy| copy.to_string_lossy());
    let answer = json!({
        "path": path, "serial": serial, "written": !compared.is_current, "keptAside": copy,
    });
    let path = safe(&path);
    let mut text = match (compared.is_current, compared.is_foreign) {
        (false, _) => format!("wrote {path}, serial {serial}\n"),
        (true, false) => format!("{path} is up to date, serial {serial}\n"),
        (true, true) => format!(
            "{path} is up to date, serial {serial}; it was edited by hand, and is kept until \
             something changes\n"
        ),
    };
    if let Some(copy) = copy {
        let copy = safe(&copy);
        text += &format!("it was edited by hand; the edited version was moved to {copy}\n");
    }
    print_answer(line, &answer, &text)
}

/// The fingerprint of the certificate that `serve` would use. With a zone that lacks it, nodes
/// would send their tokens in the clear.
fn fingerprint_of(config: &Config) -> Result<Option<Fingerprint>, Failure> {
    if !config.bridge.tls.enabled {
        return Ok(None);
    }
    let (path, facts) = fingerprint::certificate(config)?;
    let missing = || {
        let path = safe(&path.to_string_lossy());
        Failure::failed(format!(
            "bridge.tls.enabled is true, but there is no certificate at `{path}` yet; start the \
             bridge once, so that the zone can contain its fingerprint"
        ))
    };
    facts.map(|facts| Some(facts.fingerprint)).ok_or_else(missing)
}

fn port(config: &Config, running: Option<&Status>) -> Result<u16, Failure> {
    let address = running.and_then(|status| status.listeners.first()?.address.parse().ok());
    let port = address.map_or(config.bridge.port, |address: SocketAddr| address.port());
    if port == 0 {
        return Err(Failure::failed(
            "bridge.port is 0, so the port is only known while the bridge runs; start it, or \
             choose a port",
        ));
    }
    Ok(port)
}

/// The addresses of this machine in the tailnet, and those in the zone: the same, unless another one is
/// given.
pub(super) fn addresses(
    line: &CommandLine,
    place: &ZoneSettings,
) -> Result<(Tailnet, Ipv4Addr, Option<Ipv6Addr>), Failure> {
    let own = addresses::list().map_err(could_not("list the addresses of this machine"))?;
    let tailnet = Tailnet::of(&own);
    let given = line.value("address").map(|text| {
        let wrong = || Failure::usage(format!("--address: {} is not an IPv4 address", safe(text)));
        text.parse().map_err(|_| wrong())
    });
    if let Some(address) = given.transpose()?.or(place.address) {
        return Ok((tailnet, address, None));
    }
    let v4 = tailnet.v4.ok_or_else(|| {
        Failure::failed(
            "this machine has no tailnet IPv4 address (100.64.0.0/10), so the zone could not \
             contain the address of the bridge. Start Tailscale, or give an address in another \
             network with --address or discovery.wideArea.address",
        )
    })?;
    Ok((tailnet, v4, tailnet.v6))
}
