use super::super::tests::{of_documents, otel, shop};
use super::*;
use model::attr::Value as Attribute;
use model::span::{Event, Kind, Status};

fn documents(trace: &Trace) -> Vec<Value> {
    let answer = whole(trace);
    let segments = answer["Segments"].as_array().unwrap();
    let document = |segment: &Value| {
        let document: Value = serde_json::from_str(segment["Document"].as_str().unwrap()).unwrap();
        assert_eq!(document["id"], segment["Id"]);
        document
    };
    segments.iter().map(document).collect()
}

/// The X-Ray SDK sends subsegments apart when there are many; AWS gives them back in their segment.
#[test]
fn documents_go_out_as_they_came_with_streamed_subsegments_in_place() {
    let sub = |id: &str, name: &str, more: Value| {
        let mut sub = json!({"id": id, "name": name, "start_time": 1_795_352_671, "end_time": 1_795_352_672, "custom": {"kept": [1.5]}});
        sub.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sub
    };
    let segment = json!({"id": "00000000000000a0", "name": "api", "http": {"request": {"method": "get"}}, "subsegments": [
        sub("00000000000000a1", "render", json!({"subsegments": [{"name": "no id", "start_time": 1}]})),
    ]});
    let mut streamed = sub(
        "00000000000000a2",
        "db",
        json!({"type": "subsegment", "parent_id": "00000000000000a1", "namespace": "remote", "sql": {"database_type": "sqlite3"}}),
    );
    streamed["subsegments"] = json!([sub("00000000000000a3", "inner", json!({}))]);
    let lost = json!({"id": "00000000000000a9", "name": "lost", "type": "subsegment", "parent_id": "00000000000000ff"});
    // The record without an id is no span, but it was in the document.
    let trace = of_documents(&[segment, streamed, lost], 1);
    let documents = documents(&trace);
    let names: Vec<&str> = documents.iter().map(|document| document["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["api", "lost", "db"], "the segment, what has no segment, and the inferred database");
    let api = &documents[0];
    assert_eq!(api["http"]["request"]["method"], "get", "as it was sent");
    let render = &api["subsegments"][0];
    assert_eq!(render["custom"], json!({"kept": [1.5]}));
    let inside: Vec<&Value> = render["subsegments"].as_array().unwrap().iter().map(|sub| &sub["name"]).collect();
    assert_eq!(inside, ["no id", "db"]);
    assert_eq!(render["subsegments"][1]["subsegments"][0]["name"], "inner");
    assert_eq!(
        (&documents[2]["inferred"], &documents[2]["parent_id"], &documents[2]["origin"]),
        (&json!(true), &json!("00000000000000a2"), &json!("Database::SQL"))
    );
}

#[test]
fn spans_of_opentelemetry_become_documents() {
    let mut spans = shop();
    spans[4].status = Status::Error;
    let time = spans[4].start;
    spans[4].events.push(Event {
        time,
        name: "exception".into(),
        attributes: vec![
            ("exception.type".into(), Attribute::Str("OperationalError".into())),
            ("exception.message".into(), Attribute::Str("gone".into())),
            (
                "exception.stacktrace".into(),
                Attribute::Str("Traceback:\n  File \"/app/db.py\", line 7, in run\n    x()\n\tat f (/a/b.js:3:9)".into()),
            ),
        ],
        dropped_attributes: 0,
    });
    let trace = Trace { trace_id: spans[0].trace_id, spans, duplicates: 0, conflicts: 0, last_received: 0 };
    let documents = documents(&trace);
    let names: Vec<&str> = documents.iter().map(|document| document["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["front", "back", "orders@pg", "carts"]);
    let (front, back) = (&documents[0], &documents[1]);
    assert_eq!(front["http"], json!({"request": {"method": "GET", "url": "http://shop/buy?x=1"}, "response": {"status": 200}}));
    assert_eq!((&front["user"], front.get("parent_id"), &front["end_time"]), (&json!("ada"), None, &json!(1_795_352_670.099)));
    let render = &front["subsegments"][0];
    assert_eq!((&render["name"], &render["annotations"]), (&json!("render"), &json!({"cart.items": 3, "vip": true})));
    let call = &render["subsegments"][0];
    assert_eq!((&call["name"], &call["namespace"], &call["fault"]), (&json!("back.internal"), &json!("remote"), &json!(true)));
    assert_eq!((&back["parent_id"], &back["fault"]), (&call["id"], &json!(true)), "a segment whose parent is the call");
    assert_eq!(front["metadata"]["default"]["otel.resource.service.name"], "front");
    let select = &back["subsegments"][0];
    assert_eq!(select["sql"], json!({"database_type": "postgresql", "sanitized_query": "select 1", "url": "orders@pg"}));
    let thrown = &select["cause"]["exceptions"][0];
    assert_eq!((&thrown["type"], &thrown["message"]), (&json!("OperationalError"), &json!("gone")));
    assert_eq!(thrown["stack"], json!([{"path": "/app/db.py", "line": 7, "label": "run"}, {"path": "/a/b.js", "line": 3, "label": "f"}]));
    assert_eq!((&back["subsegments"][1]["namespace"], &back["subsegments"][1]["aws"]["table_name"]), (&json!("aws"), &json!("carts")));
}

/// Readers of JSON have limits, traces have none.
#[test]
fn a_chain_of_any_length_has_documents_of_some_depth() {
    let mut spans = vec![otel("deep", 0, None, Kind::Server, "top", &[])];
    for n in 1..=u8::MAX {
        spans.push(otel("deep", n, Some(n - 1), Kind::Internal, "step", &[]));
    }
    let trace = Trace { trace_id: spans[0].trace_id, spans, duplicates: 0, conflicts: 0, last_received: 0 };
    let documents = documents(&trace);
    assert_eq!(documents.len(), 256_usize.div_ceil(DEPTH));
    assert_eq!((&documents[1]["type"], &documents[1]["parent_id"]), (&json!("subsegment"), &json!(format!("{:016x}", 256 + DEPTH - 1))));
}
