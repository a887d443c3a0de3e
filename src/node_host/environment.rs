//! Which variables the gateway may give a program (protocol section 8.2).

use crate::node_host::policy::Security;
use std::collections::BTreeMap;

/// Ignored always, as the protocol says.
const IGNORED: &[&str] =
    &["PATH", "NODE_OPTIONS", "PYTHONHOME", "PYTHONPATH", "PERL5LIB", "PERL5OPT", "RUBYOPT"];

/// Families that are ignored always.
const IGNORED_FAMILIES: &[&str] = &["DYLD_", "LD_"];

/// Ignored where only some programs may run: with these, an allowed program runs others, or reads
/// its orders elsewhere. `BASH_ENV='$(…)'` alone would open every script on the list.
const ORDERS: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "BROWSER",
    "CDPATH",
    "EDITOR",
    "ENV",
    "GCONV_PATH",
    "HOME",
    "IFS",
    "LESSCLOSE",
    "LESSOPEN",
    "LOCPATH",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "MANPAGER",
    "PAGER",
    "PROMPT_COMMAND",
    "PS4",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "VISUAL",
];

/// Families of such variables.
const ORDERS_FAMILIES: &[&str] =
    &["GIT_", "GLIBC_", "JAVA_", "JDK_", "NODE_", "NPM_CONFIG_", "PERL", "PYTHON", "RUBY", "XDG_"];

/// The variables that a program is given besides those of the node. A name that is not made of
/// letters, digits and `_` is ignored: `PATH=x` would become a second `PATH`, and `BASH_FUNC_x%%`
/// a function.
pub(super) fn allowed(
    wanted: BTreeMap<String, String>,
    security: Security,
) -> impl Iterator<Item = (String, String)> {
    let named = wanted.into_iter().map(|(name, value)| (name.trim().to_owned(), value));
    named.filter(move |(name, value)| {
        is_name(name) && !value.contains('\0') && !is_ignored(&name.to_ascii_uppercase(), security)
    })
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn is_ignored(name: &str, security: Security) -> bool {
    let is_in = |names: &[&str], families: &[&str]| {
        names.contains(&name) || families.iter().any(|family| name.starts_with(family))
    };
    is_in(IGNORED, IGNORED_FAMILIES) || security != Security::Full && is_in(ORDERS, ORDERS_FAMILIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(names: &[&str], security: Security) -> Vec<String> {
        let wanted = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        allowed(wanted, security).map(|(name, _)| name).collect()
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
        assert_eq!(allowed(nul, Security::Full).count(), 0);
    }

    #[test]
    fn orders_are_ignored_where_only_some_programs_may_run() {
        let orders = ["BASH_ENV", "ENV", "GIT_SSH_COMMAND", "PYTHONSTARTUP", "HOME", "PAGER"];
        assert!(given(&orders, Security::Allowlist).is_empty());
        assert_eq!(given(&orders, Security::Full).len(), orders.len());
        assert_eq!(given(&["LANG", "TZ", "MY_TOKEN"], Security::Allowlist).len(), 3);
    }
}
