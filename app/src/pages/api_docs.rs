//! `/api`: the documentation of the JSON API.

use crate::Host;
use crate::ui::frame::{Shown, Tab, page};
use crate::ui::setup::{Code, Endpoints};
use crate::url::Range;
use leptos::prelude::*;

#[component]
pub fn ApiDocsPage() -> impl IntoView {
    page(|here| async move {
        let to = Endpoints::of(&here.instance, use_context::<Host>());
        let body = docs(&to.http).into_any();
        Ok(Shown { title: "JSON API".into(), tab: Tab::None, range: Range::default(), status: 200, body })
    })
}

/// One call.
struct Call {
    path: &'static str,
    parameters: &'static str,
    answer: &'static str,
}

const CALLS: [Call; 27] = [
    Call {
        path: "/api/traces",
        parameters: "q, range, limit (1–1000, 50), order, cursor",
        answer: r#"{"traces":[{"trace_id","root":{"service","name","span_id","status"},"has_root","start","duration_ns","spans","errors","matched","first_match","services":[{"name","spans"}],"sources","other_ids","settled"}],"cursor","as_of","complete"}"#,
    },
    Call {
        path: "/api/traces/count",
        parameters: "q, range, buckets (0–1000, 0), as_of",
        answer: r#"{"traces","errors","exact","histogram":[{"start","traces","errors"}]}"#,
    },
    Call {
        path: "/api/traces/facets",
        parameters: "q, range, key (repeated; default: service, name, status, route, HTTP status, environment), limit (10)",
        answer: r#"{"facets":[{"key","values":[{"value","spans"}],"distinct","exact"}]}"#,
    },
    Call {
        path: "/api/traces/{trace_id}",
        parameters: "format=otlp for OTLP JSON (TracesData)",
        answer: r#"{"trace_id","spans":[{"span_id","parent_id","name","kind","service","start","duration_ns","status","status_message","attributes","resource","scope","events","links","dropped",…}],"duplicates","conflicts","last_received"}"#,
    },
    Call {
        path: "/api/traces/{trace_id}/columns",
        parameters: "system (otel, xray)",
        answer: "The waterfall as binary columns, for the browser. Its format changes with the version.",
    },
    Call {
        path: "/api/traces/{trace_id}/spans/{span_id}",
        parameters: "family",
        answer: "One span, as above. Where OpenTelemetry and X-Ray have each a span of this id, family=otel or family=xray (or .otel, .xray after the id) says which.",
    },
    Call {
        path: "/api/stats",
        parameters: "q with a stats command, range",
        answer: r#"{"columns":["service","p95"],"rows":[["checkout",1200000]],"exact"}"#,
    },
    Call {
        path: "/api/logs",
        parameters: "q (the query language of logs), group (repeated; none = all), range, order (newest, oldest), limit (1–10000, 100), cursor",
        answer: r#"{"logs":[{"seq","time","received_at","message","level","severity","severity_sent","group","stream","service","environment","host","logger","source","attributes":{},"resource":{},"trace_id","span_id","how","possible_traces":[],"at"}],"cursor","as_of","complete"}"#,
    },
    Call {
        path: "/api/logs/histogram",
        parameters: "q, group, range, buckets (0–1000, 60), as_of",
        answer: r#"{"lines","levels":{"none","trace","debug","info","warn","error","fatal"},"exact","histogram":[{"start","lines","levels"}]}"#,
    },
    Call {
        path: "/api/logs/facets",
        parameters: "q, group, range, key (repeated; default: level, service, group, stream, logger, host, environment), limit (10)",
        answer: r#"{"facets":[{"key","values":[{"value","lines"}],"distinct","exact"}]}"#,
    },
    Call { path: "/api/logs/fields", parameters: "group, range, limit (100)", answer: r#"{"fields":[{"name","percent"}]}"# },
    Call {
        path: "/api/logs/patterns",
        parameters: "q, group, range, steps (40), limit (100)",
        answer: r#"{"patterns":[{"id","template","lines","levels","first_seen","last","trend":[0]}]}"#,
    },
    Call {
        path: "/api/logs/table",
        parameters: "q with commands after a |, group, range. Stops after a minute. With Accept: text/event-stream, events progress and then result (or problem)",
        answer: r#"{"columns":["level","count(*)"],"rows":[["error",12]],"exact","lines":["/logs/line/…"],"scanned":{"blocks","blocks_done","lines","bytes","matched"}}"#,
    },
    Call {
        path: "/api/logs/tail",
        parameters: "q, group, limit (of one event: 1–1000, 200), after (a seq; without it, from now on)",
        answer: "Server-sent events: data is {\"lines\":[…],\"skipped\":n}, lines as above in the order they arrived; skipped of them were more than the limit. The id is the seq reached; a reader that comes again with Last-Event-ID goes on there.",
    },
    Call {
        path: "/api/logs/export",
        parameters: "q, group, range, order, format (ndjson, csv)",
        answer: "Everything the search finds, streamed; of a query with commands, its rows. Traces are those that lines name themselves.",
    },
    Call {
        path: "/api/logs/line/{at}",
        parameters: "format=raw for the message alone, as it was sent",
        answer: "One line, as above; at is {time in ns}.{seq}, the last part of its address.",
    },
    Call { path: "/api/logs/groups", parameters: "", answer: r#"{"groups":[{"name","created","retention_days","lines","bytes"}]}"# },
    Call {
        path: "/api/errors",
        parameters: "q (Rollbar’s search operators), status (active, resolved, muted, snoozed, all), sort (priority, last_seen, first_seen, count, people), limit (1–1000, 50), cursor",
        answer: r#"{"errors":[{"number","title","class","level","status","mark","project","service","environment","first_seen","last_seen","first_version","last_version","count","people","failed_requests","assignee","comments","hours":[0],"routes":[["/orders/<id>",12]],"families","members":[]}],"counts":{"active","resolved","muted","snoozed"},"sort","cursor"}"#,
    },
    Call {
        path: "/api/errors/{number}",
        parameters: "none. PATCH changes status, resolved_in_version, snooze_expiration_in_seconds, snooze_occurrences, assignee, level, title; comment adds one",
        answer: r#"{"number",…,"grouping":{"kind","fingerprint","parts","paths"},"history":[{"at","actor","what","comment"}],"breakdowns":[{"kind","values"}]}"#,
    },
    Call {
        path: "/api/errors/{number}/occurrences",
        parameters: "limit (1–1000, 50), before (a seq)",
        answer: r#"{"occurrences":[{"seq","uuid","number","time","title","level","environment","version","host","context","person","traces","span","how","families"}],"before"}"#,
    },
    Call {
        path: "/api/errors/{number}/occurrences/{seq}",
        parameters: "latest as seq is the newest",
        answer: r#"{"seq",…,"witnesses":[{"source","identity","data":{},…}],"older","newer"}"#,
    },
    Call { path: "/api/keys", parameters: "prefix, range, limit (20)", answer: r#"{"keys":[{"key","kind"}]}"# },
    Call {
        path: "/api/values",
        parameters: "key, prefix, range, limit (20)",
        answer: r#"{"values":[{"value","spans"}],"distinct","exact"}"#,
    },
    Call { path: "/api/services", parameters: "range", answer: r#"{"services":["checkout"]}"# },
    Call {
        path: "/api/sources",
        parameters: "",
        answer: r#"{"listeners":[{"name","addr","warning"}],"warnings","ledger":[{"source","signal","received","stored","duplicate","conflict","merged","rejected":[{"reason","records"}],"dropped":[{"reason","records"}],"last_received","samples":[{"at","reason","record"}]}],"version","retention_days","disk_bytes","spans","has_demo"}"#,
    },
    Call {
        path: "/api/aliases",
        parameters: "none. PUT replaces them all, with what GET answers as its body",
        answer: r#"{"aliases":{"localhost":"backend-flask"}}"#,
    },
    Call { path: "/find?id=", parameters: "any id, traceparent, URL or query", answer: "303 to the trace’s page, or to a search." },
];

fn docs(http: &str) -> AnyView {
    let calls = CALLS.map(|call| {
        let parameters = (!call.parameters.is_empty()).then(|| view! { <p class="muted">"Parameters: "{call.parameters}</p> });
        let answer = match call.answer.starts_with('{') {
            true => view! { <pre class="shape" tabindex="0">{call.answer}</pre> }.into_any(),
            false => view! { <p>{call.answer}</p> }.into_any(),
        };
        view! { <li><h3><code>"GET "{call.path}</code></h3>{parameters}{answer}</li> }
    });
    let examples = format!(
        "curl -G {http}/api/traces --data-urlencode 'q=service:checkout status:error' -d last=1h -d order=duration\n\
         curl -G {http}/api/stats --data-urlencode 'q=entry:true | stats count(), p95(duration) by service' -d last=1d\n\
         curl -G {http}/api/logs --data-urlencode 'q=level:error timeout' -d last=1d\n\
         curl -N -G {http}/api/logs/tail --data-urlencode 'q=service:checkout'"
    );
    view! {
        <div class="page-head"><h1>"JSON API"</h1></div>
        <div class="prose stack">
            <p>"Every page is made from these calls; what a page shows, a script can have. All are reads, with "<code>"GET"</code>"; aliases of services can also be "<code>"PUT"</code>", errors changed with "<code>"PATCH"</code>"."</p>
            <Code id="api-example" text=examples label="Example calls"/>
            <h2>"What calls share"</h2>
            <dl class="facts wide">
                <dt><code>"q"</code></dt><dd>"A query, as in the search box. Without it, everything."</dd>
                <dt>"range"</dt><dd><code>"last=15m"</code>", or "<code>"start="</code>" and "<code>"end="</code>": RFC 3339, a date, or epoch seconds, milliseconds, microseconds or nanoseconds. Half-open. Without any, the last hour."</dd>
                <dt><code>"order"</code></dt><dd><code>"time"</code>", "<code>"duration"</code>", "<code>"spans"</code>" or "<code>"errors"</code>", largest first; with "<code>"-asc"</code>" smallest first."</dd>
                <dt><code>"cursor"</code></dt><dd>"That of the page before. It keeps the world of the first page: what arrives in between does not shift the pages."</dd>
                <dt>"moments"</dt><dd>"Answers have RFC 3339 in UTC, with up to nanoseconds. Durations are nanoseconds."</dd>
                <dt>"limits"</dt><dd>"Counts, facets and stats stop after two seconds and then say "<code>"\"exact\":false"</code>": at least so many."</dd>
                <dt>"errors"</dt><dd><code>r#"{"error":{"code","message","position"}}"#</code>" with status 400 ("<code>"bad_request"</code>", "<code>"position"</code>" is a byte of the query), 404 ("<code>"not_found"</code>") or 503 ("<code>"unavailable"</code>")."</dd>
            </dl>
            <h2>"Calls"</h2>
            <ul class="calls">{calls.into_iter().collect_view()}</ul>
        </div>
    }
    .into_any()
}
