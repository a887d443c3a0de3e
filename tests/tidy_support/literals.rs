//! The string literals of Rust source text, found without a parser.

/// The literals with their offsets, as they are spelled between the quotes. Comments are skipped.
pub(crate) fn literals(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            at += 3;
        } else if rest.starts_with('"') {
            let start = at + 1;
            let end = start + length(&code[..at], &code[start..]);
            found.push((start, &code[start..end]));
            at = end + 1;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// The length of a literal that starts with `rest`; it is raw if `before` ends in `r` and hashes.
fn length(before: &str, rest: &str) -> usize {
    let head = before.trim_end_matches('#');
    if head.ends_with('r') {
        let end = format!("\"{}", &before[head.len()..]);
        return rest.find(&end).unwrap_or(rest.len());
    }
    let mut is_escaped = false;
    let end = rest.find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(rest.len())
}

#[test]
fn literals_are_found_and_comments_are_not() {
    let code = "a(\"one\\\"\", 'x', '\"', '\\'') // \"no\"\nr#\"two \"quoted\"\"#; b\"three\"";
    let texts: Vec<&str> = literals(code).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["one\\\"", "two \"quoted\"", "three"]);
}
