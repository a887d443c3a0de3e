//! Completion scripts for shells, made from the table.
//!
//! Each script finds the command among the words before the cursor and offers what the table says
//! for it: further words, flags, and the values of a flag or argument.

use super::table::{self, Flag, Kind, Verb, PROGRAM};
use std::fmt::Write;

/// The script for `bash`, `zsh` or `fish`.
pub fn script(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

/// Every path at which something follows: the root, groups, and commands with their aliases.
fn places() -> Vec<String> {
    let mut places = vec![String::new()];
    let mut next = 0;
    while let Some(place) = places.get(next).cloned() {
        let below = table::words_after(&place);
        places.extend(below.iter().map(|word| format!("{place} {word}").trim().to_owned()));
        next += 1;
    }
    places
}

/// What can be typed at `place`, besides values.
fn words(place: &str) -> Vec<String> {
    let mut words: Vec<String> =
        table::words_after(place).iter().map(ToString::to_string).collect();
    if let Some(verb) = table::find(place) {
        words.extend(argument(verb).words().iter().map(ToString::to_string));
        words.extend(verb.flags().map(|flag| format!("--{}", flag.name)));
    }
    words.push("--help".to_owned());
    words.extend(place.is_empty().then(|| "--version".to_owned()));
    words
}

/// What the first argument without a name is; nothing to complete if there is none.
fn argument(verb: &Verb) -> Kind {
    verb.positionals.first().map_or(Kind::Text, |positional| positional.kind)
}

/// Every flag that takes a value, with the places where it can be given.
fn valued() -> Vec<(String, &'static Flag)> {
    let mut valued = Vec::new();
    for place in places() {
        let flags = table::find(&place).into_iter().flat_map(Verb::flags);
        let with_value = flags.filter(|flag| flag.kind != Kind::Switch);
        valued.extend(with_value.map(|flag| (place.clone(), flag)));
    }
    valued
}

fn bash() -> String {
    let mut flags = String::new();
    for (place, flag) in valued() {
        let reply = match flag.kind {
            Kind::File => "COMPREPLY=($(IFS=; compgen -f -- \"$cur\"))".to_owned(),
            Kind::Directory => "COMPREPLY=($(IFS=; compgen -d -- \"$cur\"))".to_owned(),
            kind => format!("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", kind.words().join(" ")),
        };
        let _ = writeln!(flags, "        '{place} --{}') {reply}; return ;;", flag.name);
    }
    let mut commands = String::new();
    let mut offers = String::new();
    for place in places() {
        if !place.is_empty() {
            let _ = writeln!(commands, "            '{place}') place=$word ;;");
        }
        let words = words(&place).join(" ");
        let files = table::find(&place).is_some_and(|verb| argument(verb) == Kind::File);
        let more = if files { " COMPREPLY=($(compgen -f -- \"$cur\"))" } else { "" };
        let _ = writeln!(offers, "        '{place}') words='{words}';{more} ;;");
    }
    format!(
        "# bash completion for {PROGRAM}; made by `{PROGRAM} completions bash`.
_openclaw_bridge() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local place='' word words='' i IFS=$' \\t\\n'
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\"${{place:+$place }}${{COMP_WORDS[i]}}\"
        case $word in
{commands}        esac
    done
    case \"$place $prev\" in
{flags}    esac
    case $place in
{offers}    esac
    COMPREPLY+=($(compgen -W \"$words\" -- \"$cur\"))
}}
complete -o filenames -F _openclaw_bridge {PROGRAM}
"
    )
}

fn zsh() -> String {
    let mut commands = String::new();
    let mut offers = String::new();
    for place in places() {
        if !place.is_empty() {
            let _ = writeln!(commands, "            '{place}') place=$word ;;");
        }
        offers.push_str(&zsh_offers(&place));
    }
    format!(
        "#compdef {PROGRAM}
# zsh completion for {PROGRAM}; made by `{PROGRAM} completions zsh`.
_openclaw_bridge() {{
    local place='' word i at=1
    local -a words_below specs
    for ((i = 2; i < CURRENT; i++)); do
        word=\"${{place:+$place }}${{words[i]}}\"
        case $word in
{commands}            *) continue ;;
        esac
        at=$i
    done
    case $place in
{offers}    esac
    if (( $#words_below )) && [[ ${{words[CURRENT]}} != -* ]]; then
        _describe -t commands command words_below
        return
    fi
    # What follows the command is all that the specifications are about.
    words=(\"${{(@)words[at,-1]}}\")
    (( CURRENT -= at - 1 ))
    _arguments -s -S $specs
}}
if [[ $funcstack[1] == _openclaw_bridge ]]; then
    _openclaw_bridge \"$@\"
else
    compdef _openclaw_bridge {PROGRAM}
fi
"
    )
}

/// The arm for one place: the words that may follow, and what `_arguments` has to know.
fn zsh_offers(place: &str) -> String {
    let mut offers = format!("        '{place}')\n");
    let below = table::words_after(place);
    if !below.is_empty() {
        offers.push_str("            words_below=(\n");
        for word in below {
            let summary = table::summary(format!("{place} {word}").trim());
            let _ = writeln!(offers, "                {}", quoted(&format!("{word}:{summary}")));
        }
        offers.push_str("            )\n");
    }
    offers
        .push_str("            specs=(\n                '(-h --help)'{-h,--help}'[Print help.]'\n");
    if place.is_empty() {
        offers.push_str("                '(-V --version)'{-V,--version}'[Print the version.]'\n");
    }
    if let Some(verb) = table::find(place) {
        for flag in verb.flags() {
            let _ = writeln!(offers, "                {}", quoted(&zsh_flag(flag)));
        }
        if let Some(argument) = verb.positionals.first() {
            let number = if argument.repeat { "*" } else { "1" };
            let text = format!("{number}:{}:{}", argument.name, zsh_values(argument.kind));
            let _ = writeln!(offers, "                {}", quoted(&text));
        }
    }
    offers.push_str("            ) ;;\n");
    offers
}

/// `--log[How much is logged.]:LEVEL:(off error …)`
fn zsh_flag(flag: &Flag) -> String {
    let star = if flag.repeat { "*" } else { "" };
    let mut text = format!("{star}--{}[{}]", flag.name, zsh_escaped(flag.help));
    if flag.kind != Kind::Switch {
        let _ = write!(text, ":{}:{}", zsh_escaped(flag.value), zsh_values(flag.kind));
    }
    text
}

fn zsh_values(kind: Kind) -> String {
    match kind {
        Kind::File => "_files".to_owned(),
        Kind::Directory => "_files -/".to_owned(),
        kind if kind.words().is_empty() => " ".to_owned(),
        kind => format!("({})", kind.words().join(" ")),
    }
}

/// Brackets and colons mean something in a specification.
fn zsh_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '[' | ']' | ':' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// In single quotes, as bash and zsh understand them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn fish() -> String {
    let mut commands = String::new();
    let mut offers = String::new();
    for place in places() {
        if !place.is_empty() {
            let _ =
                writeln!(commands, "            case '{place}'\n                set place $word");
        }
        let at = format!("complete -c {PROGRAM} -n '__openclaw_bridge_at \"{place}\"'");
        for word in table::words_after(&place) {
            let summary = table::summary(format!("{place} {word}").trim());
            let _ = writeln!(offers, "{at} -a {word} -d {}", fish_quoted(summary));
        }
        let Some(verb) = table::find(&place) else { continue };
        for flag in verb.flags() {
            let value = match flag.kind {
                Kind::Switch => "",
                Kind::File | Kind::Directory => " -r -F",
                kind if kind.words().is_empty() => " -x",
                kind => &format!(" -x -a '{}'", kind.words().join(" ")),
            };
            let help = fish_quoted(flag.help);
            let _ = writeln!(offers, "{at} -l {}{value} -d {help}", flag.name);
        }
        match argument(verb) {
            Kind::File => {
                let _ = writeln!(offers, "{at} -F");
            }
            kind if !kind.words().is_empty() => {
                let _ = writeln!(offers, "{at} -a '{}'", kind.words().join(" "));
            }
            _ => {}
        }
    }
    format!(
        "# fish completion for {PROGRAM}; made by `{PROGRAM} completions fish`.
function __openclaw_bridge_at
    set -l place ''
    for token in (commandline -opc)[2..-1]
        set -l word (string trim -- \"$place $token\")
        switch $word
{commands}        end
    end
    test \"$place\" = \"$argv[1]\"
end
complete -c {PROGRAM} -f
complete -c {PROGRAM} -s h -l help -d 'Print help.'
complete -c {PROGRAM} -n '__openclaw_bridge_at \"\"' -s V -l version -d 'Print the version.'
{offers}"
    )
}

/// In single quotes, as fish understands them.
fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::verbs;
    use std::process::Command;

    /// Runs a shell on a script; `None` if there is no such shell here.
    fn shell(program: &str, args: &[&str], script: &str) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file.as_file(), script.as_bytes()).unwrap();
        let output = Command::new(program).args(args).arg(file.path()).output().ok()?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && errors.is_empty(), "{program}: {errors}");
        Some(String::from_utf8(output.stdout).unwrap())
    }

    /// What bash offers for the last word of a line.
    fn offered(words: &[&str]) -> Option<Vec<String>> {
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let script = format!(
            "{}\nCOMP_WORDS=({}); COMP_CWORD={}; _openclaw_bridge; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            bash(),
            line.join(" "),
            words.len() - 1
        );
        let output = shell("bash", &[], &script)?;
        Some(output.lines().map(str::to_owned).collect())
    }

    #[test]
    fn every_shell_accepts_its_script() {
        for program in ["bash", "zsh", "fish"] {
            let _ = shell(program, &["-n"], &script(program).unwrap());
        }
        assert_eq!(script("powershell"), None);
    }

    #[test]
    fn every_command_and_flag_is_in_every_script() {
        for script in [bash(), zsh(), fish()] {
            for verb in verbs() {
                assert!(verb.paths().all(|path| script.contains(&format!("'{path}'"))));
                assert!(verb.flags().all(|flag| script.contains(flag.name)));
            }
        }
    }

    #[test]
    fn bash_offers_what_can_follow() {
        let Some(words) = offered(&[PROGRAM, "nodes", "re"]) else { return };
        assert_eq!(words, ["reject", "rename", "revoke"]);
        assert_eq!(offered(&[PROGRAM, "st"]).unwrap(), ["status", "stop"]);
        assert_eq!(offered(&[PROGRAM, "log", "--json", "de"]).unwrap(), ["debug"]);
        assert_eq!(offered(&[PROGRAM, "serve", "--bind", "l"]).unwrap(), ["loopback", "lan"]);
        assert_eq!(offered(&[PROGRAM, "serve", "--port", ""]).unwrap(), [""]);
        assert_eq!(offered(&[PROGRAM, "nodes", "rename", "--na"]).unwrap(), ["--name"]);
    }
}
