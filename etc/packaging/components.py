#!/usr/bin/env python3
"""What the program is made of, as a package tells it: `components.py copyright` prints Debian's
machine-readable copyright file with the notices of all crates, `components.py sbom` a bill of materials
(CycloneDX). Both are for all targets, from Cargo.lock and the sources that cargo has fetched.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
]
# Where a licence can be chosen, the MIT licence is. All of its texts contain this one.
MIT = ROOT.joinpath("LICENSE").read_text().split("\n\n", 2)[2]
# Debian has this one on every machine, and wants no other copy.
APACHE = re.compile(r" *Apache License\n.*?END OF TERMS AND CONDITIONS"
                    r"(\s*APPENDIX: How to apply.*?limitations under the License\.)?", re.S)
# What comes with the compilers instead of with cargo: files, who holds the copyright, the licence.
COMPILERS = [
    ("rust/library/*", "The Rust Project Contributors", "Expat"),
    ("zig/libunwind/*\n zig/compiler-rt/*", "The LLVM Project and Zig contributors",
     "Apache-2.0-with-LLVM-exception or Expat"),
    ("zig/musl/*", "2005-2020 Rich Felker, et al. (the programs for musl alone)", "Expat"),
]


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def tree(edges):
    """The names and versions of the packages that the program is made of, for any of the targets."""
    found = set()
    for target in TARGETS:
        lines = run("cargo", "tree", "--locked", "-e", edges, "--target", target, "--prefix", "none")
        found |= {tuple(line.split()[:2]) for line in lines.splitlines()}
    return found


def crates():
    """The packages that are compiled into the program, or generate code for it."""
    metadata = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1"))
    packages = {(p["name"], "v" + p["version"]): p for p in metadata["packages"]}
    return [packages[key] for key in sorted(tree("normal"))], metadata


def plain(text):
    return " ".join(text.split())


def indented(text):
    """As a field of Debian's: each line after a space, empty ones as a full stop."""
    return "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in text.strip().splitlines())


def licence_files(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    return sorted(f for f in folder.iterdir() if re.match(r"(LICEN|COPY|NOTICE)", f.name, re.I))


def holders(package, texts):
    lines = [line.strip(" /*#\t") for text in texts for line in text.splitlines()]
    found = [re.sub(r"^copyright\s*(\(c\)|©)?\s*", "", line, flags=re.I) for line in lines
             if re.match(r"copyright\s*(\(c\)|©|\d{4})", line, re.I)]
    authors = [re.sub(r"\s*<.*", "", author) for author in package["authors"]]
    if all(re.fullmatch(r"[\d, -]+", holder) for holder in found):
        found = [f"{' '.join(found)} {author}".strip() for author in authors]
    return list(dict.fromkeys(found)) or [f"The authors of {package['name']}"]


def stanza(package, full):
    """The files of a crate, who holds the copyright, and the name and text of its licence. A text of
    its own where there is more than the MIT licence to it."""
    name = package["name"]
    texts = {f.name: f.read_text(errors="replace") for f in licence_files(package)}
    mit = [text for text in texts.values() if plain(MIT) in plain(text)]
    choices = re.findall(r"[\w.-]+", package["license"])
    extra = [f for f in texts if "THIRD-PARTY" in f or "UNICODE" in f]
    if "MIT" in choices and not extra and (mit or not texts):
        return holders(package, mit), "Expat", None
    if "MIT" in choices:
        texts = {f: text for f, text in texts.items() if "MIT" in f or f in extra}
    parts = []
    for file, text in texts.items():
        if not full:
            text = APACHE.sub("Apache License 2.0: /usr/share/common-licenses/Apache-2.0", text)
        parts.append(f"{file}:\n\n{text}")
    return holders(package, texts.values()), f"{name}-terms", "\n\n".join(parts)


def copyright(full):
    packages, _ = crates()
    print("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/")
    print("Upstream-Name: openclaw-bridge")
    print("Comment: The program contains the crates below (crates/), and what the compilers add.")
    own = []
    for package in packages:
        here = package["source"] is None
        who, name, text = stanza(package, full)
        files = "*" if here else f"crates/{package['name']}-{package['version']}/*"
        print(f"\nFiles: {files}\nCopyright: " + "\n ".join(who) + f"\nLicense: {name}")
        if text:
            own.append((name, text))
    for files, who, name in COMPILERS:
        print(f"\nFiles: {files}\nCopyright: {who}\nLicense: {name}")
    print(f"\nLicense: Expat\n{indented(MIT)}")
    print("\nLicense: Apache-2.0-with-LLVM-exception\n See https://llvm.org/LICENSE.txt. The exception:"
          " parts of it that a compiler\n embeds in a program may be passed on without further conditions.")
    for name, text in own:
        print(f"\nLicense: {name}\n{indented(text)}")


def component(package, linked, checksums):
    name, version = package["name"], package["version"]
    purl = f"pkg:cargo/{name}@{version}"
    found = {
        "type": "application" if package["source"] is None else "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        # What runs in the compiler alone is not in the program.
        "scope": "required" if (name, "v" + version) in linked else "excluded",
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
        "purl": purl,
    }
    checksum = checksums.get((name, version))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def sbom(commit, time):
    packages, metadata = crates()
    lock = ROOT.joinpath("Cargo.lock").read_text()
    entry = r'name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"'
    checksums = {(name, version): sum for name, version, sum in re.findall(entry, lock)}
    linked = tree("normal,no-proc-macro")
    parts = [component(package, linked, checksums) for package in packages]
    refs = {package["id"]: part["bom-ref"] for package, part in zip(packages, parts)}
    program = next(part for part in parts if part["type"] == "application")
    if commit:
        program["properties"] = [{"name": "commit", "value": commit}]
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    rust = run("rustc", "--version").split()[1]
    std = {"type": "library", "bom-ref": f"rust-std@{rust}", "name": "rust-std", "version": rust,
           "scope": "required", "licenses": [{"expression": "MIT OR Apache-2.0"}]}
    dependencies = [{
        "ref": refs[package["id"]],
        "dependsOn": sorted({refs[edge["pkg"]] for edge in edges[package["id"]]
                             if edge["pkg"] in refs and any(k["kind"] is None for k in edge["dep_kinds"])}),
    } for package in packages]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same for the same commit.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, lock + commit)}",
        "version": 1,
        "metadata": {"timestamp": time, "component": program},
        "components": [part for part in parts if part is not program] + [std],
        "dependencies": dependencies,
    }
    print(json.dumps(document, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["copyright"]:
            copyright(full=False)
        case ["copyright", "--full"]:
            copyright(full=True)
        case ["sbom", commit, time]:
            sbom(commit, time)
        case _:
            sys.exit("components.py copyright [--full] | sbom COMMIT TIME")
