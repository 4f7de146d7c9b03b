//! The sampling page's two forms: `POST /sampling/save` and `POST /sampling/remove`, both answered with 303 to the page.

use crate::ingest::xray::sampling::Sampling;
use app::url::{self, SAMPLING_REMOVE, SAMPLING_SAVE};
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::post;
use model::sampling::{DEFAULT, Rule};
use serde::Deserialize;
use std::sync::Arc;

pub fn routes(sampling: Arc<Sampling>) -> Router {
    Router::new().route(SAMPLING_SAVE, post(save)).route(SAMPLING_REMOVE, post(remove)).with_state(sampling)
}

/// What the page's form sends. The default rule's has no patterns.
#[derive(Deserialize)]
struct Edited {
    name: String,
    percent: f64,
    reservoir: u32,
    priority: Option<u32>,
    method: Option<String>,
    path: Option<String>,
    host: Option<String>,
    service: Option<String>,
    service_type: Option<String>,
}

impl Edited {
    fn rule(self) -> Rule {
        let pattern = |text: Option<String>| text.map_or_else(|| "*".to_owned(), |text| text.trim().to_owned());
        let name = self.name.trim().to_owned();
        let priority = if name == DEFAULT { Rule::default().priority } else { self.priority.unwrap_or_default() };
        Rule {
            rule_name: name,
            priority,
            // To what was typed: 0.07 rather than 0.07000000000000001.
            fixed_rate: (self.percent * 1e6).round() / 1e8,
            reservoir_size: self.reservoir,
            http_method: pattern(self.method),
            url_path: pattern(self.path),
            host: pattern(self.host),
            service_name: pattern(self.service),
            service_type: pattern(self.service_type),
            ..Rule::default()
        }
    }
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

type Answer = Result<Redirect, (StatusCode, String)>;

/// `POST /sampling/save`
async fn save(State(sampling): State<Arc<Sampling>>, Form(edited): Form<Edited>) -> Answer {
    let rule = edited.rule();
    tracing::info!(rule = rule.rule_name, rate = rule.fixed_rate, reservoir = rule.reservoir_size, "a sampling rule is changed");
    answer(sampling.save(rule))
}

/// `POST /sampling/remove`
async fn remove(State(sampling): State<Arc<Sampling>>, Form(Named { name }): Form<Named>) -> Answer {
    tracing::info!(rule = name, "a sampling rule is removed");
    answer(sampling.remove(&name))
}

fn answer(done: Result<(), String>) -> Answer {
    match done {
        Ok(()) => Ok(Redirect::to(&url::Sampling.to_string())),
        Err(sentence) => Err((StatusCode::BAD_REQUEST, format!("{sentence}\n"))),
    }
}
