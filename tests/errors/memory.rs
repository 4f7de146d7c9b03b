//! A plain store of errors: groups that a test makes up, and what people do to them.

use async_trait::async_trait;
use model::alert::{Alert, AlertReader, AlertTarget};
use model::error::{
    Deploy, ErrorGroup, ErrorLevel, ErrorPin, ErrorStatus, Grouping, HistoryRow, LinkHow, Mark, Occurrence, OccurrenceRow, Person,
    TriageAction, Witness, WitnessFamily,
};
use model::id::TraceId;
use model::port::{Ask, Breakdown, ErrorCounts, ErrorDetail, ErrorNeighbour, ErrorPage, ErrorReader, ErrorSearch, Problem, RuleTrial};
use model::query::ast::{Expr, Key, Query, Test};
use model::time::{DAY, HOUR, MINUTE, Nanos, Range};
use serde_json::{Value, json};
use server::store::{AlertStore, ErrorStore};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub struct ErrorMemory {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    groups: Vec<ErrorGroup>,
    occurrences: Vec<Occurrence>,
    history: Vec<(u64, HistoryRow)>,
    rules: String,
    targets: Vec<AlertTarget>,
}

/// When everything here happened.
pub fn now() -> Nanos {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_nanos() as Nanos
}

impl ErrorMemory {
    /// A group without occurrences.
    pub fn add(&self, change: impl FnOnce(&mut ErrorGroup)) {
        let mut kept = self.lock();
        let number = kept.groups.len() as u64 + 1;
        let mut group = ErrorGroup {
            number,
            title: format!("KeyError: number {number}"),
            class: "KeyError".into(),
            level: ErrorLevel::Error,
            status: ErrorStatus::Active,
            mark: None,
            project: "shop".into(),
            service: "backend".into(),
            environment: "production".into(),
            first_seen: now() - 3 * DAY,
            last_seen: now() - number as Nanos * MINUTE,
            first_version: "1.0".into(),
            last_version: "1.2".into(),
            count: 40 + number,
            people: 3,
            failed_requests: 2,
            assignee: None,
            comments: 0,
            hours: (0..24).map(|hour| hour * 3 % 7).collect(),
            routes: vec![("/api/cart".into(), 30)],
            families: vec![WitnessFamily::Rollbar, WitnessFamily::Otel],
            members: vec![],
        };
        change(&mut group);
        kept.groups.push(group);
    }

    /// An occurrence with this `data`, seen by these sources.
    pub fn throw(&self, number: u64, data: &Value, sources: &[&str], trace: Option<TraceId>) -> u64 {
        let mut kept = self.lock();
        let seq = 100 + kept.occurrences.len() as u64;
        let time = now() - 10 * MINUTE + seq as Nanos * 1_000_000_000;
        let older = kept.occurrences.iter_mut().rfind(|open| open.row.number == number);
        let older = older.map(|before| {
            before.newer = Some(seq);
            before.row.seq
        });
        let person = Person { id: "u7".into(), username: "ann".into(), email: String::new() };
        let traces: Vec<TraceId> = trace.into_iter().collect();
        let witnesses = sources.iter().map(|source| Witness {
            seq,
            time,
            received_at: time,
            source: (*source).into(),
            key: "".into(),
            identity: format!("{source}-{seq}"),
            project: "shop".into(),
            service: "backend".into(),
            environment: "production".into(),
            version: "1.2".into(),
            host: "web-1".into(),
            context: "/api/cart".into(),
            level: ErrorLevel::Error,
            traces: traces.clone(),
            span: None,
            how: Some(LinkHow::Trace),
            handled: Some(false),
            person: Some(person.clone()),
            data: data.to_string(),
        });
        let witnesses: Vec<Witness> = witnesses.collect();
        let row = OccurrenceRow {
            seq,
            uuid: format!("0000{seq:04}-0000-4000-8000-000000000000"),
            number,
            time,
            title: "KeyError: 'sku'".into(),
            level: ErrorLevel::Error,
            environment: "production".into(),
            version: "1.2".into(),
            host: "web-1".into(),
            context: "/api/cart".into(),
            person: Some(person),
            traces,
            span: None,
            how: Some(LinkHow::Trace),
            families: witnesses.iter().map(Witness::family).collect(),
        };
        kept.occurrences.push(Occurrence { row, witnesses, older, newer: None });
        seq
    }

    pub fn status(&self, number: u64) -> ErrorStatus {
        self.lock().groups.iter().find(|group| group.number == number).expect("a group").status.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn group(&self, number: u64) -> Result<&ErrorGroup, Problem> {
        let fits = |group: &&ErrorGroup| group.number == number || group.members.contains(&number);
        self.groups.iter().find(fits).ok_or(Problem::NotFound("error"))
    }

    fn shown(&self) -> impl Iterator<Item = &ErrorGroup> {
        let merged: Vec<u64> = self.groups.iter().flat_map(|group| group.members.clone()).collect();
        self.groups.iter().filter(move |group| !merged.contains(&group.number))
    }

    fn note(&mut self, number: u64, actor: &str, what: String, comment: Option<String>) {
        self.history.insert(0, (number, HistoryRow { at: now(), actor: actor.to_owned(), what, comment }));
    }
}

/// Equality of a few keys and words of the title: enough to see that pages ask for the right thing.
fn matches(group: &ErrorGroup, expr: &Expr, status: bool) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|part| matches(group, part, status)),
        Expr::Or(parts) => parts.iter().any(|part| matches(group, part, status)),
        Expr::Not(inner) => !matches(group, inner, status),
        Expr::Word(word) => word.text == format!("#{}", group.number) || word.found_in(&group.title),
        Expr::Field(field) => {
            let (Key::Attribute { name, .. }, Test::Equals(literal)) = (&field.key, &field.test) else { return false };
            let value = match name.as_str() {
                "status" if !status => return true,
                "status" => group.status.as_str(),
                "is" => group.mark.map_or("", Mark::as_str),
                "level" => group.level.as_str(),
                "service" => &group.service,
                "assignee" => group.assignee.as_deref().unwrap_or("none"),
                _ => return false,
            };
            value == literal.text
        }
    }
}

fn found<'a>(kept: &'a Kept, query: &'a Query, status: bool) -> impl Iterator<Item = &'a ErrorGroup> {
    kept.shown().filter(move |group| query.filter.as_ref().is_none_or(|filter| matches(group, filter, status)))
}

#[async_trait]
impl ErrorReader for ErrorMemory {
    async fn errors(&self, _: &Ask, search: &ErrorSearch) -> Result<ErrorPage, Problem> {
        let kept = self.lock();
        let after = search.cursor.map_or(0, |cursor| cursor.number);
        let mut rows: Vec<ErrorGroup> = found(&kept, &search.query, true).filter(|group| group.number > after).cloned().collect();
        let more = rows.len() > search.limit as usize;
        rows.truncate(search.limit as usize);
        let next = rows.last().filter(|_| more).map(|last| model::port::ErrorCursor { value: 0, number: last.number });
        Ok(ErrorPage { rows, next })
    }

    async fn error_counts(&self, _: &Ask, query: &Query) -> Result<ErrorCounts, Problem> {
        let kept = self.lock();
        let count = |status: &str| found(&kept, query, false).filter(|group| group.status.as_str() == status).count() as u64;
        Ok(ErrorCounts { active: count("active"), resolved: count("resolved"), muted: count("muted"), snoozed: count("snoozed") })
    }

    async fn error(&self, _: &Ask, number: u64) -> Result<ErrorDetail, Problem> {
        let kept = self.lock();
        let group = kept.group(number)?.clone();
        let grouping = Grouping {
            kind: "exception".into(),
            fingerprint: "f00d".into(),
            parts: vec![("class chain".into(), "KeyError".into()), ("crash site".into(), "shop/cart.py:total".into())],
            paths: 2,
        };
        let breakdown = |kind: &str, values: &[(&str, u64)]| Breakdown {
            kind: kind.into(),
            values: values.iter().map(|(v, n)| ((*v).to_owned(), *n)).collect(),
        };
        let breakdowns = vec![breakdown("context", &[("/api/cart", 30), ("/api/checkout", 11)]), breakdown("person", &[("u7", 5)])];
        let history = kept.history.iter().filter(|(of, _)| *of == group.number).map(|(_, row)| row.clone()).collect();
        Ok(ErrorDetail { group, grouping, history, breakdowns })
    }

    async fn error_trend(&self, _: &Ask, _: u64, range: Range, steps: u32) -> Result<Vec<(Nanos, u64)>, Problem> {
        let step = range.length() / i64::from(steps);
        Ok((0..i64::from(steps)).map(|n| (range.start + n * step, (n % 5) as u64)).collect())
    }

    async fn occurrences(&self, _: &Ask, number: u64, before: Option<u64>, limit: u32) -> Result<Vec<OccurrenceRow>, Problem> {
        let kept = self.lock();
        let rows = kept
            .occurrences
            .iter()
            .rev()
            .map(|open| &open.row)
            .filter(|row| row.number == number && before.is_none_or(|seq| row.seq < seq));
        Ok(rows.take(limit as usize).cloned().collect())
    }

    async fn occurrence(&self, _: &Ask, number: u64, seq: Option<u64>) -> Result<Occurrence, Problem> {
        let kept = self.lock();
        let found = kept.occurrences.iter().rfind(|open| open.row.number == number && seq.is_none_or(|seq| open.row.seq == seq));
        found.cloned().ok_or(Problem::NotFound("occurrence"))
    }

    async fn occurrence_by_uuid(&self, _: &Ask, uuid: &str) -> Result<(u64, u64), Problem> {
        let kept = self.lock();
        let found = kept.occurrences.iter().find(|open| open.row.uuid == uuid);
        found.map(|open| (open.row.number, open.row.seq)).ok_or(Problem::NotFound("occurrence"))
    }

    async fn errors_of_traces(&self, _: &Ask, traces: &[TraceId]) -> Result<Vec<ErrorPin>, Problem> {
        let kept = self.lock();
        let pin = |row: &OccurrenceRow| {
            let trace_id = *row.traces.iter().find(|id| traces.contains(id))?;
            let OccurrenceRow { number, seq, level, time, span, .. } = *row;
            Some(ErrorPin { number, seq, title: row.title.clone(), level, time, trace_id, span_id: span, families: row.families.clone() })
        };
        Ok(kept.occurrences.iter().filter_map(|open| pin(&open.row)).collect())
    }

    async fn error_neighbours(&self, _: &Ask, number: u64) -> Result<Vec<ErrorNeighbour>, Problem> {
        let kept = self.lock();
        let others = kept.shown().filter(|group| group.number != number).take(2);
        Ok(others.map(|group| ErrorNeighbour { number: group.number, title: group.title.clone(), traces: 4 }).collect())
    }

    async fn grouping_rules(&self) -> Result<String, Problem> {
        Ok(self.lock().rules.clone())
    }

    async fn try_grouping_rules(&self, _: &Ask, _: &str) -> Result<RuleTrial, Problem> {
        Ok(RuleTrial { tried: self.lock().occurrences.len() as u64, groups: Vec::new() })
    }

    async fn deploys(&self, _: &Ask, _: Range) -> Result<Vec<Deploy>, Problem> {
        let started = now() - 6 * HOUR;
        Ok(vec![Deploy {
            id: 1,
            project: "shop".into(),
            environment: "production".into(),
            revision: "abc123".into(),
            user: "bob".into(),
            comment: String::new(),
            status: "succeeded".into(),
            started,
            finished: Some(started + MINUTE),
        }])
    }
}

#[async_trait]
impl ErrorStore for ErrorMemory {
    async fn triage(&self, actor: &str, numbers: &[u64], action: &TriageAction) -> Result<u64, Problem> {
        let mut kept = self.lock();
        let mut done = 0;
        for number in numbers {
            let Some(group) = kept.groups.iter_mut().find(|group| group.number == *number) else { continue };
            done += 1;
            let (mut what, mut comment) = (String::new(), None);
            match action.clone() {
                TriageAction::Resolve { version, next_deploy } => group.status = ErrorStatus::Resolved { version, next_deploy },
                TriageAction::Reopen => group.status = ErrorStatus::Active,
                TriageAction::Mute => group.status = ErrorStatus::Muted,
                TriageAction::Snooze { until, more } => {
                    group.status = ErrorStatus::Snoozed { until, count: more.map(|more| group.count + more) }
                }
                TriageAction::Assign(who) => group.assignee = who,
                TriageAction::Level(level) => group.level = level,
                TriageAction::Title(title) => group.title = title,
                TriageAction::Comment(text) => (what, comment) = ("commented".to_owned(), Some(text)),
            }
            if what.is_empty() {
                what = format!("made it {}", group.status.as_str());
            }
            kept.note(*number, actor, what, comment);
        }
        Ok(done)
    }

    async fn merge_errors(&self, actor: &str, into: u64, numbers: &[u64]) -> Result<(), Problem> {
        let mut kept = self.lock();
        let group = kept.groups.iter_mut().find(|group| group.number == into).ok_or(Problem::NotFound("error"))?;
        group.members.extend(numbers);
        kept.note(into, actor, format!("merged {numbers:?} into it"), None);
        Ok(())
    }

    async fn unmerge_error(&self, _: &str, number: u64) -> Result<(), Problem> {
        self.lock().groups.iter_mut().for_each(|group| group.members.retain(|member| *member != number));
        Ok(())
    }

    async fn add_deploy(&self, deploy: Deploy) -> Result<u64, Problem> {
        Ok(deploy.id)
    }

    async fn end_deploy(&self, _: u64, _: &str, _: Nanos) -> Result<Deploy, Problem> {
        Err(Problem::NotFound("deploy"))
    }

    async fn set_grouping_rules(&self, _: &str, rules: &str) -> Result<(), Problem> {
        if !rules.is_empty() && serde_json::from_str::<Value>(rules).is_err() {
            return Err(Problem::Bad { message: "the rules are no JSON".into(), position: None });
        }
        self.lock().rules = rules.to_owned();
        Ok(())
    }
}

/// What a Rollbar SDK sends of a chained exception.
pub fn item() -> Value {
    let frame = |file: &str, line: u64, method: &str, code: &str| {
        json!({"filename": file, "lineno": line, "method": method, "code": code, "context": {"pre": ["def total(cart):"], "post": ["    return sum"]},
            "locals": {"cart": {"id": 7}, "sku": "A-1"}})
    };
    let frames = json!([
        frame("/usr/lib/python3/site-packages/flask/app.py", 1484, "full_dispatch_request", "rv = self.dispatch_request()"),
        frame("/srv/shop/views.py", 12, "cart", "return total(cart)"),
        frame("/srv/shop/cart.py", 30, "total", "price = prices[sku]"),
    ]);
    json!({
        "body": {
            "trace_chain": [
                {"exception": {"class": "KeyError", "message": "'sku'"}, "frames": frames},
                {"exception": {"class": "ValueError", "message": "no <price>"}, "frames": []},
            ],
            "telemetry": [{"type": "log", "level": "warning", "timestamp_ms": 1_700_000_000_000_u64, "body": {"message": "stock is low"}}],
        },
        "request": {"url": "http://shop.test/api/cart", "method": "POST", "headers": {"Accept": "*/*"}},
        "person": {"id": "u7", "username": "ann"},
    })
}

#[async_trait]
impl AlertReader for ErrorMemory {
    async fn alert_targets(&self) -> Result<Vec<AlertTarget>, Problem> {
        Ok(self.lock().targets.clone())
    }

    async fn alerts(&self, _: u32) -> Result<Vec<Alert>, Problem> {
        Ok(Vec::new())
    }
}

/// Targets are kept; nothing is ever raised.
#[async_trait]
impl AlertStore for ErrorMemory {
    async fn save_alert_target(&self, target: AlertTarget) -> Result<u64, Problem> {
        let mut kept = self.lock();
        let id = if target.id == 0 { kept.targets.len() as u64 + 1 } else { target.id };
        kept.targets.retain(|known| known.id != id);
        kept.targets.push(AlertTarget { id, ..target });
        Ok(id)
    }

    async fn remove_alert_target(&self, id: u64) -> Result<(), Problem> {
        self.lock().targets.retain(|target| target.id != id);
        Ok(())
    }

    async fn test_alert_target(&self, id: u64) -> Result<(), Problem> {
        let known = self.lock().targets.iter().any(|target| target.id == id);
        if known { Ok(()) } else { Err(Problem::NotFound("target")) }
    }

    async fn due_alerts(&self, _: u32) -> Result<Vec<(Alert, AlertTarget)>, Problem> {
        Ok(Vec::new())
    }

    async fn note_attempt(&self, _: u64, _: &str, _: bool, _: Option<Nanos>) -> Result<(), Problem> {
        Ok(())
    }
}
