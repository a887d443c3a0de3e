//! Programs and permissions that some tests need and not every machine has.
//!
//! Elsewhere such a test skips itself and says so. In CI (`CI=true`) it fails instead, unless
//! `.ci/run` found that the machine cannot have the tool and listed it in `TESTS_MAY_SKIP`.

use std::env;
use std::path::Path;

/// Where the programs are, including those for administrators.
pub(crate) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Whether a program is installed. `package` is the Debian package that has it.
#[track_caller]
pub(crate) fn has(program: &str, package: &str) -> bool {
    let is_installed = PATH.split(':').any(|dir| Path::new(dir).join(program).is_file());
    if !is_installed {
        skip(program, &format!("needs `{program}` (Debian package {package})"));
    }
    is_installed
}

/// Explains why the test that calls this ends early; fails where every test has to run.
#[track_caller]
pub(crate) fn skip(tool: &str, why: &str) {
    let may_skip = env::var("TESTS_MAY_SKIP").unwrap_or_default();
    let is_required = env::var_os("CI").is_some() && !may_skip.split(' ').any(|name| name == tool);
    assert!(!is_required, "{why}; CI has to run this test");
    eprintln!("skipped: {why}");
}
