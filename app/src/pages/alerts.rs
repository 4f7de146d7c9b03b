//! `/errors/alerts`: whom to tell of errors, of what, and what came of it.

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::moment::{Form, Moment};
use crate::ui::{count, plural};
use crate::url::{self, Range};
use leptos::prelude::*;
use model::alert::{Alert, AlertReader, AlertTarget, TargetKind, Trigger};
use model::error::ErrorLevel;
use model::port::Problem;
use std::sync::Arc;

/// Rows of the delivery log that are shown.
const SHOWN: u32 = 100;

#[component]
pub fn AlertsPage() -> impl IntoView {
    let alerts = use_context::<Arc<dyn AlertReader>>();
    page(move |here| show(here, alerts))
}

async fn show(_: Here, alerts: Option<Arc<dyn AlertReader>>) -> Result<Shown, Problem> {
    let alerts = alerts.ok_or_else(|| Problem::Unavailable("this instance sends no alerts".into()))?;
    let (targets, log) = (alerts.alert_targets().await?, alerts.alerts(SHOWN).await?);
    let body = view! {
        <div class="page-head">
            <h1>"Alerts"</h1>
            <a href=url::Errors::default().to_string()>"Back to the errors"</a>
        </div>
        <div class="stack">
            {in_force(&targets)}
            {delivered(&log)}
        </div>
    };
    Ok(Shown { title: "Alerts".into(), tab: Tab::Errors, range: Range::default(), status: 200, body: body.into_any() })
}

fn in_force(targets: &[AlertTarget]) -> AnyView {
    let block = |target: &AlertTarget| {
        let triggers: Vec<&str> = target.triggers.iter().map(|trigger| trigger.title()).collect();
        let kind = if target.kind == TargetKind::Slack { "Slack" } else { "Webhook" };
        let hidden = || view! { <input type="hidden" name="id" value=target.id.to_string()/> };
        view! {
            <details class="block">
                <summary><h3>{target.name.clone()}</h3><span class="muted">{format!("{kind}: {}", triggers.join(", "))}</span></summary>
                {form(target)}
                <div class="row-actions">
                    <form method="post" action=url::ALERT_TEST>{hidden()}<button class="button">"Send a test"</button></form>
                    <form method="post" action=url::ALERT_REMOVE>{hidden()}<button class="button">"Remove"</button></form>
                </div>
            </details>
        }
    };
    let new = AlertTarget {
        id: 0,
        name: String::new(),
        kind: TargetKind::Webhook,
        url: String::new(),
        triggers: vec![Trigger::New, Trigger::Regressed],
        min_level: ErrorLevel::Error,
        environment: String::new(),
        rate_count: 50,
        rate_minutes: 5,
    };
    let none = targets.is_empty().then(|| view! { <p class="body muted">"Nobody is told yet."</p> });
    view! {
        <section class="card" aria-labelledby="targets">
            <header><h2 id="targets">"Targets"</h2><span class="muted">"Webhooks get Rollbar’s JSON. What is not taken is sent again, eight times within an hour and a half."</span></header>
            {none}
            <div class="blocks">
                {targets.iter().map(block).collect_view()}
                <details class="block" open=targets.is_empty()>
                    <summary><h3>"New target"</h3></summary>
                    {form(&new)}
                </details>
            </div>
        </section>
    }
    .into_any()
}

fn form(target: &AlertTarget) -> AnyView {
    let trigger = |trigger: Trigger| {
        let chosen = target.triggers.contains(&trigger);
        view! { <label class="check"><input type="checkbox" name=trigger.as_str() value="on" checked=chosen/>{trigger.title()}</label> }
    };
    let kind = |value: &'static str, title: &'static str, this: TargetKind| {
        view! { <option value=value selected={target.kind == this}>{title}</option> }
    };
    let level = |level: ErrorLevel| view! { <option value=level.as_str() selected={target.min_level == level}>{level.as_str()}</option> };
    view! {
        <form class="rule" method="post" action=url::ALERT_SAVE>
            <input type="hidden" name="id" value=target.id.to_string()/>
            <label>"Name"<input class="input" name="name" value=target.name.clone() required=true maxlength="80" autocomplete="off"/></label>
            <label>"Kind"<select class="input" name="kind">{kind("webhook", "Webhook (Rollbar’s JSON)", TargetKind::Webhook)}{kind("slack", "Slack", TargetKind::Slack)}</select></label>
            <label>"Address"<input class="input" name="url" type="url" value=target.url.clone() required=true autocomplete="off" placeholder="https://…"/></label>
            <label>"At least"<select class="input" name="min_level">{ErrorLevel::ALL.into_iter().map(level).collect_view()}</select></label>
            <label>"Environment"<input class="input" name="environment" value=target.environment.clone() placeholder="all" autocomplete="off"/></label>
            <fieldset class="checks"><legend>"Told of"</legend>{Trigger::CHOICES.into_iter().map(trigger).collect_view()}</fieldset>
            <label>"Many: occurrences"<input class="input" name="rate_count" type="number" min="1" max="1000000" value=target.rate_count.to_string()/></label>
            <label>"within minutes"<input class="input" name="rate_minutes" type="number" min="1" max="60" value=target.rate_minutes.to_string()/></label>
            <button class="button primary">"Save"</button>
        </form>
    }
    .into_any()
}

fn delivered(log: &[Alert]) -> AnyView {
    let row = |alert: &Alert| {
        let about = match alert.number {
            0 => view! { "a test" }.into_any(),
            number => view! { <a href=url::ErrorPage::of(number).to_string()>{format!("#{number}")}</a>{format!(" after {}", plural(alert.count, "occurrence", "occurrences"))} }.into_any(),
        };
        let state = match (alert.delivered, alert.due) {
            (true, _) => "delivered",
            (false, Some(_)) if alert.attempts == 0 => "waits",
            (false, Some(_)) => "is tried again",
            (false, None) => "given up",
        };
        view! {
            <tr>
                <td data-label="When"><Moment at=alert.at form=Form::Second/></td>
                <th scope="row">{alert.name.clone()}</th>
                <td data-label="Of">{alert.trigger.title()}</td>
                <td data-label="About">{about}</td>
                <td data-label="State">{state}</td>
                <td class="num" data-label="Attempts">{count(alert.attempts.into())}</td>
                <td class="whole" data-label="Answer">{alert.answer.clone()}</td>
            </tr>
        }
    };
    let rows = log.iter().map(row).collect_view();
    let body = if log.is_empty() {
        view! { <p class="body muted">"Nothing was sent yet."</p> }.into_any()
    } else {
        view! {
            <div class="scroll">
                <table class="figures stacked">
                    <thead><tr>
                        <th scope="col">"When"</th><th scope="col">"Target"</th><th scope="col">"Of"</th><th scope="col">"About"</th>
                        <th scope="col">"State"</th><th scope="col" class="num">"Attempts"</th><th scope="col">"Answer"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    };
    view! { <section class="card" aria-labelledby="log"><header><h2 id="log">"Delivery log"</h2></header>{body}</section> }.into_any()
}
