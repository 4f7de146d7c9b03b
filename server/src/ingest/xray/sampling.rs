//! Sampling rules: a file in AWS's own JSON, answered to SDKs, edited by hand or on the page, and what SDKs report of them.
//! Without a file every request is recorded; without an answer SDKs would record one a second and 5 % of the rest.
//!
//! Sources: X-Ray developer guide, "Using sampling rules with the X-Ray API"; aws-xray-sdk-python `core/sampling`;
//! aws-xray-sdk-node `service_connector.js`.

use model::sampling::{Board, Counts, DEFAULT, Rule, RuleInUse, SamplingRules, WINDOW};
use model::time::{MINUTE, Nanos, SECOND};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The file in the data directory.
pub const FILE: &str = "sampling-rules.json";
/// Seconds between an SDK's reports.
const INTERVAL: i64 = 10;
/// An SDK that has not reported for so long has no share of the reservoir.
const ALIVE: Nanos = MINUTE;
/// SDKs of one rule that share its reservoir.
const CLIENTS: usize = 10_000;

/// The rules, and their use since the start.
#[derive(Debug)]
pub struct Sampling {
    file: Option<PathBuf>,
    since: Nanos,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By priority, the default rule last.
    rules: Vec<Rule>,
    /// Of the file that `rules` are from: when it was written, and its size.
    stamp: Option<(SystemTime, u64)>,
    modified: Nanos,
    problem: Option<String>,
    usage: BTreeMap<String, Usage>,
}

/// What SDKs reported of one rule.
#[derive(Debug, Default)]
struct Usage {
    /// By minute, oldest first, at most [`WINDOW`] of them.
    minutes: VecDeque<(i64, Counts)>,
    /// When each SDK reported last.
    clients: HashMap<String, Nanos>,
}

/// As `aws xray get-sampling-rules` prints it and `GetSamplingRules` answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Records {
    sampling_rule_records: Vec<Record>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    sampling_rule: Rule,
}

/// `SamplingStatisticsDocument` of `GetSamplingTargets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Report {
    pub rule_name: String,
    #[serde(rename = "ClientID")]
    pub client_id: String,
    pub request_count: u64,
    pub sampled_count: u64,
    pub borrow_count: u64,
}

impl Sampling {
    /// Rules that are kept in this directory; `None` keeps the default rule alone.
    pub fn new(directory: Option<&Path>, now: Nanos) -> Sampling {
        let state = State { rules: vec![Rule::default()], stamp: None, modified: 0, problem: None, usage: BTreeMap::new() };
        Sampling { file: directory.map(|directory| directory.join(FILE)), since: now, state: Mutex::new(state) }
    }

    /// The rules as they are now.
    pub fn rules(&self) -> Vec<Rule> {
        self.fresh().rules.clone()
    }

    /// Adds a rule, or replaces the one with its name.
    ///
    /// # Errors
    /// A sentence for the person who edits.
    pub fn save(&self, rule: Rule) -> Result<(), String> {
        check(&rule)?;
        self.change(|rules| {
            rules.retain(|other| other.rule_name != rule.rule_name);
            rules.push(rule);
        })
    }

    /// Removes a rule; of the default rule, what was changed.
    ///
    /// # Errors
    /// A sentence for the person who edits.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        self.change(|rules| rules.retain(|rule| rule.rule_name != name))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Rule>)) -> Result<(), String> {
        let file = self.file.as_ref().ok_or("this instance has nowhere to keep sampling rules")?;
        let mut state = self.fresh();
        if let Some(problem) = &state.problem {
            return Err(format!("{problem}; mend or remove it first, or what is in it would be lost"));
        }
        let mut rules = state.rules.clone();
        change(&mut rules);
        let rules = ordered(rules);
        let records = Records { sampling_rule_records: rules.iter().cloned().map(|sampling_rule| Record { sampling_rule }).collect() };
        let text = serde_json::to_string_pretty(&records).map_err(|error| error.to_string())?;
        // Renamed into place: SDKs may ask at any moment.
        let draft = file.with_extension("json.new");
        std::fs::write(&draft, text)
            .and_then(|()| std::fs::rename(&draft, file))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        state.stamp = None;
        state.read(file);
        Ok(())
    }

    /// `GetSamplingRules`.
    pub fn get_rules(&self) -> Value {
        let state = self.fresh();
        let modified = seconds(state.modified);
        let records = state.rules.iter().map(|rule| {
            let mut rule = rule.clone();
            if rule.rule_arn.is_empty() {
                rule.rule_arn = format!("arn:aws:xray:us-east-1:000000000000:sampling-rule/{}", rule.rule_name);
            }
            json!({"SamplingRule": rule, "CreatedAt": 0.0, "ModifiedAt": modified})
        });
        json!({"SamplingRuleRecords": records.collect::<Vec<_>>(), "NextToken": null})
    }

    /// `GetSamplingTargets`: counts what an SDK saw and says how it goes on.
    pub fn get_targets(&self, reports: Vec<Report>, now: Nanos) -> Value {
        let mut state = self.fresh();
        let (mut targets, mut unprocessed) = (Vec::new(), Vec::new());
        for report in reports {
            let Some(rule) = state.rules.iter().find(|rule| rule.rule_name == report.rule_name).cloned() else {
                // It was removed since; the SDK learns so from `LastRuleModification`.
                let message = "There is no such sampling rule.";
                unprocessed.push(json!({"RuleName": report.rule_name, "ErrorCode": "ResourceNotFoundException", "Message": message}));
                continue;
            };
            let usage = state.usage.entry(rule.rule_name.clone()).or_default();
            usage.count(&report, now);
            // JavaScript's SDK takes these seconds for milliseconds and never uses its quota; the rate it does use.
            targets.push(json!({
                "RuleName": rule.rule_name,
                "FixedRate": rule.fixed_rate,
                "ReservoirQuota": rule.reservoir_size as usize / usage.clients.len().max(1),
                "ReservoirQuotaTTL": (now / SECOND + 2 * INTERVAL) as f64,
                "Interval": INTERVAL,
            }));
        }
        json!({
            "SamplingTargetDocuments": targets,
            "LastRuleModification": seconds(state.modified),
            "UnprocessedStatistics": unprocessed,
        })
    }

    /// `GetSamplingStatisticSummaries`: a row per rule and minute.
    pub fn get_statistics(&self) -> Value {
        let state = self.fresh();
        let rows = state.usage.iter().flat_map(|(name, usage)| {
            usage.minutes.iter().map(move |(minute, counts)| {
                json!({
                    "RuleName": name,
                    "Timestamp": (minute * 60) as f64,
                    "RequestCount": counts.requests,
                    "BorrowCount": counts.borrowed,
                    "SampledCount": counts.sampled,
                })
            })
        });
        json!({"SamplingStatisticSummaries": rows.collect::<Vec<_>>(), "NextToken": null})
    }

    /// The state, with the file read again if it changed.
    fn fresh(&self) -> MutexGuard<'_, State> {
        // Every change below is whole after one assignment.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file {
            state.read(file);
        }
        state
    }
}

impl SamplingRules for Sampling {
    fn board(&self) -> Board {
        let now = crate::ingest::now();
        let mut state = self.fresh();
        let State { rules, usage, .. } = &mut *state;
        let in_use = rules.iter().map(|rule| {
            let mut counts = Counts::default();
            let usage = usage.get_mut(&rule.rule_name);
            let clients = usage.map_or(0, |usage| {
                usage.forget(now);
                usage.minutes.iter().for_each(|(_, minute)| counts.add(*minute));
                usage.clients.len()
            });
            RuleInUse { rule: rule.clone(), counts, clients }
        });
        Board {
            rules: in_use.collect(),
            file: self.file.as_ref().map(|file| file.display().to_string()),
            problem: state.problem.clone(),
            counted_ns: (now - self.since).clamp(0, WINDOW * MINUTE),
        }
    }
}

impl State {
    fn read(&mut self, file: &Path) {
        let stamp = std::fs::metadata(file).ok().map(|meta| (meta.modified().unwrap_or(UNIX_EPOCH), meta.len()));
        if stamp == self.stamp {
            return;
        }
        let had_file = self.stamp.is_some();
        self.stamp = stamp;
        self.problem = None;
        let Some((written, _)) = stamp else {
            self.rules = vec![Rule::default()];
            self.modified = if had_file { crate::ingest::now() } else { 0 };
            return;
        };
        match parse(file) {
            Ok(rules) => {
                self.rules = rules;
                let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
                self.modified = since.as_nanos().try_into().unwrap_or(0);
            }
            Err(problem) => {
                tracing::warn!("{problem}; the sampling rules stay what they were");
                self.problem = Some(problem);
            }
        }
    }
}

fn parse(file: &Path) -> Result<Vec<Rule>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let records: Records = serde_json::from_str(&text).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let rules: Vec<Rule> = records.sampling_rule_records.into_iter().map(|record| record.sampling_rule).collect();
    for rule in &rules {
        check(rule).map_err(|why| format!("{}, rule {:?}: {why}", file.display(), rule.rule_name))?;
    }
    Ok(ordered(rules))
}

/// In the order in which SDKs try them; there is always a default.
fn ordered(mut rules: Vec<Rule>) -> Vec<Rule> {
    if !rules.iter().any(|rule| rule.rule_name == DEFAULT) {
        rules.push(Rule::default());
    }
    rules.sort_by(|a, b| (a.rule_name == DEFAULT, a.priority, &a.rule_name).cmp(&(b.rule_name == DEFAULT, b.priority, &b.rule_name)));
    rules
}

/// AWS's limits (`CreateSamplingRule`).
fn check(rule: &Rule) -> Result<(), &'static str> {
    match rule {
        Rule { rule_name, .. } if rule_name.trim().is_empty() || rule_name.chars().count() > 32 => {
            Err("a rule needs a name of at most 32 characters")
        }
        Rule { rule_name, priority, .. } if rule_name != DEFAULT && !(1..=9999).contains(priority) => Err("the priority must be 1 to 9999"),
        Rule { fixed_rate, .. } if !(0.0..=1.0).contains(fixed_rate) => Err("the rate must be 0 to 1"),
        Rule { service_name, service_type, host, http_method, url_path, .. }
            if [service_name, service_type, host, http_method, url_path].iter().any(|pattern| pattern.is_empty()) =>
        {
            Err("a pattern must not be empty; * is for all")
        }
        _ => Ok(()),
    }
}

impl Usage {
    fn count(&mut self, report: &Report, now: Nanos) {
        let minute = now.div_euclid(MINUTE);
        if self.minutes.back().is_none_or(|(last, _)| *last != minute) {
            self.minutes.push_back((minute, Counts::default()));
        }
        if let Some((_, counts)) = self.minutes.back_mut() {
            // No SDK counts so far; whoever says so shall not make ours overflow.
            let bound = |count: u64| count.min(1 << 40);
            counts.add(Counts {
                requests: bound(report.request_count),
                sampled: bound(report.sampled_count),
                borrowed: bound(report.borrow_count),
            });
        }
        self.forget(now);
        if self.clients.len() < CLIENTS {
            self.clients.insert(report.client_id.clone(), now);
        }
    }

    fn forget(&mut self, now: Nanos) {
        let oldest = now.div_euclid(MINUTE) - WINDOW;
        while self.minutes.front().is_some_and(|(minute, _)| *minute <= oldest) {
            self.minutes.pop_front();
        }
        self.clients.retain(|_, seen| now - *seen < ALIVE);
    }
}

fn seconds(at: Nanos) -> f64 {
    at as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = 1_795_352_761 * SECOND;

    fn rule(name: &str, priority: u32) -> Rule {
        Rule { rule_name: name.into(), priority, fixed_rate: 0.05, reservoir_size: 10, url_path: "/health*".into(), ..Rule::default() }
    }

    fn report(rule: &str, client: &str, counts: [u64; 3]) -> Report {
        let [request_count, sampled_count, borrow_count] = counts;
        Report { rule_name: rule.into(), client_id: client.into(), request_count, sampled_count, borrow_count }
    }

    #[test]
    fn without_a_file_everything_is_recorded() {
        let sampling = Sampling::new(None, NOW);
        let answer = sampling.get_rules();
        let rule = &answer["SamplingRuleRecords"][0]["SamplingRule"];
        // What Python's and JavaScript's SDK want of a rule before they use it.
        assert_eq!((&rule["RuleName"], &rule["FixedRate"], &rule["Version"]), (&json!("Default"), &json!(1.0), &json!(1)));
        assert_eq!((&rule["ResourceARN"], &rule["ServiceType"], &rule["Attributes"]), (&json!("*"), &json!("*"), &json!({})));
        assert_eq!((&rule["HTTPMethod"], &rule["URLPath"], &rule["Priority"]), (&json!("*"), &json!("*"), &json!(10_000)));
        assert!(sampling.save(self::rule("a", 1)).is_err(), "there is nowhere to keep it");
    }

    #[test]
    fn rules_are_kept_in_order_and_sdks_learn_of_changes() {
        let directory = tempfile::TempDir::new().unwrap();
        let sampling = Sampling::new(Some(directory.path()), NOW);
        let modified = |sampling: &Sampling| sampling.get_targets(vec![], NOW)["LastRuleModification"].as_f64().unwrap();
        assert_eq!(modified(&sampling), 0.0);
        sampling.save(rule("second", 20)).unwrap();
        sampling.save(rule("first", 3)).unwrap();
        sampling.save(Rule { fixed_rate: 0.5, ..Rule::default() }).unwrap();
        assert!(modified(&sampling) > 0.0);
        // Another process, or the next start.
        let again = Sampling::new(Some(directory.path()), NOW);
        let names: Vec<_> = again.rules().into_iter().map(|rule| (rule.rule_name, rule.fixed_rate)).collect();
        assert_eq!(names, [("first".to_owned(), 0.05), ("second".to_owned(), 0.05), ("Default".to_owned(), 0.5)]);
        again.remove("first").unwrap();
        again.remove("Default").unwrap();
        assert_eq!(sampling.rules(), [rule("second", 20), Rule::default()]);
        std::fs::remove_file(directory.path().join(FILE)).unwrap();
        assert_eq!(sampling.rules(), [Rule::default()]);
        assert!(modified(&sampling) > 0.0, "that is a change, too");
    }

    #[test]
    fn a_broken_file_leaves_the_rules_as_they_were() {
        let directory = tempfile::TempDir::new().unwrap();
        let sampling = Sampling::new(Some(directory.path()), NOW);
        sampling.save(rule("kept", 7)).unwrap();
        for broken in ["{", r#"{"SamplingRuleRecords":[{"SamplingRule":{"RuleName":"x","Priority":5,"FixedRate":7}}]}"#] {
            std::fs::write(directory.path().join(FILE), broken).unwrap();
            assert_eq!(sampling.rules()[0], rule("kept", 7));
            let problem = sampling.board().problem.unwrap();
            assert!(problem.contains(FILE), "{problem}");
            assert!(sampling.save(rule("new", 8)).unwrap_err().contains("mend"), "what somebody writes there is not overwritten");
        }
    }

    /// What the AWS CLI prints, moments as text included.
    #[test]
    fn the_file_may_be_what_the_cli_printed() {
        let directory = tempfile::TempDir::new().unwrap();
        let text = r#"{"SamplingRuleRecords": [{"SamplingRule": {"RuleName": "polling", "RuleARN": "arn:aws:xray:eu-west-1:1:sampling-rule/polling",
            "ResourceARN": "*", "Priority": 100, "FixedRate": 0, "ReservoirSize": 0, "ServiceName": "*", "ServiceType": "*", "Host": "*",
            "HTTPMethod": "GET", "URLPath": "/poll/?", "Version": 1, "Attributes": {}},
            "CreatedAt": "2024-02-01T10:00:00+00:00", "ModifiedAt": "2024-02-01T10:00:00+00:00"}]}"#;
        std::fs::write(directory.path().join(FILE), text).unwrap();
        let rules = Sampling::new(Some(directory.path()), NOW).rules();
        assert_eq!((rules[0].rule_name.as_str(), rules[0].url_path.as_str(), rules[0].fixed_rate), ("polling", "/poll/?", 0.0));
        assert_eq!(rules[1], Rule::default());
    }

    #[test]
    fn reports_are_counted_and_share_the_reservoir() {
        let directory = tempfile::TempDir::new().unwrap();
        let sampling = Sampling::new(Some(directory.path()), NOW);
        sampling.save(rule("web", 1)).unwrap();
        let now = crate::ingest::now();
        let first = sampling.get_targets(vec![report("web", "a", [100, 5, 1]), report("gone", "a", [1, 1, 0])], now);
        assert_eq!(first["SamplingTargetDocuments"][0]["ReservoirQuota"], 10);
        assert_eq!(first["SamplingTargetDocuments"][0]["FixedRate"], 0.05);
        assert_eq!(first["UnprocessedStatistics"][0]["RuleName"], "gone");
        let second = sampling.get_targets(vec![report("web", "b", [20, 1, 0])], now);
        assert_eq!(second["SamplingTargetDocuments"][0]["ReservoirQuota"], 5, "two SDKs share it");
        let web = &sampling.board().rules[0];
        assert_eq!((web.counts, web.clients), (Counts { requests: 120, sampled: 6, borrowed: 1 }, 2));
        assert_eq!(web.counts.kept(), 7);
        assert_eq!(
            sampling.get_statistics()["SamplingStatisticSummaries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["RequestCount"].as_u64().unwrap())
                .sum::<u64>(),
            120
        );
        let later = sampling.get_targets(vec![report("web", "b", [u64::MAX; 3])], now + WINDOW * MINUTE);
        assert_eq!(later["SamplingTargetDocuments"][0]["ReservoirQuota"], 10, "the other one is gone");
        assert_eq!(sampling.get_statistics()["SamplingStatisticSummaries"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn limits() {
        for wrong in [
            rule("", 1),
            rule(&"x".repeat(33), 1),
            rule("a", 0),
            rule("a", 10_000),
            Rule { fixed_rate: f64::NAN, ..rule("a", 1) },
            Rule { fixed_rate: 1.01, ..rule("a", 1) },
            Rule { host: String::new(), ..rule("a", 1) },
        ] {
            assert!(check(&wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(check(&Rule::default()), Ok(()));
    }
}
