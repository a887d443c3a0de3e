//! Which variables the gateway may give a program (protocol section 8.2).

use crate::node_host::policy::Security;
use std::collections::BTreeMap;

/// Ignored always, as the protocol says; `*` stands for the rest of a name.
const IGNORED: &str =
    "PATH NODE_OPTIONS PYTHONHOME PYTHONPATH PERL5LIB PERL5OPT RUBYOPT DYLD_* LD_*";

/// Ignored where only some programs may run: these variables change what an allowed program
/// executes. `BASH_ENV='$(…)'` alone would open every script on the list.
const ORDERS: &str = "\
    AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE BASH* BROWSER CDPATH CLASSPATH CURL_* DOCKER_* \
    EDITOR ENV EXINIT GCONV_PATH GIO_* GIT_* GLIBC_* GST_* GTK_* HOME IFS JAVA_* JDK_* KUBECONFIG \
    LESS* LOCPATH LUA_* MAKEFLAGS MANPAGER NLSPATH NODE_* NPM_CONFIG_* OPENSSL_* PAGER PERL* PHP* \
    PROMPT_COMMAND PS4 PYTHON* QT_* RSYNC_RSH RUBY* SHELL* SSH_ASKPASS SUDO_ASKPASS \
    SYSTEMD_EDITOR SYSTEMD_PAGER TAR_OPTIONS VIMINIT VISUAL WGETRC XDG_* ZDOTDIR _JAVA_OPTIONS";

/// The variables that a program is given besides those of the node, if `security` counts. A name
/// that is not made of letters, digits and `_` is ignored: `PATH=x` would become a second `PATH`,
/// and `BASH_FUNC_x%%` a function.
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
    let is_in = |list: &str| {
        list.split(' ').any(|pattern| match pattern.strip_suffix('*') {
            Some(family) => name.starts_with(family),
            None => name == pattern,
        })
    };
    is_in(IGNORED) || security != Security::Full && is_in(ORDERS)
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
        assert!(given(&orders, Security::Allowlist).is_empty());
        assert_eq!(given(&orders, Security::Full).len(), orders.len());
        assert_eq!(given(&["LANG", "TZ", "MY_TOKEN"], Security::Allowlist).len(), 3);
    }
}
