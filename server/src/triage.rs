//! What people do to errors: forms of the pages about errors, each answered with 303 to the page it came from. Until there are accounts, who did
//! it is a name that the reader gave, kept in a cookie.

use crate::pages::cookie;
use crate::store::ErrorStore;
use app::url::{self, Pairs, RULES_SAVE, Rules, TRIAGE, TRIAGE_NAME};
use axum::Router;
use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::error::{ErrorLevel, TriageAction};
use model::port::Problem;
use model::time::{Nanos, parse_duration};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The cookie with the reader's name.
const COOKIE: &str = "name";

/// Characters of a name, of a title and of a comment.
const NAME: usize = 80;
const TITLE: usize = 300;
const COMMENT: usize = 20_000;

/// Who did it if the reader never said a name.
const NOBODY: &str = "somebody";

/// Groups that one form changes.
const MOST: usize = 1000;

/// `POST` of [`TRIAGE`], [`TRIAGE_NAME`] and [`RULES_SAVE`].
pub fn routes(errors: Arc<dyn ErrorStore>) -> Router {
    Router::new().route(TRIAGE, post(triage)).route(TRIAGE_NAME, post(name)).route(RULES_SAVE, post(rules)).with_state(errors)
}

/// What the reader of a request calls themselves; empty if they never said.
pub fn actor(headers: &HeaderMap) -> String {
    // Written as a form writes a value, so that any name is a cookie.
    let pairs = cookie(headers, COOKIE).map(|value| Pairs::parse(&format!("n={value}"))).unwrap_or_default();
    cut(pairs.get("n").unwrap_or_default(), NAME)
}

/// What a form asks for.
#[derive(Debug, PartialEq)]
enum Wish {
    Act(TriageAction),
    Merge(u64),
    Unmerge(u64),
    /// A form that was sent by the Enter key, not by one of its buttons.
    Nothing,
}

async fn triage(State(errors): State<Arc<dyn ErrorStore>>, headers: HeaderMap, body: String) -> Response {
    let form = Pairs::parse(&body);
    let who = named(&headers);
    let numbers: Vec<u64> = form.all("number").filter_map(|number| number.parse().ok()).take(MOST).collect();
    let wish = match wish(&form, &headers, now()) {
        Ok(wish) => wish,
        Err(sentence) => return refused(&sentence),
    };
    let done = match wish {
        Wish::Nothing => Ok(()),
        Wish::Act(action) => errors.triage(&who, &numbers, &action).await.map(|_| ()),
        Wish::Merge(into) => errors.merge_errors(&who, into, &numbers).await,
        Wish::Unmerge(number) => errors.unmerge_error(&who, number).await,
    };
    match done {
        Ok(()) => to_page(&url::back(form.get("back").unwrap_or_default())),
        Err(problem) => failed(&problem),
    }
}

/// `Err` is a sentence about what is wrong with the form.
fn wish(form: &Pairs, headers: &HeaderMap, now: Nanos) -> Result<Wish, String> {
    let text = |name: &str, most: usize| cut(form.get(name).unwrap_or_default(), most);
    let number =
        |name: &str| text(name, 20).trim_start_matches('#').parse::<u64>().map_err(|_| format!("{name} must be the number of an error"));
    let resolve = |version: Option<String>, next_deploy| Ok(Wish::Act(TriageAction::Resolve { version, next_deploy }));
    match form.get("action").unwrap_or_default() {
        "" => Ok(Wish::Nothing),
        "resolve" => resolve(None, false),
        "resolve-deploy" => resolve(None, true),
        "resolve-version" => match text("version", NAME) {
            version if version.is_empty() => Err("say in which version it is resolved".to_owned()),
            version => resolve(Some(version), false),
        },
        "reopen" => Ok(Wish::Act(TriageAction::Reopen)),
        "mute" => Ok(Wish::Act(TriageAction::Mute)),
        "snooze" => snooze(&text("for", 20), now),
        "snooze-more" => snooze(&format!("{} more", text("more", 20)), now),
        "assign" => Ok(Wish::Act(TriageAction::Assign(Some(text("who", NAME)).filter(|who| !who.is_empty() && who != "none")))),
        "assign-me" => match actor(headers) {
            me if me.is_empty() => Err("say your name first".to_owned()),
            me => Ok(Wish::Act(TriageAction::Assign(Some(me)))),
        },
        "level" => match ErrorLevel::named(&text("level", 20)) {
            Some(level) => Ok(Wish::Act(TriageAction::Level(level))),
            None => Err("a level is debug, info, warning, error or critical".to_owned()),
        },
        "title" => match text("title", TITLE) {
            title if title.is_empty() => Err("a title has at least one character".to_owned()),
            title => Ok(Wish::Act(TriageAction::Title(title))),
        },
        "comment" => match text("comment", COMMENT) {
            comment if comment.is_empty() => Err("an empty comment says nothing".to_owned()),
            comment => Ok(Wish::Act(TriageAction::Comment(comment))),
        },
        "merge" => Ok(Wish::Merge(number("into")?)),
        "unmerge" => Ok(Wish::Unmerge(number("member")?)),
        other => Err(format!("“{other}” cannot be done to errors")),
    }
}

/// `1h`, `1d`, `7d`; or `10 more`.
fn snooze(how: &str, now: Nanos) -> Result<Wish, String> {
    let more = how.strip_suffix(" more").map(|more| more.trim().parse().ok().filter(|more: &u64| *more > 0));
    let (until, more) = match more {
        Some(Some(more)) => (None, Some(more)),
        Some(None) => return Err("say after how many more occurrences it wakes".to_owned()),
        None => match parse_duration(how).filter(|length| *length > 0) {
            Some(length) => (Some(now.saturating_add(length)), None),
            None => return Err(format!("“{how}” is not a length of time: 1h, 1d or 7d")),
        },
    };
    Ok(Wish::Act(TriageAction::Snooze { until, more }))
}

async fn name(body: String) -> Response {
    let form = Pairs::parse(&body);
    let name = cut(form.get("name").unwrap_or_default(), NAME);
    let mut answer = to_page(&url::back(form.get("back").unwrap_or_default()));
    // As long as browsers keep cookies.
    let cookie = format!("{COOKIE}={}; Path=/; Max-Age=34560000; SameSite=Lax; HttpOnly", url::encoded(&name));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

async fn rules(State(errors): State<Arc<dyn ErrorStore>>, headers: HeaderMap, body: String) -> Response {
    let form = Pairs::parse(&body);
    let draft = form.get("draft").unwrap_or_default();
    match errors.set_grouping_rules(&named(&headers), draft).await {
        Ok(()) => to_page(&Rules { saved: true, ..Rules::default() }.to_string()),
        Err(Problem::Bad { message, .. }) => to_page(&Rules { saved: false, problem: message, draft: draft.to_owned() }.to_string()),
        Err(problem) => failed(&problem),
    }
}

fn named(headers: &HeaderMap) -> String {
    Some(actor(headers)).filter(|name| !name.is_empty()).unwrap_or_else(|| NOBODY.to_owned())
}

fn now() -> Nanos {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as Nanos)
}

/// Without white space around it and control characters in it, at most so many characters. Lines stay lines.
fn cut(text: &str, most: usize) -> String {
    text.trim().chars().filter(|c| !c.is_control() || *c == '\n').take(most).collect()
}

fn to_page(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response(),
        Err(_) => StatusCode::SEE_OTHER.into_response(),
    }
}

fn refused(sentence: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{sentence}\n")).into_response()
}

fn failed(problem: &Problem) -> Response {
    let status = match problem {
        Problem::NotFound(_) => StatusCode::NOT_FOUND,
        Problem::Bad { .. } => StatusCode::BAD_REQUEST,
        Problem::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{problem}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::{HOUR, SECOND};

    fn asked(form: &str) -> Result<Wish, String> {
        let headers = HeaderMap::from_iter([(axum::http::header::COOKIE, HeaderValue::from_static("a=b; name=Ann+%C3%84"))]);
        wish(&Pairs::parse(form), &headers, 5 * SECOND)
    }

    #[test]
    fn forms_say_what_they_want() {
        let act = |action| Ok(Wish::Act(action));
        assert_eq!(asked("action=resolve"), act(TriageAction::Resolve { version: None, next_deploy: false }));
        assert_eq!(
            asked("action=resolve-version&version=+1.2+"),
            act(TriageAction::Resolve { version: Some("1.2".into()), next_deploy: false })
        );
        assert_eq!(asked("action=resolve-deploy"), act(TriageAction::Resolve { version: None, next_deploy: true }));
        assert_eq!(asked("action=snooze&for=1h"), act(TriageAction::Snooze { until: Some(5 * SECOND + HOUR), more: None }));
        assert_eq!(asked("action=snooze-more&more=10"), act(TriageAction::Snooze { until: None, more: Some(10) }));
        assert_eq!(asked("action=snooze&for=10+more"), act(TriageAction::Snooze { until: None, more: Some(10) }));
        assert_eq!(asked("action=assign&who=+"), act(TriageAction::Assign(None)));
        assert_eq!(asked("action=assign-me"), act(TriageAction::Assign(Some("Ann Ä".into()))));
        assert_eq!(asked("action=level&level=CRITICAL"), act(TriageAction::Level(ErrorLevel::Critical)));
        assert_eq!(asked("action=merge&into=%2312"), Ok(Wish::Merge(12)));
        assert_eq!(asked("action=unmerge&member=3"), Ok(Wish::Unmerge(3)));
        assert_eq!(asked("action=&who=x"), Ok(Wish::Nothing), "the Enter key in a form of many buttons");
        for wrong in [
            "action=explode",
            "action=snooze&for=soon",
            "action=snooze-more&more=0",
            "action=merge",
            "action=level&level=x",
            "action=comment",
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
        assert_eq!(asked("action=comment&comment=a%0D%0Ab%00"), act(TriageAction::Comment("a\nb".into())));
    }
}
