//! What alerts look like on the wire: Rollbar's webhook JSON (`event_name` and `data.item`, with the numbers that its webhooks have where
//! its REST API has names), and Slack's `{"text": ...}`.

use app::url;
use model::alert::{Alert, AlertTarget, TargetKind, Trigger};
use model::error::{ErrorGroup, Witness};
use model::time::{Nanos, SECOND};
use serde_json::{Value, json};

/// The alert as its target takes it; `last` is the group's newest occurrence, if it is still there.
pub fn of(alert: &Alert, target: &AlertTarget, group: &ErrorGroup, last: Option<&Witness>, base: &str) -> Value {
    let link = format!("{base}{}", url::ErrorPage::of(group.number));
    match target.kind {
        TargetKind::Webhook => webhook(alert, target, group, last, &link),
        TargetKind::Slack => slack(alert, target, group, &link),
    }
}

/// What the test button sends.
pub fn test(kind: TargetKind, base: &str) -> Value {
    match kind {
        TargetKind::Webhook => json!({"event_name": "test", "data": {"message": "This is a test of Clew.", "url": base}}),
        TargetKind::Slack => json!({"text": format!("This is a test of <{}|Clew>.", escape(base))}),
    }
}

fn webhook(alert: &Alert, target: &AlertTarget, group: &ErrorGroup, last: Option<&Witness>, link: &str) -> Value {
    let mut item = json!({
        "id": group.number,
        "counter": group.number,
        "project_id": 0,
        "title": group.title,
        "environment": group.environment,
        "level": group.level.number(),
        "status": match group.status.as_str() { "resolved" => 2, "muted" => 3, _ => 1 },
        "framework": 0,
        "platform": 0,
        "first_occurrence_timestamp": seconds(group.first_seen),
        "last_occurrence_timestamp": seconds(group.last_seen),
        "total_occurrences": group.count,
        "unique_occurrences": group.people,
        "assigned_user_id": null,
        "public_item_id": null,
    });
    if let Some(last) = last {
        let data = serde_json::from_str(&last.data).unwrap_or(Value::Null);
        item["last_occurrence"] = data;
        item["last_occurrence"]["timestamp"] = json!(seconds(last.time));
    }
    let mut data = json!({"item": item, "url": link});
    let name = match alert.trigger {
        Trigger::New | Trigger::Test => "new_item",
        Trigger::Regressed => "reactivated_item",
        Trigger::Repeated => {
            data["occurrences"] = json!(alert.count);
            "exp_repeat_item"
        }
        Trigger::Rate => {
            data["trigger"] = json!({
                "window_size": target.rate_minutes * 60,
                "window_size_description": window(target.rate_minutes),
                "threshold": target.rate_count,
            });
            "item_velocity"
        }
    };
    json!({"event_name": name, "data": data})
}

fn slack(alert: &Alert, target: &AlertTarget, group: &ErrorGroup, link: &str) -> Value {
    let what = match alert.trigger {
        Trigger::New | Trigger::Test => "New".to_owned(),
        Trigger::Regressed => "Came back".to_owned(),
        Trigger::Repeated => format!("{} occurrences", alert.count),
        Trigger::Rate => format!("At least {} in {}", target.rate_count, window(target.rate_minutes)),
    };
    let place = [&group.service, &group.environment, &group.last_version].into_iter().filter(|text| !text.is_empty());
    let place: Vec<String> = place.map(|text| escape(text)).collect();
    let title = format!("*{what}* {} <{link}|#{} {}>", group.level.as_str(), group.number, escape(&group.title));
    json!({"text": if place.is_empty() { title } else { format!("{title}\n{}", place.join(" · ")) }})
}

/// As Slack wants text: <https://api.slack.com/reference/surfaces/formatting#escaping>
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn seconds(at: Nanos) -> i64 {
    at.div_euclid(SECOND)
}

fn window(minutes: u32) -> String {
    app::ui::plural(minutes.into(), "minute", "minutes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::error::{ErrorLevel, ErrorStatus};

    fn target(kind: TargetKind) -> AlertTarget {
        AlertTarget {
            id: 1,
            name: "ops".into(),
            kind,
            url: "http://127.0.0.1:9/".into(),
            triggers: Trigger::CHOICES.to_vec(),
            min_level: ErrorLevel::Debug,
            environment: String::new(),
            rate_count: 50,
            rate_minutes: 5,
        }
    }

    fn group() -> ErrorGroup {
        ErrorGroup {
            number: 12,
            title: "KeyError: <x> & y".into(),
            class: "KeyError".into(),
            level: ErrorLevel::Error,
            status: ErrorStatus::Active,
            mark: None,
            project: "p".into(),
            service: "backend".into(),
            environment: "production".into(),
            first_seen: 5 * SECOND,
            last_seen: 9 * SECOND,
            first_version: "1".into(),
            last_version: "2".into(),
            count: 100,
            people: 3,
            failed_requests: 0,
            assignee: None,
            comments: 0,
            hours: vec![0; 24],
            routes: vec![],
            families: vec![],
            members: vec![],
        }
    }

    fn alert(trigger: Trigger) -> Alert {
        Alert {
            id: 1,
            at: 0,
            due: None,
            target: 1,
            name: "ops".into(),
            trigger,
            number: 12,
            count: 100,
            attempts: 0,
            answer: String::new(),
            delivered: false,
        }
    }

    #[test]
    fn webhooks_are_rollbars() {
        let named = |trigger| of(&alert(trigger), &target(TargetKind::Webhook), &group(), None, "http://clew");
        assert_eq!(named(Trigger::New)["event_name"], "new_item");
        assert_eq!(named(Trigger::Regressed)["event_name"], "reactivated_item");
        let repeated = named(Trigger::Repeated);
        assert_eq!((&repeated["event_name"], &repeated["data"]["occurrences"]), (&json!("exp_repeat_item"), &json!(100)));
        let rate = named(Trigger::Rate);
        assert_eq!(rate["data"]["trigger"], json!({"window_size": 300, "window_size_description": "5 minutes", "threshold": 50}));
        let item = &rate["data"]["item"];
        assert_eq!((&item["level"], &item["status"], &item["total_occurrences"]), (&json!(40), &json!(1), &json!(100)));
        assert_eq!(rate["data"]["url"], "http://clew/e/12");
    }

    #[test]
    fn slack_gets_escaped_text_with_a_link() {
        let text = of(&alert(Trigger::New), &target(TargetKind::Slack), &group(), None, "http://clew");
        assert_eq!(text["text"], "*New* error <http://clew/e/12|#12 KeyError: &lt;x&gt; &amp; y>\nbackend · production · 2");
    }
}
