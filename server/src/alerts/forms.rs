//! The settings page's forms: save, remove and test a target, each answered with 303 to the page.

use crate::api::Failure;
use crate::store::ErrorStore;
use app::url::{self, ALERT_REMOVE, ALERT_SAVE, ALERT_TEST};
use axum::Router;
use axum::extract::{RawForm, State};
use axum::response::Redirect;
use axum::routing::post;
use model::alert::{AlertTarget, TargetKind, Trigger};
use model::error::ErrorLevel;
use std::sync::Arc;

pub fn routes(alerts: Arc<dyn ErrorStore>) -> Router {
    Router::new().route(ALERT_SAVE, post(save)).route(ALERT_REMOVE, post(remove)).route(ALERT_TEST, post(test)).with_state(alerts)
}

type Answer = Result<Redirect, Failure>;

async fn save(State(alerts): State<Arc<dyn ErrorStore>>, RawForm(form): RawForm) -> Answer {
    alerts.save_alert_target(target(&form).map_err(Failure::bad)?).await?;
    Ok(to_page())
}

async fn remove(State(alerts): State<Arc<dyn ErrorStore>>, RawForm(form): RawForm) -> Answer {
    alerts.remove_alert_target(id(&form)).await?;
    Ok(to_page())
}

async fn test(State(alerts): State<Arc<dyn ErrorStore>>, RawForm(form): RawForm) -> Answer {
    alerts.test_alert_target(id(&form)).await?;
    Ok(to_page())
}

fn to_page() -> Redirect {
    Redirect::to(&url::Alerts.to_string())
}

fn pairs(form: &[u8]) -> url::Pairs {
    url::Pairs::parse(&String::from_utf8_lossy(form))
}

fn id(form: &[u8]) -> u64 {
    pairs(form).get("id").and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// The target that a form describes, or what is wrong with it.
fn target(form: &[u8]) -> Result<AlertTarget, String> {
    let pairs = pairs(form);
    let text = |name: &str| pairs.get(name).unwrap_or_default().trim().to_owned();
    let number = |name: &str, most: u32| -> Result<u32, String> {
        let number = text(name).parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or(format!("{name} must be a number from 1 to {most}"))
    };
    let (name, address) = (text("name"), text("url"));
    if name.is_empty() || name.chars().count() > 80 {
        return Err("a target's name has 1 to 80 characters".into());
    }
    let parsed = reqwest::Url::parse(&address).map_err(|_| "the address must begin with http:// or https://")?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err("the address must begin with http:// or https://".into());
    }
    let triggers: Vec<Trigger> = Trigger::CHOICES.into_iter().filter(|trigger| pairs.get(trigger.as_str()).is_some()).collect();
    if triggers.is_empty() {
        return Err("choose at least one thing to be told of".into());
    }
    Ok(AlertTarget {
        id: id(form),
        name,
        kind: if text("kind") == "slack" { TargetKind::Slack } else { TargetKind::Webhook },
        url: address,
        triggers,
        min_level: ErrorLevel::named(&text("min_level")).unwrap_or(ErrorLevel::Warning),
        environment: text("environment"),
        rate_count: number("rate_count", 1_000_000)?,
        rate_minutes: number("rate_minutes", 60)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_target_or_says_what_is_wrong() {
        let good = "id=0&name=Ops&kind=slack&url=https%3A%2F%2Fexample.com%2Fhook&new=on&rate=on&min_level=error&environment=&rate_count=50&rate_minutes=5";
        let target_of = target(good.as_bytes()).unwrap();
        assert_eq!((target_of.kind, target_of.triggers), (TargetKind::Slack, vec![Trigger::New, Trigger::Rate]));
        assert_eq!(target_of.url, "https://example.com/hook");
        for (from, to) in [
            ("name=Ops", "name=+"),
            ("https%3A", "file%3A"),
            ("rate_minutes=5", "rate_minutes=61"),
            ("rate_count=50", "rate_count=x"),
            ("&new=on&rate=on", ""),
        ] {
            assert!(target(good.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }
}
