//! The pages that the canvas host serves from the program: plain JavaScript, for which the compiler
//! looks after nothing.

use super::{root, LONGEST_FILE};
use std::fs;

/// Ways to make markup or programs of texts, which is how texts of messages could become either.
const NOT_IN_PAGES: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "createContextualFragment",
    "DOMParser",
    "srcdoc",
    "eval(",
    "new Function",
    "cssText",
    "localStorage",
    "fetch(",
];

#[test]
fn pages_are_small_files_that_are_served_and_make_no_markup_of_texts() {
    let pages = root().join("src/canvas_host/pages");
    let table = fs::read_to_string(root().join("src/canvas_host/pages.rs")).unwrap();
    let index = fs::read_to_string(pages.join("a2ui/index.html")).unwrap();
    let a2ui = fs::read_dir(pages.join("a2ui")).unwrap().map(|entry| entry.unwrap().path());
    for path in a2ui.chain([pages.join("actions.js")]) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&pages).unwrap().to_str().unwrap();
        assert!(table.contains(&format!("{name:?}")), "{name} is not in the table of pages");
        assert!(text.lines().count() <= LONGEST_FILE, "{name} is too long");
        if name.ends_with(".js") {
            assert!(text.starts_with("// "), "{name} does not begin with what it is for");
            // All at once: one after the other takes too long over a slow network.
            let is_loaded = index.contains(name.trim_start_matches("a2ui/"));
            assert!(is_loaded || name.contains("worker"), "index.html does not load {name}");
        }
        let evil = NOT_IN_PAGES.iter().find(|word| text.contains(**word));
        assert_eq!(evil, None, "{name}");
    }
}

#[test]
fn agents_and_people_are_told_of_every_component() {
    let pages = root().join("src/canvas_host/pages/a2ui");
    let tools = fs::read_to_string(root().join("src/cli/tools/tools.json")).unwrap();
    let readme = fs::read_to_string(root().join("etc/a2ui/README.md")).unwrap();
    let example = fs::read_to_string(root().join("etc/a2ui/components.jsonl")).unwrap();
    let mut components = 0;
    for file in ["basic.js", "layout.js", "inputs.js"] {
        let text = fs::read_to_string(pages.join(file)).unwrap();
        for rest in text.split("\nexport const ").skip(1) {
            let name = rest.split(' ').next().unwrap();
            let is_told = [' ', ','].iter().any(|end| tools.contains(&format!(" {name}{end}")));
            assert!(is_told, "tools.json does not name {name}");
            assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
            assert!(example.contains(&format!("{{\"{name}\":")), "no example of {name}");
            components += 1;
        }
    }
    assert_eq!(components, 18);
}
