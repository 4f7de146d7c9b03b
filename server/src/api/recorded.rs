//! What the trace page shows, by the parameters it has itself: its columns, searches and panels are of the same spans.

use super::answer::Failure;
use super::trace::trace_id;
use app::request::{Recorded, recorded};
use app::url;
use model::port::{Ask, Reader};
use model::waterfall::View;

/// What is asked of: `/api/traces/...` or `/api/requests/...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Trace,
    Request,
}

/// The page's address, and the spans it shows.
pub(super) async fn shown(
    reader: &dyn Reader,
    ask: &Ask,
    of: Of,
    id: &str,
    raw: Option<String>,
) -> Result<(url::Trace, Recorded), Failure> {
    let url = url::Trace::parse(trace_id(id)?, raw.as_deref().unwrap_or_default());
    let view = View { alone: of == Of::Trace, ..url.view.clone() };
    let recorded = recorded(reader, ask, url.id, &view).await?;
    Ok((url, recorded))
}
