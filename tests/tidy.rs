//! Rules of the house that a compiler does not check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a source file without its tests. The aim is 400; the rest is for files without a natural seam.
const LONGEST_FILE: usize = 450;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] = ["util", "utils", "common", "helper", "helpers", "misc", "manager", "shared", "stuff"];

/// What the browser bundle must never carry.
const SERVER_ONLY: [&str; 10] =
    ["app", "axum", "hyper", "leptos_axum", "leptos_meta", "leptos_router", "reqwest", "sqlx", "tokio", "tonic"];

/// Compressed size of the browser module that users load, in bytes.
const WASM_BUDGET: usize = 195_000;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["app", "server", "tests"].iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 20, "the sources are where this test looks");
    found
}

#[test]
fn files_are_short_enough_to_read() {
    let lines = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("UTF-8");
        text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(text.lines().count())
    };
    let long: Vec<_> = sources().iter().map(|path| (lines(path), path.clone())).filter(|(lines, _)| *lines > LONGEST_FILE).collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines: split at a seam: {long:#?}");
}

#[test]
fn names_say_what_is_inside() {
    for path in sources() {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("UTF-8");
        assert!(name != "mod", "{}: a module is name.rs beside name/", path.display());
        assert!(!EMPTY_NAMES.contains(&name), "{}: name it after what it does", path.display());
    }
}

#[test]
fn the_server_stays_out_of_the_browser_bundle() {
    let tree = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--package", "islands", "--features", "hydrate", "--target", "wasm32-unknown-unknown"])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"])
        .output()
        .expect("cargo tree runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("model"), "cargo tree lists the bundle's crates");
    let strays: Vec<_> = SERVER_ONLY.iter().filter(|name| crates.contains(**name)).collect();
    assert!(strays.is_empty(), "in the browser bundle: {strays:?}");
}

#[test]
fn the_browser_bundle_is_small() {
    let size = server::assets::wasm_brotli_bytes();
    assert!(size > 0, "the bundle is embedded");
    // A debug build's bundle is made for a short edit loop, so it says nothing of the size of the real one.
    if !cfg!(debug_assertions) {
        assert!(size <= WASM_BUDGET, "the wasm is {size} bytes in brotli, {WASM_BUDGET} are allowed");
    }
}

#[test]
fn the_readme_names_every_flag() {
    let help = Command::new(env!("CARGO_BIN_EXE_clew")).arg("--help").output().expect("clew starts");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let flags: BTreeSet<&str> =
        words.filter(|word| word.starts_with("--") && word.len() > 4 && *word != "--help" && *word != "--version").collect();
    assert!(flags.contains("--data"), "--help lists the flags: {help}");
    let missing: Vec<_> = flags.iter().filter(|flag| !readme.contains(**flag)).collect();
    assert!(missing.is_empty(), "README.md says nothing about {missing:?}");
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let listed = Command::new("git").current_dir(root()).args(["ls-files"]).output();
    let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
        // Not a checkout: there is no list of what belongs to the project.
        return;
    };
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let top: BTreeSet<&str> = listed.lines().filter_map(|path| path.split('/').next()).collect();
    let known = BTreeSet::from([
        ".ci",
        ".gitignore",
        ".rustfmt.toml",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "app",
        "migrations",
        "public",
        "server",
        "style",
        "tests",
    ]);
    let strays: Vec<_> = top.difference(&known).collect();
    assert!(strays.is_empty(), "new at the top level: {strays:?}");
}
