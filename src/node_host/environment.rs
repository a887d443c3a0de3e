//! Which variables the gateway may give a program (protocol section 8.2).

use crate::node_host::policy::Scope;
use std::collections::BTreeMap;

/// Ignored always, as the protocol says.
const IGNORED: &[&str] =
    &["PATH", "NODE_OPTIONS", "PYTHONHOME", "PYTHONPATH", "PERL5LIB", "PERL5OPT", "RUBYOPT"];

/// Families that are ignored always.
const IGNORED_FAMILIES: &[&str] = &["DYLD_", "LD_"];

/// Ignored where only some programs may run: these variables change what an allowed program
/// executes. `BASH_ENV='$(…)'` alone would open every script on the list.
const ORDERS: &[&str] = &[
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "BROWSER",
    "CDPATH",
    "CLASSPATH",
    "EDITOR",
    "ENV",
    "EXINIT",
    "GCONV_PATH",
    "HOME",
    "IFS",
    "KUBECONFIG",
    "LOCPATH",
    "MAKEFLAGS",
    "MANPAGER",
    "NLSPATH",
    "PAGER",
    "PROMPT_COMMAND",
    "PS4",
    "RSYNC_RSH",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "SYSTEMD_EDITOR",
    "SYSTEMD_PAGER",
    "TAR_OPTIONS",
    "VIMINIT",
    "VISUAL",
    "WGETRC",
    "ZDOTDIR",
    "_JAVA_OPTIONS",
];

/// Families of such variables.
const ORDERS_FAMILIES: &[&str] = &[
    "BASH",
    "CURL_",
    "DOCKER_",
    "GIO_",
    "GIT_",
    "GLIBC_",
    "GST_",
    "GTK_",
    "JAVA_",
    "JDK_",
    "LESS",
    "LUA_",
    "NODE_",
    "NPM_CONFIG_",
    "OPENSSL_",
    "PERL",
    "PHP",
    "PYTHON",
    "QT_",
    "RUBY",
    "SHELL",
    "XDG_",
];

/// The variables that a program is given besides those of the node. A name that is not made of
/// letters, digits and `_` is ignored: `PATH=x` would become a second `PATH`, and `BASH_FUNC_x%%`
/// a function.
pub(super) fn allowed(
    wanted: BTreeMap<String, String>,
    scope: Scope,
) -> impl Iterator<Item = (String, String)> {
    let named = wanted.into_iter().map(|(name, value)| (name.trim().to_owned(), value));
    named.filter(move |(name, value)| {
        is_name(name) && !value.contains('\0') && !is_ignored(&name.to_ascii_uppercase(), scope)
    })
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn is_ignored(name: &str, scope: Scope) -> bool {
    let is_in = |names: &[&str], families: &[&str]| {
        names.contains(&name) || families.iter().any(|family| name.starts_with(family))
    };
    is_in(IGNORED, IGNORED_FAMILIES) || scope == Scope::Listed && is_in(ORDERS, ORDERS_FAMILIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(names: &[&str], scope: Scope) -> Vec<String> {
        let wanted = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        allowed(wanted, scope).map(|(name, _)| name).collect()
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
        assert!(given(&names, Scope::Everything).is_empty());
        assert_eq!(given(&["LANG", "LDAP", "GIT_DIR"], Scope::Everything).len(), 3);
    }

    #[test]
    fn names_that_smuggle_something_in_are_ignored() {
        let names = ["PATH=/tmp", "LD_PRELOAD=/x:", "A\0B", "", " ", "1A", "BASH_FUNC_ls%%", "é"];
        assert!(given(&names, Scope::Everything).is_empty());
        let nul = BTreeMap::from([("A".to_owned(), "x\0".to_owned())]);
        assert_eq!(allowed(nul, Scope::Everything).count(), 0);
    }

    #[test]
    fn orders_are_ignored_where_only_some_programs_may_run() {
        let orders = [
            "BASH_ENV",
            "ENV",
            "GIT_SSH_COMMAND",
            "PYTHONSTARTUP",
            "HOME",
            "PAGER",
            "TAR_OPTIONS",
            "OPENSSL_CONF",
            "LESSOPEN",
            "SHELLOPTS",
        ];
        assert!(given(&orders, Scope::Listed).is_empty());
        assert_eq!(given(&orders, Scope::Everything).len(), orders.len());
        assert_eq!(given(&["LANG", "TZ", "MY_TOKEN"], Scope::Listed).len(), 3);
    }
}
