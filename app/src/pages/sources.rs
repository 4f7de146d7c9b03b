//! `/sources`: how to point senders here, what arrived, and what became of it.

use crate::Host;
use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::moment::{Ago, Form, Moment};
use crate::ui::setup::{Block, Code, Endpoints, blocks};
use crate::ui::{bytes, count};
use crate::url::{self, Range};
use leptos::prelude::*;
use model::port::{Instance, LedgerRow, Listener, Problem, RejectedSample};
use model::time::Nanos;

#[component]
pub fn SourcesPage() -> impl IntoView {
    page(show)
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let ledger = here.reader.ledger().await?;
    let to = Endpoints::of(&here.instance, use_context::<Host>());
    let body = view! {
        <div class="page-head"><h1>"Sources"</h1></div>
        <div class="sources">
            <div class="stack wide">
                {arrived(&ledger, here.now)}
                {rejected(&ledger)}
                {setup(&to)}
            </div>
            <div class="stack">
                {listeners(&here.instance)}
                {instance(&here.instance)}
                {demo(&here.instance)}
            </div>
        </div>
    };
    Ok(Shown { title: "Sources".into(), tab: Tab::Sources, range: Range::default(), status: 200, body: body.into_any() })
}

/// The ledger: everything received is stored or counted with a reason.
fn arrived(ledger: &[LedgerRow], now: Nanos) -> AnyView {
    let reasons = |reasons: &[(String, u64)], class: &'static str| match reasons.is_empty() {
        true => view! { <span class="muted">"0"</span> }.into_any(),
        false => {
            let all = reasons.iter().map(|(_, n)| n).sum();
            let list = reasons.iter().map(|(reason, n)| view! { <li>{format!("{} {reason}", count(*n))}</li> }).collect_view();
            view! { <span class=class>{count(all)}</span><ul class="reasons muted">{list}</ul> }.into_any()
        }
    };
    let rows = ledger.iter().map(|row| {
        let last = row.last_received.map(|at| view! { <Ago at=at now=now/> });
        view! {
            <tr>
                <th scope="row"><code>{row.source.clone()}</code></th>
                <td>{row.signal.clone()}</td>
                <td class="nowrap">{last}</td>
                <td class="num">{count(row.received)}</td>
                <td class="num">{count(row.stored)}</td>
                <td class="num" class:muted=row.duplicate == 0>{count(row.duplicate)}</td>
                <td class="num" class:muted=row.conflict == 0 class:warn={row.conflict > 0}>{count(row.conflict)}</td>
                <td class="num" class:muted=row.merged == 0>{count(row.merged)}</td>
                <td class="num">{reasons(&row.rejected, "error")}</td>
                <td class="num">{reasons(&row.dropped, "warn")}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    let body = match ledger.is_empty() {
        true => {
            view! { <div class="body"><p class="muted">"Nothing has arrived yet. Set up a sender with one of the blocks below."</p></div> }
                .into_any()
        }
        false => view! {
            <div class="scroll">
                <table class="figures ledger">
                    <thead><tr>
                        <th scope="col">"Source"</th><th scope="col">"Signal"</th><th scope="col">"Last received"</th>
                        <th scope="col" class="num">"Received"</th><th scope="col" class="num">"Stored"</th>
                        <th scope="col" class="num" title="The same record again, as after a sender’s retry">"Duplicate"</th>
                        <th scope="col" class="num" title="Another span under the same id: the first was kept">"Conflict"</th>
                        <th scope="col" class="num" title="Another document of an X-Ray segment or subsegment that is stored: they are one span">"Merged"</th>
                        <th scope="col" class="num">"Rejected"</th>
                        <th scope="col" class="num" title="Arrived, but was not kept: a signal this version does not store, or no room at that moment">"Not kept"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any(),
    };
    view! {
        <section class="card" aria-labelledby="arrived">
            <header><h2 id="arrived">"What arrived"</h2><span class="muted">"since this data directory was made; nothing is lost silently"</span></header>
            {body}
        </section>
    }
    .into_any()
}

/// Samples of what was rejected.
fn rejected(ledger: &[LedgerRow]) -> AnyView {
    let mut samples: Vec<(&LedgerRow, &RejectedSample)> =
        ledger.iter().flat_map(|row| row.samples.iter().map(move |sample| (row, sample))).collect();
    samples.sort_by_key(|(_, sample)| std::cmp::Reverse(sample.at));
    let items = samples.iter().map(|(row, sample)| {
        view! {
            <li>
                <details>
                    <summary><Moment at=sample.at form=Form::Second/>" "<code>{row.source.clone()}</code>" "<span class="error">{sample.reason.clone()}</span></summary>
                    <pre tabindex="0">{sample.record.clone()}</pre>
                </details>
            </li>
        }
    });
    let items = items.collect_view();
    (!samples.is_empty())
        .then(|| {
            view! {
                <section class="card" aria-labelledby="rejected">
                    <header><h2 id="rejected">"Newest rejected records"</h2><span class="muted">"secrets removed"</span></header>
                    <ul class="samples">{items}</ul>
                </section>
            }
        })
        .into_any()
}

fn setup(to: &Endpoints) -> AnyView {
    let block = |(n, block): (usize, Block)| {
        view! {
            <details class="block" name="setup" id=format!("{}-block", block.id) open=n == 0>
                <summary><h3>{block.title}</h3><span class="muted">{block.about}</span></summary>
                <Code id=block.id text=block.text label=block.title/>
            </details>
        }
    };
    view! {
        <section class="card" aria-labelledby="setup">
            <header><h2 id="setup">"Set up a sender"</h2><span class="muted">"with this instance’s addresses, ready to paste"</span></header>
            <div class="blocks">{blocks(to).into_iter().enumerate().map(block).collect_view()}</div>
        </section>
    }
    .into_any()
}

fn listeners(instance: &Instance) -> AnyView {
    let what = |name: &str| match name {
        "http" => "This page, the JSON API and every HTTP source",
        "otlp_http" => "OpenTelemetry over HTTP, /v1/traces",
        "otlp_grpc" => "OpenTelemetry over gRPC",
        "xray" => "AWS X-Ray’s daemon, UDP and TCP",
        _ => "",
    };
    let row = |listener: &Listener| {
        let state = match (&listener.addr, &listener.warning) {
            (Some(addr), _) => view! { <code>{addr.clone()}</code> }.into_any(),
            (None, Some(_)) => view! { <span class="badge warn">"not listening"</span> }.into_any(),
            (None, None) => view! { <span class="badge">"off"</span> }.into_any(),
        };
        let about = what(&listener.name);
        view! {
            <li>
                <p class="row spread"><strong><code>{listener.name.clone()}</code></strong>{state}</p>
                <p class="muted">{about}</p>
                {listener.warning.clone().map(|text| view! { <p class="warn">{text}</p> })}
                {listener.note.clone().map(|text| view! { <p class="muted">{text}</p> })}
                {(listener.name == "xray").then(|| view! { <p><a href=url::Sampling.to_string()>"Sampling rules"</a></p> })}
            </li>
        }
    };
    view! {
        <section class="card" aria-labelledby="listeners">
            <header><h2 id="listeners">"Listeners"</h2><a href=url::Aliases.to_string()>"Service aliases"</a></header>
            <ul class="listeners">{instance.listeners.iter().map(row).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn instance(instance: &Instance) -> AnyView {
    let facts = [
        ("Version", instance.version.clone()),
        ("Spans stored", count(instance.spans)),
        ("On disk", bytes(instance.disk_bytes)),
        ("Kept for", format!("{} days", instance.retention_days)),
    ];
    let facts = facts.map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view();
    view! {
        <section class="card" aria-labelledby="instance">
            <header><h2 id="instance">"This instance"</h2></header>
            <dl class="facts">{facts}</dl>
        </section>
    }
    .into_any()
}

fn demo(instance: &Instance) -> AnyView {
    let (about, action, text) = match instance.has_demo {
        true => ("Made-up traffic is stored here, in the dataset of its own that marks it.", url::DEMO_REMOVE, "Remove the demo data"),
        false => (
            "Fill this instance with a believable day of several services’ traffic. One click removes it again.",
            url::DEMO_START,
            "Send the demo’s traffic",
        ),
    };
    view! {
        <section class="card" aria-labelledby="demo">
            <header><h2 id="demo">"Demo"</h2></header>
            <div class="body stack"><p class="muted">{about}</p><form method="post" action=action><button class="button">{text}</button></form></div>
        </section>
    }
    .into_any()
}
