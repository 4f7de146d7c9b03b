//! One file per page: read what it shows, then the view.

pub mod alerts;
pub mod aliases;
pub mod api_docs;
pub mod error;
pub mod error_rules;
pub mod errors;
pub mod logs;
pub mod not_found;
pub mod overview;
pub mod sampling;
pub mod sources;
pub mod trace;
pub mod traces;
