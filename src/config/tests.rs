//! Whole configurations: files, environment and flags together, and the example file.

use super::schema::KEYS;
use super::*;
use log::LevelFilter;
use serde_json::json;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = include_str!("../../etc/bridge.json5");
const LAN: &str = include_str!("../../etc/bridge-lan.json5");

/// A home with one configuration file and its environment.
struct Home {
    dir: tempfile::TempDir,
    env: Vec<(&'static str, OsString)>,
}

impl Home {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("openclaw-bridge")).unwrap();
        let home = Self { env: vec![("XDG_CONFIG_HOME", dir.path().into())], dir };
        std::fs::write(home.file(), text).unwrap();
        home
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("openclaw-bridge/bridge.json5")
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.into()));
        self
    }

    fn load(&self, sources: &Sources) -> Result<Loaded, Error> {
        let find = |name: &str| {
            let found = self.env.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.clone())
        };
        load(sources, &find)
    }

    fn error(&self) -> String {
        let error = self.load(&Sources::default()).unwrap_err().to_string();
        error.replace(&*self.file().to_string_lossy(), "FILE")
    }
}

fn origin(loaded: &Loaded, path: &str) -> String {
    let shown = loaded.show().into_iter().find(|shown| shown.path == path).unwrap();
    format!("{} from {}", shown.value, shown.origin)
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let home = Home::new("{ bridge: { port: 1, bind: 'lan', log: 'warn', name: 'Attic' } }")
        .with("OPENCLAW_BRIDGE_PORT", "2")
        .with("OPENCLAW_BRIDGE_BIND", "auto")
        .with("OPENCLAW_BRIDGE_LOG", "");
    let sources = Sources { port: Some("3".to_owned()), ..Sources::default() };
    let loaded = home.load(&sources).unwrap();
    assert_eq!(loaded.path, Some(home.file()));
    assert_eq!(loaded.config.bridge.port, 3);
    assert_eq!(origin(&loaded, "bridge.port"), "3 from flag --port");
    assert_eq!(origin(&loaded, "bridge.bind"), "\"auto\" from env OPENCLAW_BRIDGE_BIND");
    assert!(origin(&loaded, "bridge.log").starts_with("\"warn\" from file /"));
    assert_eq!(origin(&loaded, "bridge.enabled"), "true from default");
}

#[test]
fn a_file_that_names_a_program_and_that_others_can_write_is_refused() {
    let agent = "{ agent: { kind: 'command', command: ['/bin/cat'] } }";
    let (home, harmless) = (Home::new(agent), Home::new("{}"));
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    assert!(home.load(&Sources::default()).is_ok());
    for mode in [0o664, 0o646] {
        set(&home.file(), mode);
        set(&harmless.file(), mode);
        let error = home.error();
        assert!(error.contains("agent.command: names a program"), "{error}");
        assert!(error.contains("run `chmod go-w \"FILE\"`"), "{error}");
        assert!(harmless.load(&Sources::default()).is_ok());
    }
    set(&home.file(), 0o600);
    let dir = home.dir.path().join("openclaw-bridge");
    set(&dir, 0o777);
    assert!(home.error().contains(&format!("run `chmod go-w {dir:?}`")), "{}", home.error());
    set(&dir, 0o1777);
    assert!(home.load(&Sources::default()).is_ok(), "as in /tmp, nobody can replace it");
}

#[test]
fn programs_that_list_things_are_named_as_the_agent_is() {
    let home = Home::new("{ models: { command: ['./list'] }, skills: { binsCommand: ['b'] } }");
    let config = home.load(&Sources::default()).unwrap().config;
    assert!(config.models.0["command"][0].as_str().unwrap().starts_with('/'));
    std::fs::set_permissions(home.file(), std::fs::Permissions::from_mode(0o664)).unwrap();
    for key in ["models.command", "skills.binsCommand"] {
        assert!(home.error().contains(&format!("{key}: names a program")), "{}", home.error());
    }
}

#[test]
fn a_switch_turns_tls_on_whatever_the_file_says() {
    let home = Home::new("{ bridge: { tls: { enabled: false } } }");
    let sources = Sources { tls: true, ..Sources::default() };
    let loaded = home.load(&sources).unwrap();
    assert!(loaded.config.bridge.tls.enabled);
    assert_eq!(origin(&loaded, "bridge.tls.enabled"), "true from flag --tls");
    assert!(!home.load(&Sources::default()).unwrap().config.bridge.tls.enabled);
}

#[test]
fn without_a_file_the_defaults_are_in_force() {
    let home = Home { dir: tempfile::tempdir().unwrap(), env: vec![] }
        .with("XDG_CONFIG_HOME", "/nonexistent")
        .with("HOME", "/nonexistent");
    let loaded = home.load(&Sources::default()).unwrap();
    assert_eq!(loaded.path, None);
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn a_file_that_was_named_must_exist() {
    let home = Home::new("{ bridge: { port: 1 } }");
    let sources = Sources { file: Some("/nonexistent/b.json5".into()), ..Sources::default() };
    let error = home.load(&sources).unwrap_err();
    assert!(error.to_string().starts_with("could not read `/nonexistent/b.json5`: "), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    let home = home.with("OPENCLAW_BRIDGE_CONFIG", "/nonexistent/c.json5");
    assert!(home.error().contains("/nonexistent/c.json5"));
}

#[test]
fn a_file_that_is_found_but_cannot_be_read_is_an_error() {
    let home = Home::new("");
    std::fs::remove_file(home.file()).unwrap();
    std::fs::create_dir(home.file()).unwrap();
    assert!(home.error().starts_with("could not read `FILE`: "), "{}", home.error());
}

#[test]
fn a_syntax_error_is_told_with_line_and_column() {
    let told = |text| Home::new(text).error();
    assert_eq!(
        told("{\n  bridge: {,}\n}"),
        "`FILE`, line 2, column 12: not JSON5: expected identifier"
    );
    assert_eq!(
        told("{\n  bridge: {"),
        "`FILE`, line 2, column 11: not JSON5: the file ends inside this object"
    );
    let twice = told("{\n  bridge: {},\n  bridge: {},\n}");
    assert!(twice.contains("the key `bridge` is written twice"), "{twice}");
}

#[test]
fn problems_of_all_sources_are_told_together() {
    let home = Home::new("{ bridge: { prot: 1 } }").with("OPENCLAW_BRIDGE_LOG", "loud");
    let sources = Sources { port: Some("99999".to_owned()), ..Sources::default() };
    let error = home.load(&sources).unwrap_err();
    let places: Vec<_> = error.problems().iter().map(|problem| &*problem.place).collect();
    assert_eq!(places, ["bridge.prot", "--port", "OPENCLAW_BRIDGE_LOG"]);
    assert!(!error.is_usage());
}

#[test]
fn paths_start_at_home_or_where_the_file_is() {
    let home = Home::new("{ bridge: { stateDir: 'state' }, canvasHost: { root: '~/canvas' } }")
        .with("HOME", "/home/a");
    let loaded = home.load(&Sources::default()).unwrap();
    let beside = home.dir.path().join("openclaw-bridge/state");
    assert_eq!(loaded.config.bridge.state_dir, Some(beside));
    assert_eq!(loaded.config.canvas_host.root.as_deref(), Some(Path::new("/home/a/canvas")));
    let sources = Sources { state_dir: Some("here".to_owned()), ..Sources::default() };
    let loaded = home.load(&sources).unwrap();
    assert_eq!(loaded.config.bridge.state_dir.as_deref(), Some(Path::new("here")));
}

#[test]
fn what_cannot_be_done_is_refused_and_not_ignored() {
    let pair = Home::new("{ bridge: { tls: { keyPath: '/k' } } }").error();
    assert!(pair.starts_with("`FILE`: bridge.tls.keyPath: certPath and keyPath"), "{pair}");
    let limits = Home::new("{ bridge: { limits: { connections: 100 } } }").error();
    assert!(limits.starts_with("`FILE`: bridge.limits.strangers: is more than"), "{limits}");
}

#[test]
fn names_and_addresses_for_discovery_have_to_be_some() {
    for (text, told) in [
        (
            "canvasHost: { url: 'http://[::]:1' }",
            "canvasHost.url: :: is not an address that a node can",
        ),
        ("canvasHost: { url: 'http://:18793' }", "canvasHost.url: must be a URL that starts"),
        (
            "discovery: { wideArea: { domain: '../x' } }",
            "discovery.wideArea.domain: must be a DNS name such as \"clawdbot.internal\"",
        ),
        (
            "discovery: { wideArea: { address: 'fd7a::1' } }",
            "discovery.wideArea.address: must be an IPv4 address such as \"10.8.0.1\"",
        ),
        ("discovery: { sshPort: 0 }", "discovery.sshPort: must be a whole number from 1 to 65535"),
    ] {
        let error = Home::new(&format!("{{ {text} }}")).error();
        assert!(error.starts_with(&format!("`FILE`: {told}")), "{error}");
    }
}

#[test]
fn the_old_gateways_variables_override_the_file() {
    let home = Home::new("{ discovery: { sshPort: 1, tailnetDns: 'a.b' } }")
        .with("CLAWDBOT_SSH_PORT", "2222")
        .with("CLAWDBOT_TAILNET_DNS", "c.d.")
        .with("CLAWDBOT_DISABLE_BONJOUR", "0");
    let discovery = home.load(&Sources::default()).unwrap().config.discovery;
    assert_eq!((discovery.ssh_port, discovery.tailnet_dns.as_deref()), (Some(2222), Some("c.d.")));
    assert_eq!(discovery.mdns, Mdns::Full, "0 does not disable");
    let bad = Home::new("{}").with("CLAWDBOT_SSH_PORT", "0").load(&Sources::default());
    assert_eq!(bad.unwrap_err().problems()[0].place, "CLAWDBOT_SSH_PORT");
}

#[test]
fn shown_values_contain_no_secret() {
    let text = "{ talk: { apiKey: 'sk-1' }, models: { p: { apiKey: 'sk-2', name: 'm' } }, \
                 agent: { env: { ANYTHING: 'sk-3' } } }";
    let shown = Home::new(text).load(&Sources::default()).unwrap().show();
    let text = format!("{shown:?}");
    assert!(!text.contains("sk-"), "{text}");
    let models = shown.iter().find(|shown| shown.path == "models").unwrap();
    assert_eq!(models.value, json!({ "p": { "apiKey": "…", "name": "m" } }));
}

#[test]
fn an_agent_is_a_program_with_its_surroundings() {
    let home = Home::new(
        "{ agent: { kind: 'command', command: ['~/bin/llm.sh', '~', ''], input: 'json', \
         output: 'jsonl', cwd: 'work', env: { MODEL: 'small' }, timeout: '90s', \
         maxConcurrent: 1, queue: 2, outputLimit: 1024, wakeOnSystemEvent: true } }",
    );
    let agent = home.with("HOME", "/home/a").load(&Sources::default()).unwrap().config.agent;
    assert_eq!(agent.kind, AgentKind::Command);
    assert_eq!(agent.command, ["/home/a/bin/llm.sh", "~", ""]);
    assert_eq!((agent.input, agent.output), (AgentInput::Json, AgentOutput::Jsonl));
    assert!(agent.cwd.is_some_and(|cwd| cwd.ends_with("openclaw-bridge/work")));
    assert_eq!(agent.env["MODEL"], "small");
    assert_eq!(agent.timeout, std::time::Duration::from_secs(90));
    let named = Home::new("{ agent: { kind: 'command', command: ['llm'], timeout: 5000 } }");
    let agent = named.load(&Sources::default()).unwrap().config.agent;
    assert_eq!((&*agent.command[0], agent.timeout.as_secs()), ("llm", 5));
    let beside = Home::new("{ agent: { kind: 'command', command: ['./llm.sh'] } }");
    let agent = beside.load(&Sources::default()).unwrap().config.agent;
    assert_eq!(
        PathBuf::from(&agent.command[0]),
        beside.dir.path().join("openclaw-bridge/./llm.sh")
    );
}

#[test]
fn what_is_wrong_with_an_agent_is_told_with_its_path() {
    for (agent, told) in [
        ("{ comand: [] }", "agent.comand: unknown key (did you mean agent.command?)"),
        ("{ model: 'x' }", "agent.model: unknown key"),
        (
            "{ kind: 'comand' }",
            "agent.kind: must be one of echo, command, not \"comand\" (did you mean command?)",
        ),
        ("{ command: 'llm -m x' }", "agent.command: must be a list: the program, then its arguments, not \"llm -m x\""),
        ("{ kind: 'command', command: [''] }", "agent.command[0]: must be text that is not empty, not \"\""),
        ("{ kind: 'command', command: ['x', 1] }", "agent.command[1]: must be text that is not empty, not 1"),
        ("{ kind: 'command', command: ['~bob/x'] }", "agent.command[0]: only ~ and ~/… are supported, not the home directory of another user"),
        ("{ kind: 'command' }", "agent.command: is missing, although agent.kind is \"command\"; set it to the program that answers"),
        ("{ command: ['x'] }", "agent.kind: must be \"command\" for agent.command to be run, or \"echo\" to keep it unused"),
        ("{ env: { KEY: 1 } }", "agent.env.KEY: must be a string"),
        ("{ env: { 'A=B': '' } }", "agent.env.A=B: is not a valid name for an environment variable"),
        ("{ timeout: 'ten minutes' }", "agent.timeout: must be a duration from 1s to 1day, such as \"90s\" or \"10m\", not \"ten minutes\""),
        ("{ timeout: 10 }", "agent.timeout: must be a duration from 1s to 1day, such as \"90s\" or \"10m\", not 10"),
        ("{ maxConcurrent: 65 }", "agent.maxConcurrent: must be a whole number from 1 to 64, not 65"),
        ("'echo'", "agent: must be an object, not \"echo\""),
    ] {
        assert_eq!(Home::new(&format!("{{ agent: {agent} }}")).error(), format!("`FILE`: {told}"));
    }
}

#[test]
fn the_example_is_the_default_configuration() {
    let loaded = Home::new(EXAMPLE).load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.ignored_sections, Vec::<String>::new());
}

/// The example with its keys uncommented; sentences stay comments.
fn uncommented() -> String {
    let is_key = |text: &str| {
        let name = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let value = text[name..].strip_prefix(": ").unwrap_or("");
        let ends = value.ends_with(',') || value == "{";
        text == "}," || (name > 0 && !value.is_empty() && ends && !value.contains(". "))
    };
    let mut lines = Vec::new();
    for line in EXAMPLE.lines() {
        let text = line.trim_start().strip_prefix("// ").unwrap_or("");
        lines.push(if is_key(text) { text } else { line });
    }
    lines.join("\n")
}

#[test]
fn every_key_of_the_example_is_known_and_at_its_default() {
    let home = Home::new(&uncommented());
    let loaded = home.load(&Sources::default()).unwrap();
    let default = schema::values(&Config::default());
    for shown in loaded.show() {
        let key = schema::find(shown.path).unwrap();
        assert_eq!(shown.value, key.value_in(&default), "{}", shown.path);
        assert_eq!(shown.origin, Origin::File(home.file()), "{} is missing", shown.path);
    }
}

#[test]
fn every_key_has_a_sentence_and_an_owned_section() {
    for key in KEYS.iter() {
        assert!(key.help.ends_with('.'), "{}", key.path);
        let section = key.path.split('.').next().unwrap();
        assert!(schema::SECTIONS.contains(&section), "{}", key.path);
        assert_eq!(KEYS.iter().filter(|other| other.path == key.path).count(), 1, "{}", key.path);
    }
    assert!(matches!(schema::find("bridge.port").unwrap().kind, ValueKind::Integer(0, 65535)));
}

#[test]
fn every_word_of_a_choice_can_be_read_and_is_shown_again() {
    for key in KEYS.iter() {
        let ValueKind::Choice(words) = key.kind else { continue };
        for word in words {
            let inner =
                key.path.split('.').rev().fold(json!(word), |value, name| json!({ name: value }));
            let text = inner.to_string().replace("\"kind\":", "\"command\":['x'],\"kind\":");
            let text = text.replace("backend\":{\"command\":['x']", "backend\":{url:'ws://[::1]'");
            let loaded = Home::new(&text).load(&Sources::default()).unwrap();
            assert!(origin(&loaded, key.path).starts_with(&format!("\"{word}\" from file")));
        }
    }
}

#[test]
fn only_what_a_running_daemon_cannot_change_asks_for_a_restart() {
    let old = Config::default();
    let mut new = old.clone();
    new.bridge.name = Some("Attic".to_owned());
    new.bridge.log = LevelFilter::Debug;
    new.bridge.allow.config_write = true;
    new.bridge.limits.pending_pairings = 1;
    new.canvas_host.url = Some("http://pi:18793/".to_owned());
    new.bridge.tls.cert_path = Some("/etc/bridge.pem".into());
    new.bridge.tls.auto_generate = false;
    assert_eq!(old.changes_needing_restart(&new), Vec::<&str>::new());
    new.bridge.bind = Bind::Lan;
    new.bridge.port = 0;
    new.bridge.state_dir = Some("/srv/bridge".into());
    new.bridge.tls.enabled = true;
    new.bridge.tls.allow_plaintext = true;
    new.bridge.limits.unauthenticated = 1;
    new.agent.env.insert("MODEL".to_owned(), "small".to_owned());
    assert_eq!(
        old.changes_needing_restart(&new),
        [
            "bridge.port",
            "bridge.bind",
            "bridge.stateDir",
            "bridge.tls.enabled",
            "bridge.tls.allowPlaintext",
            "bridge.limits.strangers",
            "agent.env"
        ]
    );
}

#[test]
fn debug_output_hides_what_sections_contain() {
    let mut config = Config::default();
    config.talk.0.insert("apiKey".to_owned(), json!("sk-1234"));
    config.agent.command = vec!["llm".to_owned(), "sk-1234".to_owned()];
    config.agent.env.insert("KEY".to_owned(), "sk-1234".to_owned());
    let text = format!("{config:?}");
    assert!(text.contains("apiKey") && !text.contains("sk-1234"), "{text}");
}

#[test]
fn the_configuration_for_a_home_network_opens_it_and_encrypts() {
    let bridge = Home::new(LAN).load(&Sources::default()).unwrap().config.bridge;
    assert_eq!((bridge.bind, bridge.tls.enabled), (Bind::Lan, true));
    assert!(!bridge.tls.allow_plaintext);
}
