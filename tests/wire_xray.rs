//! X-Ray as it comes over the wire: datagrams through a real socket, requests through the real routers, into a store that
//! records.

mod api;
mod captures;
mod datagrams;
pub mod mutations;

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What begins every datagram.
pub const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";

/// One recording of a real SDK.
pub struct Capture {
    pub path: PathBuf,
    pub body: Vec<u8>,
}

/// What is known of a recorded request.
#[derive(Deserialize)]
pub struct Meta {
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// Of CloudWatch Logs: which client was recorded, and the answer it got.
    #[serde(default)]
    pub run: String,
    #[serde(default)]
    pub reply: serde_json::Value,
}

impl Capture {
    /// All in a folder of the fixtures, in the order in which they were sent.
    pub fn all(folder: &str, count: usize) -> Vec<Capture> {
        Capture::all_in(&format!("xray/{folder}"), count)
    }

    /// The same of whatever source.
    pub fn all_in(folder: &str, count: usize) -> Vec<Capture> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(folder);
        let mut bodies: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        bodies.retain(|path| path.to_string_lossy().ends_with(".body.bin"));
        bodies.sort();
        assert_eq!(bodies.len(), count, "every capture is found");
        bodies.into_iter().map(|path| Capture { body: std::fs::read(&path).unwrap(), path }).collect()
    }

    pub fn datagrams() -> Vec<Capture> {
        Capture::all("udp", 69)
    }

    pub fn meta(&self) -> Meta {
        let meta = self.path.to_string_lossy().replace(".body.bin", ".meta.json");
        serde_json::from_slice(&std::fs::read(meta).unwrap()).unwrap()
    }

    /// The document of a datagram.
    pub fn document(&self) -> &str {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.strip_prefix(HEADER).unwrap_or_else(|| panic!("{} has the header", self.path.display()))
    }
}
