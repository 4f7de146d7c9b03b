//! What the digest needs of a witness besides its fields: its keys, its twin key, and the values it counts for. Pure, and most of the work.

use super::codec;
use crate::errors::grouping::{self, Keys};
use crate::errors::rules::Rules;
use model::error::{Person, Witness, WitnessFamily};
use model::time::{DAY, Nanos};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Templates of one site in a day above which it is exploded.
const TEMPLATES: usize = 20;
/// Sites that are watched at a time.
const SITES: usize = 20_000;
/// Characters of a value that is counted.
const VALUE: usize = 255;

/// Kinds of `error_value`, by their number.
pub const KINDS: [&str; 8] = ["context", "version", "host", "browser", "person", "environment", "ip", "path"];
pub const CONTEXT: u8 = 0;
pub const VERSION: u8 = 1;
pub const HOST: u8 = 2;
pub const BROWSER: u8 = 3;
pub const PERSON: u8 = 4;
pub const ENVIRONMENT: u8 = 5;
pub const IP: u8 = 6;
pub const PATH: u8 = 7;

/// A witness with what was found in it.
pub struct Prepared {
    pub witness: Arc<Witness>,
    pub identity: [u8; 16],
    pub keys: Keys,
    /// The fingerprint by the version of the algorithm before, if its group is to be found.
    pub before: Option<String>,
    /// 0 if it is no exception.
    pub twin: i64,
    pub uuid: String,
    pub values: Vec<(u8, String)>,
    /// As it is stored.
    pub body: Vec<u8>,
}

/// Tells a witness from every other one.
pub fn identity(witness: &Witness) -> [u8; 16] {
    let family = witness.family() as u8;
    let text = [&[family], witness.project.as_bytes(), &[0x1f], witness.identity.as_bytes()].concat();
    xxh3_128(&text).to_be_bytes()
}

/// The hash of a person, of what tells people apart.
pub fn person_hash(person: &Person) -> i64 {
    let name = [&person.id, &person.email, &person.username].into_iter().find(|text| !text.is_empty());
    xxh3_64(name.map_or(&[][..], |name| name.as_bytes())).cast_signed()
}

/// Crash sites whose messages differ too much to tell errors apart.
#[derive(Default)]
pub struct Exploded {
    known: FxHashSet<String>,
    /// Since when it is watched, and the hashes of its templates.
    watched: FxHashMap<String, (Nanos, FxHashSet<u64>)>,
    /// New ones.
    pub found: Vec<String>,
}

impl Exploded {
    pub fn new(known: impl IntoIterator<Item = String>) -> Exploded {
        Exploded { known: known.into_iter().collect(), ..Exploded::default() }
    }

    fn add(&mut self, site: String, template: &str, now: Nanos) {
        if self.watched.len() >= SITES {
            self.watched.clear();
        }
        let (since, templates) = self.watched.entry(site.clone()).or_insert_with(|| (now, FxHashSet::default()));
        if now - *since > DAY {
            (*since, *templates) = (now, FxHashSet::default());
        }
        templates.insert(xxh3_64(template.as_bytes()));
        if templates.len() > TEMPLATES {
            self.watched.remove(&site);
            self.known.insert(site.clone());
            self.found.push(site);
        }
    }
}

/// `both`: the group by the version of the algorithm before counts, too.
pub fn prepare(witness: Arc<Witness>, rules: Option<&Rules>, exploded: &mut Exploded, both: bool, now: Nanos) -> Prepared {
    let data: Value = serde_json::from_str(&witness.data).unwrap_or_default();
    let is_exploded = |site: &str| exploded.known.contains(site);
    let mut keys = grouping::keys(&data, &is_exploded);
    let mut before = if both { grouping::keys_before(&data, &is_exploded) } else { None };
    if keys.kind == "exception" && keys.generic {
        exploded.add(grouping::site_hash(&keys.site), &keys.template, now);
    }
    if let Some(rules) = rules {
        rules.apply(&data, &mut keys);
        if let Some(before) = &mut before {
            rules.apply(&data, before);
        }
    }
    let thrown = [&data["body"]["trace_chain"][0], &data["body"]["trace"]].into_iter().find(|one| one["exception"].is_object());
    let twin = thrown.map_or(0, |one| {
        let text = |key: &str| one["exception"][key].as_str().unwrap_or_default();
        let twin = grouping::twin(text("class"), text("message"));
        // 0 is no exception.
        match xxh3_64(&twin).cast_signed() {
            0 => 1,
            twin => twin,
        }
    });
    let uuid = match witness.family() {
        WitnessFamily::Rollbar => data["uuid"].as_str().unwrap_or(&witness.identity).to_owned(),
        _ => String::new(),
    };
    let mut body = Vec::with_capacity(witness.data.len() + 512);
    codec::put(&witness, &mut body);
    let values = values(&witness, &data, &keys);
    let before = before.map(|before| before.group);
    Prepared { identity: identity(&witness), before, twin, uuid, values, body, keys, witness }
}

fn values(witness: &Witness, data: &Value, keys: &Keys) -> Vec<(u8, String)> {
    let request = &data["request"];
    let agent = request["headers"].as_object().into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let agent = agent.and_then(|(_, value)| value.as_str()).or_else(|| data["client"]["javascript"]["browser"].as_str());
    let person = witness.person.as_ref().map(|Person { id, username, email }| {
        [id, username, email].into_iter().filter(|text| !text.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" · ")
    });
    let all = [
        (CONTEXT, witness.context.clone()),
        (VERSION, witness.version.clone()),
        (HOST, witness.host.clone()),
        (BROWSER, agent.map(browser).unwrap_or_default()),
        (PERSON, person.unwrap_or_default()),
        (ENVIRONMENT, witness.environment.clone()),
        (IP, request["user_ip"].as_str().unwrap_or_default().to_owned()),
        (PATH, keys.path.clone()),
    ];
    let all = all.into_iter().filter(|(_, value)| !value.is_empty());
    all.map(|(kind, value)| (kind, grouping::cut(&value, VALUE))).collect()
}

/// The browser of a user agent with its major version; of what is none its first word.
fn browser(agent: &str) -> String {
    let marks = [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Version/", "Safari")];
    for (mark, name) in marks {
        if let Some((_, rest)) = agent.split_once(mark) {
            let major: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return format!("{name} {major}").trim_end().to_owned();
        }
    }
    agent.split_whitespace().next().unwrap_or_default().to_owned()
}
