//! Aliases of services: `GET` and `PUT /api/aliases`, and the page's two forms, `POST /aliases/save` and `POST /aliases/remove`, both
//! answered with 303 to the page.

use super::State;
use super::answer::{Failure, json};
use crate::store::Store;
use app::url;
use axum::body::Bytes;
use axum::extract::Form;
use axum::response::{Redirect, Response};
use model::alias::Aliases;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Body {
    aliases: Aliases,
}

/// `GET /api/aliases`
pub(super) async fn get(store: State) -> Response {
    json(&Body { aliases: (*store.aliases()).clone() })
}

/// `PUT /api/aliases`: replaces them all.
pub(super) async fn put(store: State, body: Bytes) -> Result<Response, Failure> {
    let body: Body = serde_json::from_slice(&body).map_err(|error| Failure::bad(error.to_string()))?;
    set(&**store, body.aliases).await?;
    Ok(get(store).await)
}

#[derive(Deserialize)]
pub(super) struct Named {
    alias: String,
    #[serde(default)]
    service: String,
}

/// `POST /aliases/save`
pub(super) async fn save(store: State, Form(Named { alias, service }): Form<Named>) -> Result<Redirect, Failure> {
    set(&**store, store.aliases().with(&alias, &service).map_err(Failure::bad)?).await?;
    Ok(to_page())
}

/// `POST /aliases/remove`
pub(super) async fn remove(store: State, Form(Named { alias, .. }): Form<Named>) -> Result<Redirect, Failure> {
    set(&**store, store.aliases().without(&alias)).await?;
    Ok(to_page())
}

fn to_page() -> Redirect {
    Redirect::to(&url::Aliases.to_string())
}

async fn set(store: &dyn Store, aliases: Aliases) -> Result<(), Failure> {
    tracing::info!(aliases = aliases.iter().count(), "the aliases of services are changed");
    Ok(store.set_aliases(aliases).await?)
}
