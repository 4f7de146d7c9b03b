//! An item as a witness. Pure; every key that was sent is kept.

use super::{SOURCE, link, scrub, truncate};
use crate::errors::grouping;
use model::error::{ErrorLevel, Person, Witness};
use model::time::{MINUTE, Nanos, SECOND};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// How far ahead a sender's clock may be.
const AHEAD: Nanos = 5 * MINUTE;
/// Characters of a text by which errors are found.
const TEXT: usize = 255;

/// Where an item came from.
pub struct Arrival {
    pub received_at: Nanos,
    pub project: Arc<str>,
    /// Name of the ingest key; empty if none is needed.
    pub key: Arc<str>,
    pub peer: Option<IpAddr>,
}

/// What tells an item without a `uuid` from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// It is one of its own.
    Random,
    /// The same content is the same item: files are uploaded again.
    Content,
}

/// The witness that an item of the API is; else what is wrong with the item.
pub fn item(mut item: Value, arrival: &Arrival, identity: Identity) -> Result<Witness, String> {
    let mut data = item["data"].take();
    if !data.is_object() {
        return Err("An item has an object data.".into());
    }
    // Newest SDKs put the body's only kind there; an item without any is of no use.
    if !data["body"].is_object() {
        return Err("An item's data has an object body.".into());
    }
    let hash = if identity == Identity::Content { xxh3_128(data.to_string().as_bytes()) } else { rand::random() };
    let links = link::links(&data);
    set_remote_ip(&mut data, arrival.peer);
    scrub::scrub(&mut data);
    let uuid = text(&data["uuid"]);
    let identity = if uuid.is_empty() { uuid_of(hash) } else { uuid };
    let has_exception = !grouping::chain(&data["body"]).is_empty();
    let first = |places: [&Value; 4]| places.into_iter().map(text).find(|text| !text.is_empty()).unwrap_or_default();
    let nothing = &Value::Null;
    let (server, script) = (&data["server"], &data["client"]["javascript"]);
    let level = match &data["level"] {
        Value::String(name) => ErrorLevel::named(name),
        number => number.as_u64().and_then(|number| ErrorLevel::named(&number.to_string())),
    };
    let level = level.unwrap_or(if has_exception { ErrorLevel::Error } else { ErrorLevel::Info });
    let is_uncaught = data["attributes"].as_array().into_iter().flatten().find(|one| one["key"] == "is_uncaught");
    let witness = Witness {
        seq: 0,
        time: time(&data).filter(|time| *time <= arrival.received_at + AHEAD).unwrap_or(arrival.received_at),
        received_at: arrival.received_at,
        source: SOURCE.into(),
        key: arrival.key.clone(),
        identity,
        project: arrival.project.clone(),
        service: String::new(),
        environment: text(&data["environment"]),
        version: first([&data["code_version"], &script["code_version"], &server["code_version"], &server["sha"]]),
        host: first([&server["host"], &data["host"], nothing, nothing]),
        context: text(&data["context"]),
        level,
        traces: links.traces,
        span: links.span,
        how: links.how,
        handled: is_uncaught.and_then(|one| truth(&one["value"])).map(|uncaught| !uncaught),
        person: person(&data["person"]),
        data: String::new(),
    };
    data["uuid"] = witness.identity.as_str().into();
    let data = truncate::text(&mut data);
    Ok(Witness { data, ..witness })
}

/// A text or number, as a text of at most [`TEXT`] characters.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().chars().take(TEXT).collect(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| match value.as_str()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

/// In whole seconds since the epoch, as SDKs send it; browsers have it elsewhere. Milliseconds are told by their size.
fn time(data: &Value) -> Option<Nanos> {
    let number =
        |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|time| time.is_finite() && *time > 0.0);
    let time = number(&data["timestamp"]).or_else(|| number(&data["client"]["timestamp"]))?;
    let unit = match time {
        seconds if seconds < 1e11 => SECOND,
        milliseconds if milliseconds < 1e14 => SECOND / 1_000,
        _ => SECOND / 1_000_000,
    };
    // By its whole part first: a double has no place for nanoseconds of today.
    let whole = (time.trunc() as Nanos).checked_mul(unit)?;
    whole.checked_add((time.fract() * unit as f64) as Nanos)
}

fn person(value: &Value) -> Option<Person> {
    let person = Person { id: text(&value["id"]), username: text(&value["username"]), email: text(&value["email"]) };
    (!(person.id.is_empty() && person.username.is_empty() && person.email.is_empty())).then_some(person)
}

/// What browsers do not know themselves: they ask for it by these names.
fn set_remote_ip(data: &mut Value, peer: Option<IpAddr>) {
    let set = |value: &mut Value| {
        let ip = match value.as_str() {
            Some("$remote_ip") => peer,
            Some("$remote_ip_anonymize") => peer.map(without_host),
            _ => return,
        };
        *value = ip.map_or(Value::Null, |ip| ip.to_string().into());
    };
    if let Some(ip) = data.get_mut("request").and_then(|request| request.get_mut("user_ip")) {
        set(ip);
    }
    if let Some(ip) = data.get_mut("client").and_then(|client| client.get_mut("user_ip")) {
        set(ip);
    }
    for one in data.get_mut("attributes").and_then(Value::as_array_mut).into_iter().flatten().filter_map(|one| one.get_mut("value")) {
        set(one);
    }
}

/// Of an address the network: the last byte of IPv4, the last 80 bits of IPv6 are not kept.
fn without_host(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) & !0xff).into()),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & !((1 << 80) - 1)).into()),
    }
}

/// A UUID of random or hashed bits.
fn uuid_of(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::error::LinkHow;
    use serde_json::json;

    fn arrival() -> Arrival {
        Arrival { received_at: 1_795_352_700 * SECOND, project: "shop".into(), key: "".into(), peer: Some("203.0.113.77".parse().unwrap()) }
    }

    fn translated(data: Value) -> Result<Witness, String> {
        item(json!({"data": data}), &arrival(), Identity::Random)
    }

    #[test]
    fn an_item_of_a_server() {
        let witness = translated(json!({
            "timestamp": 1_795_352_670, "environment": "production", "level": "warning", "uuid": "dfa57528-4518-4921-8dd4-d15740fde519", "code_version": "1.0.0",
            "context": "/orders/<oid>", "server": {"host": "web-1"}, "person": {"id": 532, "username": "yacub"}, "anything": {"else": true},
            "custom": {"trace_id": "309cce7d0a23bda4269b3375600974b4", "span_id": "923aaa19f707d061"},
            "body": {"trace": {"frames": [], "exception": {"class": "E", "message": "m"}}},
        }));
        let witness = witness.unwrap();
        assert_eq!((witness.time, witness.level), (1_795_352_670 * SECOND, ErrorLevel::Warning));
        assert_eq!(
            (witness.identity.as_str(), witness.version.as_str(), witness.host.as_str()),
            ("dfa57528-4518-4921-8dd4-d15740fde519", "1.0.0", "web-1")
        );
        assert_eq!((witness.context.as_str(), witness.environment.as_str(), &*witness.project), ("/orders/<oid>", "production", "shop"));
        assert_eq!(witness.person, Some(Person { id: "532".into(), username: "yacub".into(), email: String::new() }));
        assert_eq!((witness.traces.len(), witness.how), (1, Some(LinkHow::Span)));
        let data: Value = serde_json::from_str(&witness.data).unwrap();
        assert_eq!(data["anything"]["else"], true);
    }

    #[test]
    fn an_item_of_a_browser() {
        let data = json!({"client": {"timestamp": 1_795_352_671.5, "javascript": {"code_version": "2"}}, "request": {"user_ip": "$remote_ip"},
            "attributes": [{"key": "client.address", "value": "$remote_ip_anonymize"}, {"key": "is_uncaught", "value": true}],
            "body": {"message": {"body": "hello"}}});
        let witness = translated(data).unwrap();
        assert_eq!((witness.time, witness.level, witness.handled), (1_795_352_671 * SECOND + SECOND / 2, ErrorLevel::Info, Some(false)));
        assert_eq!((witness.version.as_str(), witness.identity.len()), ("2", 36));
        let data: Value = serde_json::from_str(&witness.data).unwrap();
        assert_eq!((&data["request"]["user_ip"], &data["attributes"][0]["value"]), (&json!("203.0.113.77"), &json!("203.0.113.0")));
        assert_eq!(data["uuid"], witness.identity.as_str());
    }

    #[test]
    fn clocks_and_levels_of_any_kind() {
        let of = |data: Value| translated(data).unwrap();
        let body = json!({"message": {"body": "m"}});
        for (timestamp, time) in [
            (json!(1_795_352_670_123_u64), 1_795_352_670_123 * (SECOND / 1_000)),
            (json!("1795352670"), 1_795_352_670 * SECOND),
            (json!(1_795_999_999), arrival().received_at),
            (json!(-5), arrival().received_at),
            (json!("soon"), arrival().received_at),
            (json!(1e300), arrival().received_at),
        ] {
            assert_eq!(of(json!({"timestamp": timestamp, "body": body})).time, time, "{timestamp}");
        }
        for (level, expected) in
            [(json!(50), ErrorLevel::Critical), (json!("WARNING"), ErrorLevel::Warning), (json!("odd"), ErrorLevel::Info)]
        {
            assert_eq!(of(json!({"level": level, "body": body})).level, expected, "{level}");
        }
    }

    #[test]
    fn equal_lines_of_a_file_are_one_item() {
        let of =
            |text: &str, identity| item(json!({"data": {"body": {"message": {"body": text}}}}), &arrival(), identity).unwrap().identity;
        assert_eq!(of("a", Identity::Content), of("a", Identity::Content));
        assert_ne!(of("a", Identity::Content), of("b", Identity::Content));
        assert_ne!(of("a", Identity::Random), of("a", Identity::Random));
    }

    #[test]
    fn what_is_no_item() {
        for data in [json!(null), json!([]), json!("x"), json!({}), json!({"body": []})] {
            assert!(translated(data.clone()).is_err(), "{data}");
        }
        assert!(item(json!({}), &arrival(), Identity::Random).is_err());
    }
}
