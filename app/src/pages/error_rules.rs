//! `/errors/rules`: rules for grouping, in Rollbar's JSON syntax.

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::plural;
use crate::url::{ErrorPage, Errors, RULES, RULES_SAVE, Range, Rules};
use leptos::prelude::*;
use model::port::{Problem, RuleTrial};

const EXAMPLE: &str = r#"[
  {
    "title": "Payment provider is down",
    "fingerprint": "payment-provider",
    "condition": {"eq": "ProviderError", "path": "body.trace.exception.class"}
  }
]"#;

#[component]
pub fn ErrorRulesPage() -> impl IntoView {
    page(show)
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let mut url = Rules::parse(&here.search);
    let kept = here.errors.grouping_rules().await?;
    // What is tried need not be saved.
    let trial = match here.errors.try_grouping_rules(&here.ask, &url.draft).await {
        _ if url.draft.is_empty() || !url.problem.is_empty() => None,
        Ok(trial) => Some(tried(&trial)),
        Err(Problem::Bad { message, .. }) => {
            url.problem = message;
            None
        }
        Err(problem) => return Err(problem),
    };
    let text = if url.draft.is_empty() { kept } else { url.draft };
    // What stands in this element the view writes as it is: it must be its text, not the end of it.
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let saved = url.saved.then(|| view! { <p class="ok" role="status">"Saved."</p> });
    let problem = (!url.problem.is_empty()).then(|| view! { <p class="error" role="alert">{url.problem}</p> });
    let body = view! {
        <div class="page-head">
            <h1>"Grouping rules"</h1>
            <a href=Errors::default().to_string()>"Back to the errors"</a>
        </div>
        <div class="stack">
            <section class="card" aria-labelledby="rules">
                <header><h2 id="rules">"Rules"</h2><span class="muted">"Rollbar’s JSON: paste and it works"</span></header>
                <form method="post" action=RULES_SAVE class="body stack">
                    <p class="muted">"The first rule whose condition holds decides the group of what comes from then on; what is stored stays where it is. Leave it empty for none."</p>
                    {saved}{problem}
                    <textarea class="input mono" name="draft" rows="18" spellcheck="false" aria-label="Rules as JSON" placeholder=EXAMPLE>{text}</textarea>
                    <div class="row">
                        <button class="button primary">"Save"</button>
                        <button class="button" formmethod="get" formaction=RULES title="Shows what they would do to the newest occurrences">"Try"</button>
                    </div>
                </form>
            </section>
            {trial}
            <section class="card" aria-labelledby="example">
                <header><h2 id="example">"An example"</h2></header>
                <div class="body"><pre class="json">{EXAMPLE}</pre></div>
            </section>
        </div>
    };
    Ok(Shown { title: "Grouping rules".into(), tab: Tab::Errors, range: Range::default(), status: 200, body: body.into_any() })
}

/// What the draft would do.
fn tried(trial: &RuleTrial) -> AnyView {
    let rows = trial.groups.iter().map(|group| {
        let from = group.from.iter().map(|number| view! { <a href=ErrorPage::of(*number).to_string()>{format!("#{number}")}</a>" " });
        view! {
            <tr>
                <th scope="row">{group.title.clone()}</th>
                <td><code>{group.fingerprint.clone()}</code></td>
                <td class="num">{group.occurrences}</td>
                <td>{from.collect_view()}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    let matched: u64 = trial.groups.iter().map(|group| group.occurrences).sum();
    let table = (matched > 0).then(|| {
        view! {
            <div class="scroll"><table class="figures">
                <thead><tr><th scope="col">"Title"</th><th scope="col">"Fingerprint"</th><th scope="col" class="num">"Occurrences"</th><th scope="col">"Now in"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        }
    });
    let sum = format!("Of the newest {} they apply to {matched}.", plural(trial.tried, "occurrence", "occurrences"));
    view! {
        <section class="card" aria-labelledby="trial">
            <header><h2 id="trial">"Tried, not saved"</h2></header>
            <p class="body">{sum}</p>
            {table}
        </section>
    }
    .into_any()
}
