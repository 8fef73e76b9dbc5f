//! What the documents quote and link to is there.
//!
//! Owns the promises of README.md and docs/ that a machine can check. Their Python is run by the
//! Python client's tests.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The code between the lines "```language" and "```".
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, after) = text.split_once(&format!("\n```{language}\n")).unwrap();
    after.split_once("\n```\n").unwrap().0
}

#[test]
fn the_rust_example_is_quoted_word_for_word() {
    let example = read(&root().join("examples/check.rs"));
    let code: Vec<&str> = example.lines().map(str::trim).collect();
    let readme = read(&root().join("README.md"));
    let quoted: Vec<&str> = block(&readme, "rust").lines().map(str::trim).collect();
    assert!(code.windows(quoted.len()).any(|lines| lines == quoted), "{quoted:?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "clients/python/README.md"].map(|it| root().join(it)).into();
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        documents.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    let mut links = 0;
    for document in documents {
        let text = read(&document);
        let targets = text.split("](").skip(1).filter_map(|after| after.split_once(')'));
        for (target, _) in targets.filter(|(target, _)| !target.starts_with("http")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{} links to {target}", document.display());
            let has_heading =
                heading.is_empty() || headings(&read(&path)).contains(&heading.into());
            assert!(has_heading, "{} links to {target}", document.display());
            links += 1;
        }
    }
    assert!(links > 10, "only {links} links were found");
}

/// The headings as links name them.
fn headings(text: &str) -> Vec<String> {
    let titles = text.lines().filter_map(|line| line.strip_prefix('#'));
    let titles = titles.map(|title| title.trim_start_matches('#').trim().to_lowercase());
    titles.map(|title| title.replace(' ', "-").replace(',', "")).collect()
}
