//! From the words of `openclaw-bridge node` to what [`node`] does.

use super::node::{GatewayOptions, NodeOptions};
use super::*;
use crate::client::{Fingerprint, Stop, Trust};
use crate::config::GatewayUrl;
use crate::node_host::{is_possible_variable, HostOptions, OwnerPolicy, Pattern, Security};
use crate::protocol::gateway::Credential;
use crate::protocol::limits;
use crate::{files, tls};
use std::{env, fmt};

/// Where the gateway's own programs have its token.
const TOKEN_VARIABLE: &str = "OPENCLAW_GATEWAY_TOKEN";

pub(super) fn run(line: &CommandLine) -> Result<(), Failure> {
    let level = line.required("log").parse().unwrap_or(log::LevelFilter::Info);
    logging::set_level(level, line.is_set("log"));
    let options = options(line)?;
    let stop = Stop::new().map_err(|e| Failure::failed(e.to_string()))?;
    node::stop_on_signals(&stop).map_err(|e| Failure::failed(e.to_string()))?;
    let end = node::run(options, Box::new(io::stdout()), Box::new(io::stderr()), &stop);
    end.map_err(|error| Failure::new(error.exit_code(), error.to_string()))
}

fn options(line: &CommandLine) -> Result<NodeOptions, Failure> {
    let params = operator::params_flag(line)?;
    let request = line.text("request").map(|method| (method, params.clone()));
    if params.is_some() && request.is_none() {
        return Err(Failure::usage(
            "--params requires --request; see `openclaw-bridge node --help`",
        ));
    }
    let gateway = gateway(line)?;
    let file = if gateway.is_some() { "gateway-node.json" } else { "node.json" };
    let default = || node::default_token_file(&process_env).map(|path| path.with_file_name(file));
    let token_file = line.value("token-file").map(Into::into).or_else(default);
    let no_home = "HOME is not set; say where to keep the token with --token-file";
    let token_file: PathBuf = token_file.ok_or_else(|| Failure::usage(no_home))?;
    Ok(NodeOptions {
        host: line.required("host"),
        port: line.get("port").copied().unwrap_or_default(),
        tls: if gateway.is_some() { None } else { tls(line)? },
        gateway,
        node_id: line.text("node-id"),
        display_name: line.text("display-name"),
        work: work(line, &token_file)?,
        token_file,
        request,
        events: events(line)?,
        subscribe: line.values("subscribe"),
        once: line.is_set("once"),
        trace: line.is_set("trace"),
    })
}

/// A gateway to join without a bridge.
fn gateway(line: &CommandLine) -> Result<Option<GatewayOptions>, Failure> {
    let Some(text) = line.value("gateway") else { return Ok(None) };
    let wrong = |what: &dyn fmt::Display| Failure::usage(format!("--gateway: {what}"));
    // The text may hold a password.
    let url: GatewayUrl = text.parse().map_err(|why| wrong(&format_args!("it must be {why}")))?;
    if line.is_set("once") && !line.pairs("event").is_empty() {
        return Err(wrong(&"--once does not wait until events were taken; leave out --once"));
    }
    if !url.is_secure && !url.is_loopback() && !line.is_set("allow-plaintext") {
        return Err(wrong(
            &"ws:// to another machine would show the token to everybody on the way; use wss://, an \
              SSH tunnel to 127.0.0.1, or --allow-plaintext in a network that encrypts by itself",
        ));
    }
    let failed = |error: &dyn fmt::Display| Failure::failed(format!("--gateway: {error}"));
    let tls = match (url.is_secure, tls(line)?) {
        (false, Some(_)) => return Err(wrong(&"--tls-fingerprint has no effect without wss://")),
        (false, None) => None,
        (true, Some(trust)) => Some(tls::client_config(trust).map_err(|error| failed(&error))?),
        (true, None) => Some(tls::system_config().map_err(|error| failed(&error))?),
    };
    let token = match line.value("gateway-token-file").map(Path::new) {
        Some(path) => {
            let text = files::read_text(path, limits::GATEWAY_TOKEN_BYTES).map_err(|error| {
                Failure::failed(format!("--gateway-token-file {}: {error}", path.display()))
            })?;
            Some(text)
        }
        None => env::var(TOKEN_VARIABLE).ok(),
    };
    // Not for the programs that run here. There are no other threads yet.
    env::remove_var(TOKEN_VARIABLE);
    let credential = token.as_deref().and_then(Credential::parse);
    Ok(Some(GatewayOptions { url, tls, credential }))
}

/// What the node does for its gateway, and what its owner allows.
fn work(line: &CommandLine, token_file: &Path) -> Result<HostOptions, Failure> {
    let handles = line.pairs("handle").into_iter();
    let home = env::var_os("HOME").map(PathBuf::from);
    let allow = line.values("allow").into_iter().map(|text| {
        let nothing = || Failure::usage(format!("--allow: `{text}` is not a valid pattern"));
        Pattern::new(&text, home.as_deref()).ok_or_else(nothing)
    });
    let allow: Vec<Pattern> = allow.collect::<Result<_, _>>()?;
    let allow_env = line.values("allow-env");
    if let Some(name) = allow_env.iter().find(|name| !is_possible_variable(name)) {
        let problem = "is no name of a variable, or one that is always ignored";
        return Err(Failure::usage(format!("--allow-env: `{}` {problem}", safe(name))));
    }
    let security = match line.value("exec").and_then(Security::parse) {
        Some(Security::Deny | Security::Full) if !allow.is_empty() => {
            return Err(Failure::usage("--allow can only be combined with --exec allowlist"));
        }
        None if !allow.is_empty() => Some(Security::Allowlist),
        security => security,
    };
    // Else programs that can write files, such as `sed`, write their own rules into it.
    let is_file_meant = line.value("exec-approvals").is_some() || line.is_set("remote-approvals");
    let allow_only = !allow.is_empty() && !is_file_meant;
    let beside = || token_file.with_file_name("exec-approvals.json");
    Ok(HostOptions {
        handles: handles.map(|(command, program)| (command, program.into())).collect(),
        handle_time: limits::HANDLER_TIME,
        owner: OwnerPolicy { security, allow, allow_only, allow_env },
        approvals: line.value("exec-approvals").map_or_else(beside, PathBuf::from),
        remote_approvals: line.is_set("remote-approvals"),
    })
}

/// `--event NAME=JSON`
fn events(line: &CommandLine) -> Result<Vec<(String, String)>, Failure> {
    let events = line.pairs("event").into_iter();
    events.map(|(name, payload)| Ok((name, operator::params(&payload, "--event")?))).collect()
}

/// A fingerprint implies TLS, with or without `--tls`.
fn tls(line: &CommandLine) -> Result<Option<Trust>, Failure> {
    let Some(text) = line.value("tls-fingerprint") else {
        return Ok(line.is_set("tls").then_some(Trust::FirstUse));
    };
    let fingerprint: Fingerprint = text.parse().map_err(|problem| {
        Failure::usage(format!("--tls-fingerprint: `{}` {problem}", safe(text)))
    })?;
    Ok(Some(Trust::Pinned(fingerprint)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{parse, Parsed};

    fn line(flags: &[&str]) -> CommandLine {
        let words =
            ["node", "--token-file", "node.json"].iter().chain(flags).map(Into::into).collect();
        let Ok(Parsed::Run(line)) = parse(&command(), words) else {
            panic!("{flags:?} cannot be read")
        };
        line
    }

    fn asked(flags: &[&str]) -> Result<Option<Trust>, Failure> {
        tls(&line(flags))
    }

    #[test]
    fn parameters_and_events_that_are_not_json_are_mistakes() {
        for flags in [["--request", "m", "--params", "{"], ["--event", "x={", "--request", "m"]] {
            let failure = options(&line(&flags)).unwrap_err();
            assert_eq!(failure.code, 2, "{}", failure.message);
            assert!(failure.message.contains("is not JSON"), "{}", failure.message);
        }
        let spread = ["--request", "m", "--params", "{\n\"a\":\"\\ud800\"}"];
        let request = options(&line(&spread)).unwrap().request.unwrap();
        assert_eq!(request.1.as_deref(), Some("{ \"a\":\"\\ufffd\"}"));
    }

    #[test]
    fn what_is_allowed_is_all_unless_the_file_is_meant_and_impossible_variables_are_mistakes() {
        let owner = |flags: &[&str]| options(&line(flags)).unwrap().work.owner;
        assert!(owner(&["--allow", "sed"]).allow_only);
        for flags in [&["--exec-approvals", "x"][..], &["--remote-approvals"]] {
            assert!(!owner(&[flags, &["--allow", "sed"]].concat()).allow_only, "{flags:?}");
            assert!(!owner(flags).allow_only, "{flags:?}");
        }
        assert_eq!(owner(&["--allow-env", "A", "--allow-env", "b_1"]).allow_env, ["A", "b_1"]);
        for name in ["PATH", "ld_preload", "A=b", "1"] {
            let failure = options(&line(&["--allow-env", name])).unwrap_err();
            assert_eq!(failure.code, 2, "{name}");
        }
    }

    #[test]
    fn a_fingerprint_in_any_spelling_means_tls_and_a_wrong_one_is_a_mistake() {
        let pin = Fingerprint::of(b"certificate");
        assert_eq!(asked(&[]).unwrap(), None);
        assert_eq!(asked(&["--tls"]).unwrap(), Some(Trust::FirstUse));
        for text in [pin.to_string(), pin.with_colons(), format!("sha256:{pin}").to_uppercase()] {
            for flags in [&["--tls-fingerprint", &text][..], &["--tls", "--tls-fingerprint", &text]]
            {
                assert_eq!(asked(flags).unwrap(), Some(Trust::Pinned(pin)), "{flags:?}");
            }
        }
        let failure = asked(&["--tls-fingerprint", "ba78\u{1b}"]).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.message.contains("`ba78\\u001b` is not"), "{}", failure.message);
    }
}
