//! Saved views of logs: a file of JSON in the data directory, read at the start, written when somebody saves or forgets one.

use app::url::{Logs, VIEW_REMOVE, VIEW_SAVE};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;
use model::time::Nanos;
use model::views::{SavedView, SavedViews};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The file in the data directory.
const FILE: &str = "saved-views.json";

/// Views that are kept.
const MOST: usize = 1000;

/// Characters of a name.
const LONGEST: usize = 80;

/// The views, as they are in the file.
#[derive(Debug)]
pub struct Views {
    file: PathBuf,
    views: Mutex<Vec<SavedView>>,
}

impl Views {
    /// Those kept in this directory. A file that cannot be read is left alone, and nothing can be saved.
    ///
    /// # Errors
    /// One sentence for the person who started the program.
    pub fn open(directory: &Path) -> Result<Views, String> {
        let file = directory.join(FILE);
        let views = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{} is not a list of views: {error}", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
        };
        Ok(Views { file, views: Mutex::new(views) })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<SavedView>) -> Result<(), String>) -> Result<(), String> {
        let mut kept = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let mut views = kept.clone();
        change(&mut views)?;
        views.sort_by(|a, b| a.name.cmp(&b.name));
        let text = serde_json::to_string_pretty(&views).map_err(|error| error.to_string())?;
        // Renamed into place: a crash leaves the old file or the new one.
        let draft = self.file.with_extension("json.new");
        std::fs::write(&draft, text)
            .and_then(|()| std::fs::rename(&draft, &self.file))
            .map_err(|error| format!("cannot write {}: {error}", self.file.display()))?;
        *kept = views;
        Ok(())
    }

    /// Keeps a search under a name, in place of the one that has it.
    fn save(&self, name: &str, address: &str, now: Nanos) -> Result<(), String> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > LONGEST {
            return Err(format!("a name has 1 to {LONGEST} characters"));
        }
        let address = own(address).ok_or("that is no search of logs")?;
        self.change(|views| {
            views.retain(|view| view.name != name);
            if views.len() >= MOST {
                return Err(format!("there are {MOST} views already: forget one first"));
            }
            views.push(SavedView { name: name.to_owned(), address, saved_at: now });
            Ok(())
        })
    }
}

/// The address of a search, in the one way it is written. Nothing else is linked to or redirected to.
fn own(address: &str) -> Option<String> {
    let search = address.strip_prefix("/logs")?;
    let search = if search.is_empty() { search } else { search.strip_prefix('?')? };
    Some(Logs::parse(search).ok()?.with(|_| ()).to_string())
}

impl SavedViews for Views {
    fn saved_views(&self) -> Vec<SavedView> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `POST /logs/views/save` and `POST /logs/views/remove`, both answered with 303 to the page.
pub fn routes(views: Arc<Views>) -> Router {
    Router::new().route(VIEW_SAVE, post(save)).route(VIEW_REMOVE, post(remove)).with_state(views)
}

type Answer = Result<Redirect, (StatusCode, String)>;

#[derive(Deserialize)]
struct Saved {
    name: String,
    address: String,
}

async fn save(State(views): State<Arc<Views>>, Form(Saved { name, address }): Form<Saved>) -> Answer {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as Nanos);
    answer(views.save(&name, &address, now), &address)
}

#[derive(Deserialize)]
struct Removed {
    name: String,
    back: String,
}

async fn remove(State(views): State<Arc<Views>>, Form(Removed { name, back }): Form<Removed>) -> Answer {
    let remove = |views: &mut Vec<SavedView>| {
        views.retain(|view| view.name != name);
        Ok(())
    };
    answer(views.change(remove), &back)
}

fn answer(done: Result<(), String>, back: &str) -> Answer {
    match done {
        Ok(()) => Ok(Redirect::to(&own(back).unwrap_or_else(|| Logs::default().to_string()))),
        Err(sentence) => Err((StatusCode::BAD_REQUEST, format!("{sentence}\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_kept_and_only_searches_are() {
        let directory = tempfile::TempDir::new().unwrap();
        let views = Views::open(directory.path()).unwrap();
        views.save("slow", "/logs?q=slow&cursor=1.2.3&nonsense=1", 1).unwrap();
        views.save(" errors ", "/logs?q=level:error", 2).unwrap();
        views.save("slow", "/logs?q=slower&view=table", 3).unwrap();
        for address in ["https://example.com/logs", "//example.com", "/logsx", "/t/1", "/logs?start=x"] {
            assert!(views.save("bad", address, 4).is_err(), "{address}");
        }
        assert!(views.save("  ", "/logs", 4).is_err());
        let again = Views::open(directory.path()).unwrap().saved_views();
        let addresses: Vec<_> = again.iter().map(|view| (view.name.as_str(), view.address.as_str())).collect();
        assert_eq!(addresses, [("errors", "/logs?q=level:error"), ("slow", "/logs?q=slower&view=table")]);
        std::fs::write(directory.path().join(FILE), "[").unwrap();
        assert!(Views::open(directory.path()).is_err());
    }
}
