//! Errors: the pages as HTML and what their forms do, over a plain store in memory.

mod alerts;
mod browser;
mod clients;
pub mod memory;
mod pages;
mod program;
mod triage;

use memory::ErrorMemory;
use reqwest::{Client, Response, StatusCode, Url};
use server::Running;
use server::config::Config;
use server::store::sqlite::{Sqlite, StoreConfig};
use server::store::{ErrorStore, LogStore, Store};
use std::sync::Arc;
use tempfile::TempDir;

/// A server whose errors are in memory.
struct Bed {
    running: Running,
    errors: Arc<ErrorMemory>,
    client: Client,
    _data: TempDir,
}

impl Bed {
    async fn with(errors: ErrorMemory) -> Bed {
        let data = TempDir::new().expect("a temporary directory");
        let errors = Arc::new(errors);
        let kept = errors.clone();
        let open = async |config: Config, listeners, _| {
            let store = Sqlite::open(StoreConfig::new(config.data)).await.map_err(|error| error.to_string())?;
            store.set_listeners(listeners);
            Ok((store.clone() as Arc<dyn Store>, store as Arc<dyn LogStore>, kept as Arc<dyn ErrorStore>))
        };
        let running = server::serve_with(Config::ephemeral(data.path()), open).await.expect("clew starts");
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Bed { running, errors, client, _data: data }
    }

    /// `path` begins with a slash.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.addrs.base_url())
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.expect("clew answers")
    }

    /// The text of a page that is there.
    async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert!(status.is_success(), "GET {path} answered {status}: {body}");
        // What stands between texts for hydration says nothing here.
        body.replace("<!>", "").replace("<!---->", "")
    }

    /// Sends a form; where it leads.
    async fn post(&self, path: &str, form: &[(&str, &str)], cookie: &str) -> Response {
        let body = Url::parse_with_params("http://x/", form).expect("a form").query().unwrap_or_default().to_owned();
        let request = self.client.post(self.url(path)).header("content-type", "application/x-www-form-urlencoded").header("cookie", cookie);
        request.body(body).send().await.expect("clew answers")
    }

    /// Sends a form of triage that is answered with the way back.
    async fn triage(&self, form: &[(&str, &str)]) -> String {
        let answer = self.post("/errors/triage", form, "name=Ann").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{form:?}");
        answer.headers()["location"].to_str().expect("an address").to_owned()
    }
}
