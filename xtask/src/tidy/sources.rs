//! The tree as the rules see it: each file once, with the views of its text that rules ask for.

use std::path::{Path, PathBuf};

use super::rust_source::{blank_comments_and_strings, test_regions};

/// Written by a program, fetched from somewhere, or not ours to judge.
const NOT_OURS: [&str; 6] = [
    "target",
    "node_modules",
    ".venv",
    ".git",
    "build",
    "__pycache__",
];

/// Every file of the workspace that people write.
pub struct Tree {
    files: Vec<SourceFile>,
}

/// One text file; a file that is not UTF-8 keeps its name and an empty text.
pub struct SourceFile {
    /// Relative to the root of the workspace.
    pub path: PathBuf,
    /// As it lies on disk.
    pub text: String,
    /// Rust only: the text with comments and literals blanked, line for line.
    code: String,
    /// Rust only: for each line (from 0) whether it stands in a `#[cfg(test)]` block.
    in_test: Vec<bool>,
}

impl Tree {
    pub fn read(root: &Path) -> std::io::Result<Tree> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name();
                if NOT_OURS.iter().any(|other| name == *other) {
                    continue;
                }
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    let text = String::from_utf8(std::fs::read(entry.path())?).unwrap_or_default();
                    let path = entry
                        .path()
                        .strip_prefix(root)
                        .expect("found below the root")
                        .to_owned();
                    files.push(SourceFile::new(path, text));
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    /// A tree made of (path, text), for the rules' own tests.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Tree {
        Tree {
            files: files
                .iter()
                .map(|(path, text)| SourceFile::new(path.into(), (*text).to_owned()))
                .collect(),
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }

    pub fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is("rs"))
    }

    /// Source and papers, not data, licences or lock files.
    pub fn written_by_hand(&self) -> impl Iterator<Item = &SourceFile> {
        const KINDS: [&str; 13] = [
            "rs", "js", "mjs", "ts", "py", "css", "html", "sql", "md", "toml", "sh", "story", "yml",
        ];
        self.files
            .iter()
            .filter(|file| KINDS.iter().any(|kind| file.is(kind)))
    }

    /// The members' files of this name; the root's own is not among them.
    pub fn files_named<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t SourceFile> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(name) && file.path != Path::new(name))
    }

    pub fn get(&self, path: impl AsRef<Path>) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path.as_ref())
    }

    /// Whether a file or a folder of this name is in the tree.
    pub fn has(&self, path: &Path) -> bool {
        path == Path::new("") || self.files.iter().any(|file| file.path.starts_with(path))
    }
}

impl SourceFile {
    fn new(path: PathBuf, text: String) -> Self {
        let is_rust = path.extension().is_some_and(|e| e == "rs");
        let code = if is_rust {
            blank_comments_and_strings(&text)
        } else {
            String::new()
        };
        let in_test = if is_rust {
            test_regions(&code)
        } else {
            Vec::new()
        };
        SourceFile {
            path,
            text,
            code,
            in_test,
        }
    }

    pub fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|e| e == extension)
    }

    /// The text line by line, numbered from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Rust code without comments and literals, numbered from 1.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// Rust code without comments, literals and `#[cfg(test)]` blocks; lines stay where they were.
    pub fn product_code(&self) -> String {
        let mut code = String::with_capacity(self.code.len());
        for (line, in_test) in self.code.lines().zip(&self.in_test) {
            if !in_test {
                code.push_str(line);
            }
            code.push('\n');
        }
        code
    }

    /// The lines that are tests: everything below a folder `tests`, and `#[cfg(test)]` blocks elsewhere.
    pub fn test_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test_file = self.path.iter().any(|part| part == "tests") && !self.is("md");
        self.lines().filter(move |(number, _)| {
            is_test_file || self.in_test.get(number - 1).copied().unwrap_or(false)
        })
    }
}
