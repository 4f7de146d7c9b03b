//! `/sampling`: which requests X-Ray's SDKs record, how many there really were, and forms to change that.

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::{count, percent, plural, rate};
use crate::url::{self, Range};
use leptos::prelude::*;
use model::port::Problem;
use model::sampling::{Board, DEFAULT, Rule, RuleInUse, SamplingRules};
use model::time::Human;
use std::sync::Arc;

#[component]
pub fn SamplingPage() -> impl IntoView {
    page(show)
}

async fn show(_: Here) -> Result<Shown, Problem> {
    let rules = use_context::<Arc<dyn SamplingRules>>();
    let board = rules.ok_or_else(|| Problem::Unavailable("this instance answers no X-Ray SDKs".into()))?.board();
    let problem = board.problem.clone().map(|text| {
        view! { <p class="notice warn" role="note">{format!("{text}. The rules are those from before.")}</p> }
    });
    let body = view! {
        <div class="page-head">
            <h1>"X-Ray sampling"</h1>
            <p class="muted">"SDKs ask for these rules and follow a change within seconds (Python) or five minutes (Node.js)."</p>
        </div>
        {problem}
        <div class="stack">
            {in_use(&board)}
            {edit(&board)}
        </div>
    };
    Ok(Shown { title: "X-Ray sampling".into(), tab: Tab::Sources, range: Range::default(), status: 200, body: body.into_any() })
}

/// The rules in the order in which SDKs try them, and what came of each.
fn in_use(board: &Board) -> AnyView {
    let over = board.counted_ns;
    let row = |RuleInUse { rule, counts, clients }: &RuleInUse| {
        let (requests, kept) = (counts.requests, counts.kept());
        view! {
            <tr>
                <th scope="row">{rule.rule_name.clone()}</th>
                <td class="num" data-label="Priority">{(rule.rule_name != DEFAULT).then_some(rule.priority)}</td>
                <td class="whole">{matches(rule)}</td>
                <td class="num" data-label="Rate">{percent(rule.fixed_rate, 1.0)}</td>
                <td class="num" data-label="Reservoir">{format!("{}/s", count(rule.reservoir_size.into()))}</td>
                <td class="num" data-label="SDKs">{count(*clients as u64)}</td>
                <td class="num" data-label="Requests">{rate(requests as f64, over)}</td>
                <td class="num" data-label="Recorded">{rate(kept as f64, over)}</td>
                <td class="num" data-label="Share">{(requests > 0).then(|| percent(kept as f64, requests as f64))}</td>
            </tr>
        }
    };
    let rows = board.rules.iter().map(row).collect_view();
    let kept_in = board.file.clone().map(|file| view! { <span class="muted">"kept in "<code>{file}</code></span> });
    view! {
        <section class="card" aria-labelledby="rules">
            <header><h2 id="rules">"Rules"</h2>{kept_in}</header>
            <div class="scroll">
                <table class="figures stacked">
                    <thead><tr>
                        <th scope="col">"Rule"</th><th scope="col" class="num">"Priority"</th><th scope="col">"Requests that match"</th>
                        <th scope="col" class="num">"Rate"</th>
                        <th scope="col" class="num" title="Recorded whatever the rate is, shared by all SDKs">"Reservoir"</th>
                        <th scope="col" class="num" title="SDKs that reported within the last minute">"SDKs"</th>
                        <th scope="col" class="num" title="All requests that matched, as the SDKs counted them">"Requests"</th>
                        <th scope="col" class="num" title="Those of which a trace was sent">"Recorded"</th>
                        <th scope="col" class="num">"Share"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <p class="body muted">{format!("As the SDKs reported over the last {}.", Human(over))}</p>
        </section>
    }
    .into_any()
}

/// What a rule asks of a request, in words; patterns for everything are left out.
fn matches(rule: &Rule) -> String {
    let asks = [
        ("method", &rule.http_method),
        ("path", &rule.url_path),
        ("host", &rule.host),
        ("service", &rule.service_name),
        ("service type", &rule.service_type),
    ];
    let asks: Vec<String> =
        asks.into_iter().filter(|(_, pattern)| *pattern != "*").map(|(what, pattern)| format!("{what} {pattern}")).collect();
    if asks.is_empty() { "every request".to_owned() } else { asks.join(", ") }
}

fn edit(board: &Board) -> AnyView {
    let change = |in_use: &RuleInUse| {
        let rule = in_use.rule.clone();
        let about = match &in_use.rule {
            rule if rule.rule_name == DEFAULT => "for every other request".to_owned(),
            rule => matches(rule),
        };
        let used = plural(in_use.counts.requests, "request", "requests");
        view! {
            <details class="block">
                <summary><h3>{rule.rule_name.clone()}</h3><span class="muted">{format!("{about}; {used}")}</span></summary>
                {form(&rule, true)}
            </details>
        }
    };
    let new = Rule { rule_name: String::new(), priority: 100, fixed_rate: 0.05, ..Rule::default() };
    view! {
        <section class="card" aria-labelledby="change">
            <header><h2 id="change">"Change"</h2><span class="muted">"patterns may have * for any text and ? for one character"</span></header>
            <div class="blocks">
                {board.rules.iter().map(change).collect_view()}
                <details class="block">
                    <summary><h3>"New rule"</h3><span class="muted">"the matching rule with the lowest priority decides"</span></summary>
                    {form(&new, false)}
                </details>
            </div>
        </section>
    }
    .into_any()
}

/// A rule to edit. The default rule matches everything, so all that can be said of it is how much it records.
fn form(rule: &Rule, exists: bool) -> AnyView {
    let is_default = rule.rule_name == DEFAULT;
    let text = |label: &'static str, name: &'static str, value: &str| {
        view! { <label>{label}<input class="input" name=name value=value.to_owned() required=true maxlength="128"/></label> }
    };
    let fields = (!is_default).then(|| {
        view! {
            <label>"Priority"<input class="input" type="number" name="priority" min="1" max="9999" value=rule.priority required=true/></label>
            {text("Method", "method", &rule.http_method)}
            {text("Path", "path", &rule.url_path)}
            {text("Host", "host", &rule.host)}
            {text("Service", "service", &rule.service_name)}
            {text("Service type", "service_type", &rule.service_type)}
        }
    });
    let name = match exists {
        true => view! { <input type="hidden" name="name" value=rule.rule_name.clone()/> }.into_any(),
        false => view! { <label>"Name"<input class="input" name="name" required=true maxlength="32"/></label> }.into_any(),
    };
    let remove = (exists && !is_default).then(|| {
        view! {
            <form class="rule" method="post" action=url::SAMPLING_REMOVE>
                <input type="hidden" name="name" value=rule.rule_name.clone()/>
                <button class="button">"Remove this rule"</button>
            </form>
        }
    });
    view! {
        <form class="rule" method="post" action=url::SAMPLING_SAVE>
            {name}
            {fields}
            <label>"Rate, %"<input class="input" type="number" name="percent" min="0" max="100" step="any" value=rule.fixed_rate * 100.0 required=true/></label>
            <label>"Reservoir, per second"<input class="input" type="number" name="reservoir" min="0" max="1000000" value=rule.reservoir_size required=true/></label>
            <button class="button primary">"Save"</button>
        </form>
        {remove}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_in_words() {
        assert_eq!(matches(&Rule::default()), "every request");
        let rule = Rule { http_method: "GET".into(), url_path: "/health*".into(), ..Rule::default() };
        assert_eq!(matches(&rule), "method GET, path /health*");
    }
}
