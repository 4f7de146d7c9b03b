//! `/errors/rules`: rules for grouping, in Rollbar's JSON syntax.

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::url::{Errors, RULES_SAVE, Range, Rules};
use leptos::prelude::*;
use model::port::Problem;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The rules in force as text, of whoever keeps them; the server provides it.
#[derive(Clone)]
pub struct GroupingRules(Arc<dyn Fn() -> Reading + Send + Sync>);

type Reading = Pin<Box<dyn Future<Output = Result<String, Problem>> + Send>>;

impl GroupingRules {
    pub fn new<F: Future<Output = Result<String, Problem>> + Send + 'static>(
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> GroupingRules {
        GroupingRules(Arc::new(move || Box::pin(read())))
    }
}

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
    let rules = use_context::<GroupingRules>().ok_or_else(|| Problem::Unavailable("nobody keeps rules".into()))?;
    let url = Rules::parse(&here.search);
    let kept = (rules.0)().await?;
    let text = if url.draft.is_empty() { kept } else { url.draft };
    let saved = url.saved.then(|| view! { <p class="ok" role="status">"Saved."</p> });
    let problem = (!url.problem.is_empty()).then(|| view! { <p class="error" role="alert">"Not saved: "{url.problem}</p> });
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
                    <textarea class="input mono" name="rules" rows="18" spellcheck="false" aria-label="Rules as JSON" placeholder=EXAMPLE>{text}</textarea>
                    <div class="row"><button class="button primary">"Save"</button></div>
                </form>
            </section>
            <section class="card" aria-labelledby="example">
                <header><h2 id="example">"An example"</h2></header>
                <div class="body"><pre class="json">{EXAMPLE}</pre></div>
            </section>
        </div>
    };
    Ok(Shown { title: "Grouping rules".into(), tab: Tab::Errors, range: Range::default(), status: 200, body: body.into_any() })
}
