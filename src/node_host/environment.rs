//! Which variables the gateway may give a program (protocol section 8.2).

use crate::node_host::policy::Security;
use std::collections::BTreeMap;

/// Ignored always, as the protocol says; `*` stands for the rest of a name.
const IGNORED: &str =
    "PATH NODE_OPTIONS PYTHONHOME PYTHONPATH PERL5LIB PERL5OPT RUBYOPT DYLD_* LD_*";

/// All that the gateway may set where only some programs may run, besides what the owner adds. Which
/// others make an allowed program run something else nobody can list: `MANOPT`, `GOFLAGS` and
/// `DBUS_SYSTEM_BUS_ADDRESS=unixexec:…` do.
const HARMLESS: &str = "LANG LC_* TERM TZ";

/// Divides the variables that the gateway wants a program to have into those it is given besides the
/// node's, if `security` counts, and the names of the others. A name that is not made of letters,
/// digits and `_` is refused: `PATH=x` would become a second `PATH`, and `BASH_FUNC_x%%` a function.
pub(super) fn divide(
    wanted: BTreeMap<String, String>,
    security: Security,
    owners: &[String],
) -> (BTreeMap<String, String>, Vec<String>) {
    let named = wanted.into_iter().map(|(name, value)| (name.trim().to_owned(), value));
    let is_given = |(name, value): &(String, String)| {
        let is_allowed = security == Security::Full
            || owners.contains(name)
            || is_in(HARMLESS, name) && is_plain(name, value);
        is_possible(name) && is_allowed && !value.contains('\0')
    };
    let (given, ignored): (BTreeMap<_, _>, BTreeMap<_, _>) = named.partition(is_given);
    (given, ignored.into_keys().collect())
}

/// Whether the gateway may set a variable of this name if the owner allows it.
pub(crate) fn is_possible(name: &str) -> bool {
    is_name(name) && !is_in(IGNORED, &name.to_ascii_uppercase())
}

/// Whether the value names no file and holds no format, as `sudo` checks it.
fn is_plain(name: &str, value: &str) -> bool {
    let names_a_file = match name {
        "TZ" => value.trim_start_matches(':').starts_with('/') || value.contains(".."),
        _ => value.contains('/'),
    };
    !names_a_file && !value.contains('%') && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn is_in(list: &str, name: &str) -> bool {
    list.split(' ').any(|pattern| match pattern.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => name == pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(names: &[&str], security: Security) -> Vec<String> {
        let wanted = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        divide(wanted, security, &["LAMP".to_owned(), "PATH".to_owned()]).0.into_keys().collect()
    }

    #[test]
    fn the_protocols_names_are_ignored_however_they_are_written() {
        let names = [
            "PATH",
            "path",
            " PATH ",
            "NODE_OPTIONS",
            "PYTHONHOME",
            "PYTHONPATH",
            "PERL5LIB",
            "PERL5OPT",
            "RUBYOPT",
            "DYLD_INSERT_LIBRARIES",
            "LD_PRELOAD",
            "ld_library_path",
        ];
        assert!(given(&names, Security::Full).is_empty());
        assert_eq!(given(&["LANG", "LDAP", "GIT_DIR"], Security::Full).len(), 3);
    }

    #[test]
    fn names_that_smuggle_something_in_are_ignored() {
        let names = ["PATH=/tmp", "LD_PRELOAD=/x:", "A\0B", "", " ", "1A", "BASH_FUNC_ls%%", "é"];
        assert!(given(&names, Security::Full).is_empty());
        let nul = BTreeMap::from([("A".to_owned(), "x\0".to_owned())]);
        assert!(divide(nul, Security::Full, &[]).0.is_empty());
    }

    #[test]
    fn where_only_some_programs_may_run_the_gateway_sets_language_terminal_and_time_zone() {
        let orders =
            "BASH_ENV DBUS_SYSTEM_BUS_ADDRESS FFREPORT GIT_DIR GOFLAGS HGRCPATH HOME LAMPS \
                      LANGUAGE MAKEFILES MANOPT PATH RSYNC_CONNECT_PROG lang TERMINFO TZDIR";
        let orders: Vec<&str> = orders.split_whitespace().collect();
        for security in [Security::Deny, Security::Allowlist] {
            assert!(given(&orders, security).is_empty());
            let harmless = ["LAMP", "LANG", "LC_ALL", "LC_TIME", "TERM", "TZ"];
            assert_eq!(given(&harmless, security), harmless);
        }
        let but_the_path = orders.len() - 1;
        assert_eq!(given(&orders, Security::Full).len(), but_the_path);
    }

    #[test]
    fn a_language_or_time_zone_does_not_name_a_file() {
        for (name, value, expected) in [
            ("TZ", "Europe/Berlin", true),
            ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", true),
            ("TZ", ":/tmp/x", false),
            ("TZ", "../../tmp/x", false),
            ("LANG", "de_DE.UTF-8@euro", true),
            ("LANG", "../tmp", false),
            ("LC_ALL", "%n", false),
            ("TERM", "xterm\n", false),
            ("LAMP", "/any %s\nthing", true),
        ] {
            let wanted = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let (given, ignored) = divide(wanted, Security::Allowlist, &["LAMP".to_owned()]);
            assert_eq!((given.len() == 1, ignored.is_empty()), (expected, expected), "{value}");
        }
    }
}
