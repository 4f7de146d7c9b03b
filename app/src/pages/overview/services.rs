//! The table of services.

use super::figures::{Figures, Service};
use super::{query_of, traces};
use crate::ui::{chart, count, duration, percent, rate};
use crate::url::{self, Range};
use leptos::prelude::*;
use model::colour::Colours;
use model::port::{Order, OrderBy};

pub(super) fn table(figures: &Figures, range: Range, colours: &Colours) -> AnyView {
    let rows = figures.services.iter().map(|service| row(service, figures, range, colours)).collect_view();
    let heads = [
        ("Service", ""),
        ("Requests", "num"),
        ("", "chart"),
        ("Errors", "num"),
        ("p50", "num"),
        ("p95", "num"),
        ("p99", "num"),
        ("p95 over time", "chart"),
    ];
    let heads = heads.map(|(text, class)| match text {
        "" => view! { <th scope="col" class=class><span class="sr">"Requests over time"</span></th> }.into_any(),
        text => view! { <th scope="col" class=class>{text}</th> }.into_any(),
    });
    view! {
        <section class="card" aria-labelledby="services">
            <header><h2 id="services">"Services"</h2><span class="muted">"most errors first · "<a href=url::Aliases.to_string()>"Aliases"</a></span></header>
            <div class="scroll">
                <table class="figures services">
                    <thead><tr>{heads.into_iter().collect_view()}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

fn row(service: &Service, figures: &Figures, range: Range, colours: &Colours) -> AnyView {
    let name = service.name.clone();
    let all = query_of(&[("service", &name), ("entry", "true")]);
    let failed = query_of(&[("service", &name), ("entry", "true"), ("status", "error")]);
    // The traces at or above the percentile, slowest first.
    let slower = |nanos: f64| {
        let query = format!("{all} duration:>={}us", (nanos / 1e3).floor());
        url::Traces { order: Order { by: OrderBy::Duration, descending: true }, ..url::Traces::of(query, range) }.to_string()
    };
    let bars: Vec<(f64, f64)> = service.steps.iter().map(|step| (step.count, step.errors)).collect();
    let line: Vec<Option<f64>> = service.steps.iter().map(|step| step.p95).collect();
    let highest = line.iter().flatten().copied().fold(0.0, f64::max);
    let bars_label = format!("{} requests over time, {} failed", count(service.count.round() as u64), count(service.errors.round() as u64));
    let line_label = format!("p95 over time, at most {}", duration(highest));
    let class = format!("svc-{}", colours.of(&name));
    let line_title = line_label.clone();
    view! {
        <tr class=class>
            <th scope="row"><a class="svc" href=traces(all.clone(), range) data-row="">{name}</a></th>
            <td class="num">{count(service.count.round() as u64)}" "<span class="muted">{rate(service.count, figures.counted())}</span></td>
            <td class="chart">{chart::spark_bars(&bars, bars_label)}</td>
            <td class="num">{if service.errors > 0.0 {
                view! { <a class="error" href=traces(failed, range)>{count(service.errors.round() as u64)}" "<span>{percent(service.errors, service.count)}</span></a> }.into_any()
            } else {
                view! { <span class="muted">"0"</span> }.into_any()
            }}</td>
            <td class="num">{duration(service.p50)}</td>
            <td class="num"><a href=slower(service.p95)>{duration(service.p95)}</a></td>
            <td class="num"><a href=slower(service.p99)>{duration(service.p99)}</a></td>
            <td class="chart" title=line_title>{chart::sparkline(&line, line_label)}</td>
        </tr>
    }
    .into_any()
}
