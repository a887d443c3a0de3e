//! The four questions, and the file that their answers make.

use super::prompt::{self, Choice};
use super::*;
use crate::addresses::{self, Tailnet};
use crate::config::AgentKind;
use crate::discovery::reachable;
use std::net::{IpAddr, Ipv4Addr};

const NETWORKS: [&str; 3] = ["lan", "tailnet", "loopback"];

/// The keys that the answers stand for.
pub(super) const KEYS: [&str; 6] = [
    "bridge.name",
    "bridge.bind",
    "bridge.waitForTailnet",
    "bridge.tls.enabled",
    "agent.kind",
    "agent.command",
];

const AGENTS: [&str; 2] = ["echo", "command"];

/// Where examples of agents are installed.
const EXAMPLES: [&str; 2] =
    ["/usr/local/share/doc/openclaw-bridge/agents", "/usr/share/doc/openclaw-bridge/agents"];

/// What is to be configured.
#[derive(Debug)]
pub(super) struct Answers {
    /// One of [`NETWORKS`], or what `bridge.bind` is now.
    network: String,
    /// Whether the bridge waits for its address; in a tailnet it always does.
    waits: bool,
    tls: bool,
    /// `None` for the name of the machine.
    name: Option<String>,
    /// The program that answers; empty for the echo.
    agent: Vec<String>,
}

impl Answers {
    /// From the flags; what they leave open is asked, or is as it is in the present configuration.
    pub(super) fn collect(
        line: &CommandLine,
        before: Option<&Config>,
        is_dialogue: bool,
    ) -> Result<Self, Failure> {
        let mut answers = Self::of(before);
        let given = |name| line.is_set(name);
        if let Some(network) = line.text("network") {
            answers.network = network;
            answers.tls = answers.network != "loopback" && before.is_none() || answers.tls;
        } else if is_dialogue {
            answers.ask_network()?;
        }
        match line.value("tls") {
            Some(tls) => answers.tls = tls == "yes",
            // Nobody listens inside of this machine.
            None if !is_dialogue || answers.network == "loopback" => {}
            None => {
                let question =
                    "\nEncrypt the connections (TLS)? The apps remember the certificate.";
                answers.tls = prompt::yes_or_no(question, answers.tls)?;
            }
        }
        if given("name") {
            answers.name = line.text("name");
        } else if is_dialogue {
            answers.ask_name()?;
        }
        let program = line.values("PROGRAM");
        match line.value("agent") {
            Some("command") if program.is_empty() => {
                return Err(Failure::usage(
                    "--agent command needs the program and its arguments at the end: -- PROGRAM …",
                ));
            }
            Some("echo") if !program.is_empty() => {
                return Err(Failure::usage("--agent echo takes no program"));
            }
            Some("echo") => answers.agent.clear(),
            _ if !program.is_empty() => answers.agent = program,
            _ if is_dialogue => answers.ask_agent()?,
            _ => {}
        }
        if let Some(wrong) = answers.agent.first().and_then(|program| not_runnable(program)) {
            return Err(Failure::usage(wrong));
        }
        Ok(answers)
    }

    fn of(before: Option<&Config>) -> Self {
        let lan = || Self {
            network: "lan".into(),
            waits: false,
            tls: true,
            name: None,
            agent: Vec::new(),
        };
        let Some(config) = before else { return lan() };
        let network = config.bridge.bind.to_string();
        let agent = match config.agent.kind {
            AgentKind::Command => config.agent.command.clone(),
            _ => Vec::new(),
        };
        let (tls, name) = (config.bridge.tls.enabled, config.bridge.name.clone());
        Self { network, waits: config.bridge.wait_for_tailnet, tls, name, agent }
    }

    fn ask_network(&mut self) -> Result<(), Failure> {
        let own = addresses::list().unwrap_or_default();
        let everywhere = [IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        let tailnet: Vec<IpAddr> = Tailnet::of(&own).addresses().collect();
        let mut lan = reachable(&own, &everywhere);
        lan.retain(|ip| !tailnet.contains(ip));
        let at = |ips: &[IpAddr], none: &str| match ips.first() {
            Some(ip) => format!("; this machine is {ip} there"),
            None => none.to_owned(),
        };
        let choices = [
            format!("all devices in your home network{}", at(&lan, "")),
            format!("only devices in your tailnet{}", at(&tailnet, "; it is not up yet")),
            "only this machine".into(),
        ];
        let question = "Who may connect to the bridge?";
        let mut choices: Vec<Choice<'_>> = NETWORKS.into_iter().zip(choices).collect();
        if !NETWORKS.contains(&&*self.network) {
            choices.push((&self.network, "as it is now".into()));
        }
        let chosen = prompt::choose(question, &choices, &self.network)?;
        // A new configuration for a network has TLS, whatever there was for this machine alone.
        self.tls |= self.network == "loopback" && chosen != "loopback";
        self.network = chosen;
        Ok(())
    }

    fn ask_name(&mut self) -> Result<(), Failure> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let usual = self.name.clone().unwrap_or_else(|| host.clone());
        let question =
            format!("\nThe name of the bridge, as the apps show it [{}]: ", safe(&usual));
        let name = prompt::ask(&question)?;
        self.name = match name.is_empty() {
            true => self.name.take(),
            false => Some(name).filter(|name| *name != host),
        };
        Ok(())
    }

    fn ask_agent(&mut self) -> Result<(), Failure> {
        let present = if self.agent.is_empty() { "echo" } else { "command" };
        let examples = EXAMPLES.iter().find(|dir| Path::new(dir).is_dir());
        let examples = examples.map(|dir| format!("; examples are in {dir}")).unwrap_or_default();
        let texts = ["nobody yet: messages are repeated".into(), format!("a program{examples}")];
        let choices: Vec<Choice<'_>> = AGENTS.into_iter().zip(texts).collect();
        if prompt::choose("\nWho answers chat messages?", &choices, present)? == "echo" {
            self.agent.clear();
            return Ok(());
        }
        let usual = match self.agent.first() {
            Some(program) => format!(" [{}, as before]", safe(program)),
            None => String::new(),
        };
        let question = format!("The program, and its arguments{usual}: ");
        let before = std::mem::take(&mut self.agent);
        self.agent = prompt::until_right(&question, |text| match words(text) {
            Some(words) if words.is_empty() && before.is_empty() => Err("name a program".into()),
            Some(words) if words.is_empty() => Ok(before.clone()),
            Some(words) => match not_runnable(&words[0]) {
                None => Ok(words),
                Some(wrong) => Err(wrong),
            },
            None => Err("a quotation mark has no second one".into()),
        })?;
        Ok(())
    }

    /// What may go wrong, though it is allowed. The service sees no home directories.
    pub(super) fn warnings(&self, is_for_service: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        let program = self.agent.first().map(Path::new);
        let is_hidden =
            |program: &Path| program.starts_with("/home") || program.starts_with("/root");
        if let Some(program) = program.filter(|program| is_for_service && is_hidden(program)) {
            warnings.push(format!(
                "the service cannot run {program:?}, because it sees no home directories: copy it to \
                 /usr/local/bin"
            ));
        }
        if self.network != "loopback" && !self.tls {
            warnings
                .push("without TLS, everybody in the network can read messages and tokens".into());
        }
        warnings
    }

    /// The text of the configuration file.
    pub(super) fn file(&self) -> String {
        let name = match &self.name {
            Some(name) => format!("name: {}", text_in_json(name)),
            None => "// name: \"Attic\"".to_owned(),
        };
        let bind = text_in_json(&self.network);
        let waits = match &*self.network {
            "lan" | "loopback" => "",
            network if network != "tailnet" && !self.waits => "",
            _ => {
                "    // The bridge also starts while that address is missing.\n    waitForTailnet: true,\n"
            }
        };
        let agent = match self.agent.iter().map(|word| text_in_json(word)).collect::<Vec<_>>() {
            program if program.is_empty() => "kind: \"echo\"".to_owned(),
            program => format!("kind: \"command\",\n    command: [{}]", program.join(", ")),
        };
        format!(
            r#"// The configuration of openclaw-bridge, written by `openclaw-bridge setup`.
//
// `openclaw-bridge config check` lists mistakes in it, `openclaw-bridge reload` applies it and says
// what needs a restart. `man openclaw-bridge.json5` describes every key.
{{
  bridge: {{
    // The name that the apps show; without it, the name of this machine.
    {name},
    // Who can connect: "lan" is every device in the networks of this machine, "tailnet" is only those
    // in the tailnet, "loopback" is only this machine.
    bind: {bind},
{waits}    // Whether connections are encrypted. The certificate is made at the first start; `openclaw-bridge
    // fingerprint` prints what the apps show. An iPhone that lists the bridge but does not connect
    // needs its address entered by hand.
    tls: {{ enabled: {tls} }},
  }},
  agent: {{
    // What answers chat messages: "echo" repeats them, "command" is a program with its arguments, such
    // as command: ["/path/to/program", "argument"].
    {agent},
  }},
}}
"#,
            tls = self.tls
        )
    }
}

/// A text as JSON5 writes it, too.
fn text_in_json(text: &str) -> String {
    Value::from(text).to_string()
}

/// Why this cannot be run, if it cannot. A name alone is looked for when it is run.
fn not_runnable(program: &str) -> Option<String> {
    let shown = safe(program);
    let path = Path::new(program);
    match fs::metadata(path) {
        _ if !program.contains('/') => None,
        _ if !path.is_absolute() && !program.starts_with("~/") => {
            Some(format!("`{shown}`: give the whole path of the program"))
        }
        _ if program.starts_with("~/") => None,
        Err(error) => Some(format!("`{shown}` cannot be run: {error}")),
        Ok(meta) if !meta.is_file() || meta.mode() & 0o111 == 0 => {
            Some(format!("`{shown}` is not a program; a script needs `chmod +x`"))
        }
        Ok(_) => None,
    }
}

/// The words of a command, divided at spaces outside of quotation marks; `None` if one of those is
/// alone. Nothing else has a meaning, because no shell is involved.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in text.chars() {
        match (character, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_it_was_answered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bridge.json5");
        for (network, tls, name, agent) in [
            ("lan", true, None, &[][..]),
            (
                "tailnet",
                false,
                Some("Ada's \"Attic\" \\ \u{2028} */ //"),
                &["/bin/cat", "a b\n", "\""],
            ),
            ("loopback", true, Some("☕"), &["cat"]),
            ("192.168.1.5", true, None, &[]),
        ] {
            let (name, network) = (name.map(str::to_owned), network.to_owned());
            let agent: Vec<String> = agent.iter().map(|word| (*word).to_owned()).collect();
            // Where there is something to wait for that is not the tailnet.
            let waits = ["tailnet", "192.168.1.5"].contains(&&*network);
            let answers = Answers { network, waits, tls, name, agent };
            fs::write(&path, answers.file()).unwrap();
            let config = read(&path).unwrap().config;
            assert_eq!(config.warnings(), Vec::<String>::new());
            let again = Answers::of(Some(&config));
            assert_eq!(format!("{again:?}"), format!("{answers:?}"));
            assert_eq!(again.file(), answers.file());
        }
    }

    #[test]
    fn a_command_is_divided_at_spaces_outside_of_quotation_marks() {
        let words = |text| words(text).map(|words| words.join("|"));
        assert_eq!(words(" /a/b  c ").as_deref(), Some("/a/b|c"));
        assert_eq!(words(r#"a "b c" 'd "e' f"g h"i """#).as_deref(), Some("a|b c|d \"e|fg hi|"));
        assert_eq!(words(r"a\ b $(c)").as_deref(), Some(r"a\|b|$(c)"));
        assert_eq!(words("a \"b").as_deref(), None);
        assert_eq!(words("").as_deref(), Some(""));
    }
}
