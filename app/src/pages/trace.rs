//! `/t/{trace_id}`: one request, whole. The server draws all of it that fits a window; the island
//! [`Waterfall`](islands::Waterfall) takes over from the same columns the drawing is made of.

mod detail;
mod drawing;
mod exceptions;
mod figures;
mod head;
mod inferred;
mod lines;
mod mini;
mod pins;
mod raw;
mod rows;
mod search;
mod sections;
mod systems;
mod tools;

pub use detail::span_panel;
pub use mini::mini;
pub use search::found;

use crate::request::{self, recorded};
use crate::ui::frame::{Shown, Tab, page};
use crate::url;
use drawing::Drawing;
use leptos::prelude::*;
use leptos_meta::Link;
use leptos_router::hooks::use_params_map;
use model::id::TraceId;
use model::port::Problem;
use model::waterfall::Tab as Form;

/// The page.
#[component]
pub fn TracePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    page(move |here| async move {
        let id: TraceId = id.parse().map_err(|_| Problem::NotFound("trace"))?;
        let url = url::Trace::parse(id, &here.search);
        let recorded = recorded(&*here.reader, &here.ask, id, &url.view).await?;
        let links = match url.view.span.and_then(|address| recorded.span(address)) {
            Some(span) => here.reader.links_to(&here.ask, span.trace_id).await?,
            None => Vec::new(),
        };
        let lines = request::lines(&*here.logs, &*here.links, &here.ask, id, &recorded).await;
        let pins = request::pins(&*here.errors, &here.ask, &recorded).await;
        let drawing = Drawing::of(url, recorded, lines, pins, links, here.now);
        let main = drawing.title();
        Ok(Shown { title: main, tab: Tab::Traces, range: url::Range::default(), status: 200, body: body(&drawing).into_any() })
    })
}

fn body(drawing: &Drawing) -> impl IntoView + use<> {
    let request = drawing.systems.iter().any(|system| system.trace_id != drawing.url.id);
    let columns = url::ApiColumns { id: drawing.url.id, request, system: drawing.url.view.system }.to_string();
    let form = drawing.url.view.tab;
    let shown = match form {
        Form::Waterfall => rows::waterfall(drawing).into_any(),
        Form::Flame => figures::flame(drawing).into_any(),
        Form::Table => figures::table(drawing).into_any(),
        Form::Logs => lines::tab(drawing).into_any(),
    };
    view! {
        // Asked for while the bundle is still on its way.
        <Link rel="preload" as_="fetch" href=columns.clone() crossorigin="anonymous"/>
        <div id="trace" class=format!("trace view-{}", form.as_str()) data-own-keys="" data-columns=columns data-id=drawing.url.id.to_string()
            data-settled=drawing.settled().to_string() data-zoomed=mark(drawing.url.view.zoom.is_some())
            data-focused=mark(drawing.url.view.focus.is_some()) data-filtered=mark(!drawing.url.view.services.is_empty()) data-pins=pins::by_span(drawing)>
            {head::head(drawing).into_any()}
            {tools::tools(drawing).into_any()}
            <div id="map" class="t-map needs-js" role="img" aria-label="The whole trace in small; drag to zoom"></div>
            <div class="t-body">
                <div class="t-view" id="view">{shown}</div>
                <aside class="t-detail" id="detail" aria-label="Span" tabindex="-1">{detail::selected(drawing)}</aside>
            </div>
            {tools::keys().into_any()}
            <islands::Waterfall/>
        </div>
    }
}

/// An attribute that is there or not.
fn mark(on: bool) -> Option<&'static str> {
    on.then_some("")
}
