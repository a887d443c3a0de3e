//! Commands that a node has and a gateway leaves out: it removes silently what its configuration
//! does not allow on the node's platform.

/// The commands that a node declared and the gateway does not offer, neither now nor after an
/// approval, in order.
pub(in crate::backend::openclaw) fn missing(
    declared: &[String],
    accepted: &[String],
    pending: &[String],
) -> Vec<String> {
    let is_missing = |command: &&String| !accepted.contains(command) && !pending.contains(command);
    let mut missing: Vec<String> = declared.iter().filter(is_missing).cloned().collect();
    missing.sort();
    missing.dedup();
    missing
}

/// The line of the gateway's configuration that allows these commands, as this version of it spells
/// the key. The list there may hold others already; they have to stay.
pub(in crate::backend::openclaw) fn allow_line(version: &str, commands: &[String]) -> String {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let (year, month) = (parts.next().flatten(), parts.next().flatten());
    // A version that cannot be read is a new one.
    let is_old = matches!((year, month), (Some(year), Some(month)) if (year, month) < (2026, 8));
    let key = if is_old { "allowCommands" } else { "commands.allow" };
    format!("gateway.nodes.{key}: {}", super::object::text(commands))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn pitfall_6_commands_that_were_left_out_are_named_with_the_line_that_allows_them() {
        let declared = words("camera.snap camera.list location.get acme.custom camera.snap");
        let missing = missing(&declared, &words("camera.list"), &words("location.get"));
        assert_eq!(missing, ["acme.custom", "camera.snap"]);
        let list = r#"["acme.custom","camera.snap"]"#;
        for (version, key) in [
            ("2026.5.22", "allowCommands"),
            ("2026.7.1-2", "allowCommands"),
            ("2026.8.2", "commands.allow"),
            ("2026.9.6", "commands.allow"),
            ("2027.1.1", "commands.allow"),
            ("dev", "commands.allow"),
        ] {
            assert_eq!(allow_line(version, &missing), format!("gateway.nodes.{key}: {list}"));
        }
    }
}
