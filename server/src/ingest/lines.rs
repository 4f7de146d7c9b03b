//! Placeholder.
pub fn trace_of(_: &str) -> Option<model::log::TraceLink> {
    None
}
