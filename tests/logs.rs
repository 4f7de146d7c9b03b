//! Logs: the JSON API and the pages, over the plain reference store; in a real browser, too.

mod api;
mod browser;
mod lines;
mod pages;

use crate::errors::memory::ErrorMemory;
use crate::reference::logs::LogMemory;
use model::log::Line;
use reqwest::{Client, Response};
use serde_json::Value;
use server::Running;
use server::config::Config;
use server::store::sqlite::{Sqlite, StoreConfig};
use server::store::{ErrorStore, LogStore, Store};
use std::sync::Arc;
use tempfile::TempDir;

/// A server whose log lines are in memory.
struct Bed {
    running: Running,
    logs: Arc<LogMemory>,
    client: Client,
    _data: TempDir,
}

impl Bed {
    async fn with(lines: impl IntoIterator<Item = Line>) -> Bed {
        let data = TempDir::new().expect("a temporary directory");
        let logs = Arc::new(LogMemory::new());
        logs.push(lines);
        let kept = logs.clone();
        let open = async |config: Config, listeners, _| {
            let store = Sqlite::open(StoreConfig::new(config.data)).await.map_err(|error| error.to_string())?;
            store.set_listeners(listeners);
            Ok((store as Arc<dyn Store>, kept as Arc<dyn LogStore>, Arc::new(ErrorMemory::default()) as Arc<dyn ErrorStore>))
        };
        let running = server::serve_with(Config::ephemeral(data.path()), open).await.expect("clew starts");
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Bed { running, logs, client, _data: data }
    }

    /// `path` begins with a slash.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.addrs.base_url())
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.expect("clew answers")
    }

    /// The text of an answer that went well.
    async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert!(status.is_success(), "GET {path} answered {status}: {body}");
        body
    }

    async fn json(&self, path: &str) -> Value {
        let body = self.text(path).await;
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path} is not JSON ({error}): {body}"))
    }
}

/// The value of the first attribute with this name after a marker, with its entities resolved.
fn attribute(html: &str, marker: &str, name: &str) -> Option<String> {
    let tag = &html[html.find(marker)?..];
    let start = html.len() - tag.len();
    let open = html[..start].rfind('<')?;
    let tag = &html[open..open + html[open..].find('>')?];
    let value = tag.split_once(&format!("{name}=\""))?.1;
    Some(value[..value.find('"')?].replace("&amp;", "&").replace("&quot;", "\"").replace("&#x27;", "'"))
}
