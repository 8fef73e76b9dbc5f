//! The source keeps its shape: who may import whom, and how files look.
//!
//! Owns the layer table as data and the tidiness rules, and reads the source's text to hold it to
//! them. The table is that of `docs/architecture.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A layer: which modules of the crate it may import beside its own, which words it must not use.
struct Layer {
    name: &'static str,
    modules: &'static [&'static str],
    imports: &'static [&'static str],
    /// Paths and names that the layer must not know.
    forbidden: &'static [&'static str],
}

// `sabotage` is in no release: a word of each layer's, so that each can be spoiled.
const WORDS: &[&str] = &["id", "change", "status", "command", "resume", "sabotage"];
const WIRE: &[&str] = &["tonic", "prost", "tonic_health", "tonic_reflection", "tonic_types"];
const DATABASE: &[&str] = &["tokio_postgres", "pgwire_replication", "refinery"];
const WRITE_SIDE: &[&str] = &["GraphWriter", "GraphLimits", "graph::writer"];
const INPUT_OUTPUT: &[&str] =
    &["tokio::net", "tokio::time", "tokio::fs", "std::fs", "std::net", "std::time", "std::process"];

/// Each module of the crate is in exactly one layer.
const LAYERS: &[Layer] = &[
    Layer { name: "words", modules: WORDS, imports: WORDS, forbidden: &["tokio", "thiserror"] },
    Layer { name: "synthetic", modules: &["synthetic"], imports: WORDS, forbidden: INPUT_OUTPUT },
    Layer { name: "graph", modules: &["graph"], imports: WORDS, forbidden: INPUT_OUTPUT },
    Layer { name: "feed", modules: &["feed"], imports: WORDS, forbidden: &[] },
    Layer {
        name: "service",
        modules: &["service", "pb"],
        imports: &["id", "change", "status", "command", "graph", "service", "pb"],
        forbidden: WRITE_SIDE,
    },
    Layer {
        name: "bulk",
        modules: &["verify", "project"],
        imports: &["id", "change", "status", "command", "graph"],
        forbidden: WRITE_SIDE,
    },
    // It loads a graph, so it may know the write side.
    Layer {
        name: "checkpoint",
        modules: &["checkpoint"],
        imports: &["id", "change", "status", "command", "resume", "graph"],
        forbidden: &[],
    },
    Layer { name: "wiring", modules: WIRING, imports: EVERYTHING, forbidden: &[] },
];

const WIRING: &[&str] = &[
    "admin",
    "apply",
    "cli",
    "config",
    "database",
    "embedded",
    "lib",
    "main",
    "migrate",
    "rebuild",
    "server",
    "telemetry",
];

/// In [`Layer::imports`]: any module.
const EVERYTHING: &[&str] = &["*"];

/// Crates that whole layers must not know, by the layers' names.
const FORBIDDEN_CRATES: &[(&str, &[&[&str]])] = &[
    ("words", &[WIRE, DATABASE]),
    ("graph", &[WIRE, DATABASE]),
    ("feed", &[WIRE]),
    ("service", &[DATABASE]),
    ("bulk", &[WIRE]),
    ("checkpoint", &[WIRE]),
];

const LINES_MAX: usize = 500;

/// Files that may be longer, and how long: this list only shrinks.
const LONGER_FILES: &[(&str, usize)] = &[];

const FORBIDDEN_STEMS: &[&str] = &["mod", "utils", "util", "common", "helpers", "types"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below the folder, by path relative to the crate, with their text.
fn rust_files(folder: &str) -> BTreeMap<String, String> {
    let (mut files, mut open) = (BTreeMap::new(), vec![root().join(folder)]);
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

/// The code alone: no comments, no text within quotes.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if first == '"' {
            quoted(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\\"'") {
            4
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        rest = &rest[length..];
    }
    code
}

/// How long the quoted text at the beginning is.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, it) in text.char_indices().skip(1) {
        if it == '"' && !escaped {
            return at + 1;
        }
        escaped = it == '\\' && !escaped;
    }
    text.len()
}

/// Cuts out modules that only tests see: they may know anybody.
fn without_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut rest) = (String::new(), code);
    while let Some(begin) = rest.find(MARK) {
        kept.push_str(&rest[..begin]);
        rest = &rest[begin + MARK.len()..];
        let (open, end) = (rest.find('{'), rest.find(';'));
        let body = open.filter(|open| end.is_none_or(|end| *open < end));
        rest = match (body, end) {
            (Some(open), _) => &rest[open + block(&rest[open..])..],
            (None, Some(end)) => &rest[end + 1..],
            (None, None) => "",
        };
    }
    kept + rest
}

/// How long the block in braces at the beginning is.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, it) in code.char_indices() {
        match it {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// The crate's top-level modules that the code names, in `crate::x` and `crate::{x::…, y}`.
fn imports(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        if code[..at].ends_with(is_word) {
            continue;
        }
        let rest = &code[at + path.len()..];
        let list = if rest.starts_with('{') { &rest[..block(rest)] } else { rest };
        if list.len() == rest.len() || !rest.starts_with('{') {
            modules.extend(rest.split(|it| !is_word(it)).next().map(str::to_owned));
            continue;
        }
        let (mut depth, mut item) = (0, String::new());
        for it in list.chars() {
            match it {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => modules.push(std::mem::take(&mut item)),
                it if depth == 1 => item.push(it),
                _ => {}
            }
        }
        modules.push(item);
    }
    let first = |item: &str| item.trim().split(|it| !is_word(it)).next().map(str::to_owned);
    modules.iter().filter_map(|item| first(item)).filter(|it| !it.is_empty()).collect()
}

/// Whether the code names the path (or the one word), not as a part of a longer word.
fn mentions(code: &str, path: &str) -> bool {
    let whole =
        |at: usize| !code[..at].ends_with(is_word) && !code[at + path.len()..].starts_with(is_word);
    code.match_indices(path).any(|(at, _)| whole(at))
}

/// The top-level module of a file of `src`.
fn module_of(file: &str) -> &str {
    let below = file.strip_prefix("src/").unwrap();
    below.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Whether only tests see the file: it is, or lies below, a module `tests` that its parent declares
/// so. A file that merely has the name is no test.
fn is_test_module(file: &str, files: &BTreeMap<String, String>) -> bool {
    let path = file.trim_end_matches(".rs");
    let Some(end) = format!("{path}/").find("/tests/") else { return false };
    let parent = files.get(&format!("{}.rs", &path[..end])).map(|text| code(text));
    parent.is_some_and(|code| {
        let words: Vec<&str> = code.split_whitespace().collect();
        let declares = |words: &[&str]| {
            words[0] == "#[cfg(test)]" && words[1..].join(" ").ends_with("mod tests;")
        };
        words.windows(3).chain(words.windows(4)).any(declares)
    })
}

/// What the file does that its layer may not.
fn breaches(file: &str, text: &str) -> Vec<String> {
    let own = module_of(file);
    let Some(layer) = LAYERS.iter().find(|layer| layer.modules.contains(&own)) else {
        return vec![format!("{file}: module `{own}` is in no layer: put it into the table")];
    };
    let is_module = |it: &str| LAYERS.iter().any(|layer| layer.modules.contains(&it));
    let code = without_test_modules(&code(text));
    let may_import = |it: &str| {
        it == own || layer.imports == EVERYTHING || layer.imports.contains(&it) || !is_module(it)
    };
    let mut breaches: Vec<String> = imports(&code)
        .into_iter()
        .filter(|it| !may_import(it))
        .map(|it| format!("{file}: layer {} must not import `{it}`", layer.name))
        .collect();
    let crates = FORBIDDEN_CRATES.iter().filter(|(name, _)| *name == layer.name);
    let crates = crates.flat_map(|(_, lists)| lists.iter().copied().flatten());
    let forbidden = layer.forbidden.iter().chain(crates).filter(|it| mentions(&code, it));
    breaches
        .extend(forbidden.map(|it| format!("{file}: layer {} must not know `{it}`", layer.name)));
    breaches
}

#[test]
fn imports_obey_the_layer_table() {
    let files = rust_files("src");
    assert!(files.len() > 5, "the source is not where it is looked for");
    let code_files = files.iter().filter(|(file, _)| !is_test_module(file, &files));
    let breaches: Vec<String> = code_files.flat_map(|(file, text)| breaches(file, text)).collect();
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn files_are_tidy() {
    let mut breaches = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        for (file, text) in rust_files(folder) {
            if !text.trim_start().starts_with("//!") {
                breaches.push(format!("{file}: must open with `//!`: what it owns"));
            }
            let allowed = LONGER_FILES.iter().find(|(longer, _)| *longer == file);
            let (lines, most) = (text.lines().count(), allowed.map_or(LINES_MAX, |it| it.1));
            if lines > most {
                breaches.push(format!("{file}: {lines} lines, at most {most}: split it"));
            }
            if allowed.is_some() && lines <= LINES_MAX {
                breaches.push(format!("{file}: short enough now: take it off LONGER_FILES"));
            }
            let stem = Path::new(&file).file_stem().unwrap().to_string_lossy().into_owned();
            if FORBIDDEN_STEMS.contains(&stem.as_str()) {
                breaches.push(format!("{file}: `{stem}` says nothing: name it for its idea"));
            }
        }
    }
    for (file, _) in LONGER_FILES {
        if !root().join(file).exists() {
            breaches.push(format!("{file}: gone: take it off LONGER_FILES"));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn breaches_are_seen() {
    for (file, text) in [
        ("src/id.rs", "use crate::graph::Snapshot;"),
        ("src/id.rs", "use tokio::sync::Notify;"),
        ("src/graph/check.rs", "fn f() { crate::feed::run() }"),
        ("src/graph/check.rs", "use crate::{id::Lsn, service::{convert, paging}};"),
        ("src/graph/check.rs", "pub use ::tonic::Status;"),
        ("src/graph/check.rs", "let now = std::time::SystemTime::now();"),
        ("src/feed.rs", "use crate::{\n    change::Change,\n    graph,\n};"),
        ("src/feed/copy.rs", "use crate::service::Service;"),
        ("src/service/convert.rs", "use crate::graph::GraphWriter;"),
        ("src/service/convert.rs", "use crate::graph::{Snapshot, writer::GraphWriter};"),
        ("src/service/convert.rs", "use tokio_postgres::Client;"),
        ("src/service.rs", "\"// not a comment\"; use crate::server::run;"),
        ("src/elsewhere.rs", ""),
    ] {
        assert!(!breaches(file, text).is_empty(), "{file}: {text}");
    }
}

#[test]
fn what_is_allowed_is_no_breach() {
    for (file, text) in [
        ("src/graph/check.rs", "use crate::{id::{Lsn, Role}, change::Change}; use super::pages;"),
        ("src/graph/check.rs", "// use crate::feed::Feed;\n/* crate::service */"),
        ("src/graph/check.rs", "let text = \"crate::service::X and tonic\";"),
        ("src/graph/check.rs", "#[cfg(test)]\nmod tests { use crate::feed::X; fn f() {} }"),
        ("src/graph/check.rs", "#[cfg(test)]\nmod tests;\nuse crate::id::Lsn;"),
        ("src/graph/publish.rs", "use tokio::sync::Notify; pub(in crate::graph) fn f() {}"),
        ("src/service.rs", "use crate::graph::Snapshot; use crate::pb::CheckRequest;"),
        ("src/server.rs", "use crate::{feed, graph, service};"),
    ] {
        assert_eq!(breaches(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn only_declared_test_modules_are_tests() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let files = BTreeMap::from([
        file("src/service.rs", "mod list;\n#[cfg(test)]\npub(crate) mod tests;"),
        file("src/feed.rs", "#[cfg(test)] mod other;\nmod tests;"),
        file("src/graph.rs", "mod a;\n#[cfg(test)]\nmod tests;"),
    ]);
    for name in ["src/service/tests.rs", "src/service/tests/token.rs", "src/graph/tests.rs"] {
        assert!(is_test_module(name, &files), "{name}");
    }
    for name in ["src/feed/tests.rs", "src/service/list.rs", "src/gone/tests.rs", "src/tests.rs"] {
        assert!(!is_test_module(name, &files), "{name}");
    }
}
