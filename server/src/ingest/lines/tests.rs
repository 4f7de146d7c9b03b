//! Real lines, and what is read out of them.

use super::*;
use model::log::{How, Level};

const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
const SPAN: &str = "53995c3f42cd8ad8";

#[derive(serde::Deserialize)]
struct Vector {
    message: String,
    trace_id: Option<String>,
    span_id: Option<String>,
}

#[test]
fn every_vector_of_trace_ids() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../../../tests/fixtures/logs/trace_id_in_logs.json")).unwrap();
    assert_eq!(vectors.len(), 27);
    for Vector { message, trace_id, span_id } in vectors {
        let link = trace_of(&message);
        assert_eq!(link.map(|link| link.trace_id.to_string()), trace_id, "{message}");
        assert_eq!(link.and_then(|link| link.span_id).map(|id| id.to_string()), span_id, "{message}");
    }
}

#[test]
fn how_a_trace_is_known() {
    let xray = "1-5759e988-bd862e3fe1be46a994272793";
    for (message, how) in [
        (format!(r#"{{"trace_id":"{TRACE}"}}"#), How::Json),
        (format!(r#"2024-01-01 INFO {{"a":[1,{{"trace_id":"x"}}],"mdc":{{"traceId":"{TRACE}"}}}}"#), How::Json),
        (format!(r#"{{"message":"Root={xray}"}}"#), How::Xray),
        (format!("a {xray}, b {TRACE}"), How::Xray),
        (format!("trace_id={TRACE} root {xray}"), How::Xray),
        (format!("00-{TRACE}-{SPAN}-01"), How::Traceparent),
        (format!("trace_id={TRACE}"), How::KeyValue),
        (format!("X-B3-TraceId: {TRACE}"), How::KeyValue),
        (format!("trace id = ({TRACE})"), How::KeyValue),
        (format!(r#"body {{\"trace_id\": \"{TRACE}\"}} cut off"#), How::KeyValue),
        (format!("TRACE_ID=0x{}", &TRACE[16..]), How::KeyValue),
        ("dd.trace_id=1234567890123456789".into(), How::Datadog),
        ("dd.trace_id=1234567890123456".into(), How::Datadog),
        (r#"{"dd":{"trace_id":1234567890123456}}"#.into(), How::Datadog),
        (format!("[app,{TRACE},{SPAN}]"), How::Bracket),
        (format!("[app,{},{SPAN},true]", &TRACE[16..]), How::Bracket),
        (format!("see projects/p-1/traces/{TRACE}"), How::Bracket),
        (format!("id {TRACE}."), How::Bare),
    ] {
        assert_eq!(trace_of(&message).map(|link| link.how), Some(how), "{message}");
    }
}

#[test]
fn both_systems_ids_in_one_line() {
    let json = format!(
        r#"{{"trace_id":"{TRACE}","span_id":"{SPAN}","xray_trace_id":"1-6a1b2c3d-aaaaaaaaaaaaaaaaaaaaaaaa","xray_segment_id":"bbbbbbbbbbbbbbbb"}}"#
    );
    let link = trace_of(&json).unwrap();
    assert_eq!((link.trace_id.to_string(), link.span_id.unwrap().to_string()), (TRACE.into(), SPAN.into()));
    let text = format!(
        "INFO [cruddur-backend] GET /x 200 trace_id={TRACE} span_id={SPAN} xray_trace_id=1-6a1b2c3d-aaaaaaaaaaaaaaaaaaaaaaaa xray_segment_id=bbbbbbbbbbbbbbbb"
    );
    let link = trace_of(&text).unwrap();
    assert_eq!((link.how, link.span_id.unwrap().to_string()), (How::Xray, "bbbbbbbbbbbbbbbb".into()));
}

#[test]
fn what_is_no_trace() {
    let long = "a".repeat(100);
    for message in [
        "",
        "{",
        "{}",
        "é",
        "12345678901",
        "order 20240101123000 done",
        "md5sum of 5759e988bd862e3fe1be46a99427279",
        "x5759e988bd862e3fe1be46a994272793",
        "5759E988BD862E3FE1BE46A994272793",
        "trace_id=00000000000000000000000000000000",
        "trace_id=5759e988bd862e3fe1be46a9942727931",
        "trace_id=5759e988bd862e",
        "retrace_id=53995c3f42cd8ad8",
        "21-5759e988-bd862e3fe1be46a994272793",
        r#"{"trace_id":null,"a":{"b":{"c":{"d":{}}}}}"#,
        r#"{"trace":true,"tr":"53995c3f42cd8ad8"}"#,
        "dd.trace_id=99999999999999999999999",
        &long,
    ] {
        assert_eq!(trace_of(message), None, "{message}");
    }
}

/// Lines, what they call themselves, and what they are after repair.
const LEVELS: &[(&str, Level, Level)] = {
    use Level::*;
    &[
        // Frameworks and loggers.
        ("ERROR [cruddur-backend] Exception on /api/x [GET]", Error, Error),
        ("WARNING:root:disk is almost full", Warn, Warn),
        ("2025-03-05 09:40:04,398 WARNING [root] [example.py:7] - hi", Warn, Warn),
        ("DEBUG: starting", Debug, Debug),
        ("[ERROR]\t2024-01-01T00:00:00.000Z\t6d6b\tfailed", Error, Error),
        ("2024-01-01T00:00:00.000Z\t6d6b9d2c-0001\tERROR\tInvoke Error", Error, Error),
        ("[2024-01-01 00:00:00,000: ERROR/MainProcess] Task raised", Error, Error),
        ("[2024-01-01 00:00:00] production.ERROR: Undefined variable", Error, Error),
        ("E, [2024-01-01T00:00:00.000000 #1] ERROR -- : boom", Error, Error),
        ("I, [2024-01-01T00:00:00.000000 #1]  INFO -- : fine", Info, Info),
        ("fail: Microsoft.AspNetCore.Hosting[6]", Error, Error),
        ("dbug: Program[0]", Debug, Debug),
        ("[12:00:01 ERR] Failed to connect", Error, Error),
        ("\u{1b}[2m2024-01-01T00:00:00Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m \u{1b}[2mapp\u{1b}[0m: slow", Warn, Warn),
        ("time=\"2024-01-01T00:00:00Z\" level=error msg=\"boom\"", Error, Error),
        ("ts=1 caller=main.go:1 level=info msg=ready", Info, Info),
        ("logger=context userId=0 lvl=warn msg=\"Invalid key\"", Warn, Warn),
        ("2024-01-01T00:00:00.000Z error: connection lost", Error, Error),
        ("error: connection lost", Error, Error),
        ("2024-01-01 12:00:00.000 UTC [123] FATAL:  password authentication failed", Fatal, Fatal),
        ("2024-01-01 12:00:00.000 UTC [123] LOG:  checkpoint starting", Info, Info),
        ("2024-01-01T00:00:00.000000Z 0 [Warning] [MY-010068] CA certificate is self signed.", Warn, Warn),
        ("2024/01/01 00:00:00 [error] 31#31: *1 connect() failed", Error, Error),
        ("npm ERR! code ELIFECYCLE", Error, Error),
        ("2024-01-01|WARN|app|low memory", Warn, Warn),
        ("2024-01-01 12:00:00 | INFO     | module:func:12 - hello", Info, Info),
        ("2024-01-01 12:00:00 - app - error - lower case after bars", Error, Error),
        // System logs.
        ("<3>disk failed", Error, Error),
        ("<34>1 2003-10-11T22:14:15.003Z host su - ID47 - failed", Fatal, Fatal),
        ("<190>Jan  1 00:00:00 host app: hi", Info, Info),
        ("E0101 12:00:00.000000   1 server.go:1] failed", Error, Error),
        ("W0911 07:01:02.000000   1 controller.go:9] slow", Warn, Warn),
        ("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0", None, None),
        // As in loghub.
        ("081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38 terminating", Info, Info),
        ("2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created", Info, Info),
        ("17/06/09 20:10:40 INFO executor.CoarseGrainedExecutorBackend: Registered signal handlers", Info, Info),
        ("2015-07-29 19:04:29,071 - WARN  [SendWorker:188978561024:QuorumCnxManager$SendWorker@688] - Send worker", Warn, Warn),
        (
            "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL FATAL data TLB error",
            Fatal,
            Fatal,
        ),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6", Error, Error),
        ("[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", Info, Info),
        ("03-17 16:13:38.811  1702  2395 D WindowManager: printFreezingDisplayLogs", Debug, Debug),
        ("2016-09-28 04:30:30, Info                  CBS    Loaded Servicing Stack v6.1", Info, Info),
        (
            "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server [req-3] 10.11.10.1 \"GET /v2/5/servers/detail HTTP/1.1\" status: 200 len: 1893",
            Info,
            Info,
        ),
        // JSON.
        (r#"{"level":"INFO","message":"x"}"#, Info, Info),
        (r#"{"levelname":"WARNING","msg":"x"}"#, Warn, Warn),
        (r#"{"level":50,"time":1,"msg":"x"}"#, Error, Error),
        (r#"{"level":30,"time":1,"msg":"x"}"#, Info, Info),
        (r#"{"version":"1.1","level":4,"short_message":"x"}"#, Warn, Warn),
        (r#"{"levelno":30,"message":"x"}"#, Warn, Warn),
        (r#"{"log.level":"error","message":"x"}"#, Error, Error),
        (r#"{"log":{"level":"error"},"message":"x"}"#, Error, Error),
        (r#"{"text":"x","record":{"level":{"icon":"x","name":"ERROR","no":40}}}"#, Error, Error),
        (r#"{"extra":{"level":"error"},"level":"info"}"#, Info, Info),
        (r#"{"severityNumber":14,"body":"x"}"#, Warn, Warn),
        (r#"{"severity":"NOTICE","textPayload":"x"}"#, Info, Info),
        (r#"{"@t":"2024","@mt":"x","@l":"Fatal"}"#, Fatal, Fatal),
        (r#"{"log":"ERROR from docker\n","stream":"stdout"}"#, Error, Error),
        (r#"WARN {"a":1}"#, Warn, Warn),
        (r#"{"level":"gold","user":1}"#, None, None),
        // Repaired: an access line is as bad as its status.
        ("[2023-Feb-26 17:05] 127.0.0.1 GET http /api/activities/home? 200 OK", None, Info),
        ("[2023-Feb-26 17:05] 127.0.0.1 GET http /api/x? 500 INTERNAL SERVER ERROR", None, Error),
        ("ERROR [2023-Feb-26 17:05] 127.0.0.1 GET http /api/activities/home? 200 OK", Error, Info),
        (r#"{"levelname":"ERROR","msg":"[2023-Feb-26 17:05] 127.0.0.1 GET http /api/x? 404 NOT FOUND"}"#, Error, Warn),
        ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 404 2326", None, Warn),
        ("INFO:     127.0.0.1:54321 - \"GET / HTTP/1.1\" 500 Internal Server Error", Info, Error),
        ("DEBUG:urllib3.connectionpool:http://localhost:9200 \"GET /foo HTTP/1.1\" 404 None", Debug, Debug),
        (r#"{"level":30,"req":{"method":"GET","url":"/a"},"res":{"statusCode":503},"msg":"request completed"}"#, Info, Error),
        (r#"{"level":"error","http.method":"POST","http.path":"/pay","http.status":200,"message":"declined"}"#, Error, Error),
        // Repaired: a stack trace is an error, unless somebody meant what he said.
        ("Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: x", None, Error),
        ("INFO [app] oops\nTraceback (most recent call last):\n  File \"a.py\"", Info, Error),
        ("WARNING [app] retrying\nTraceback (most recent call last):\n  File \"a.py\"", Warn, Warn),
        ("Exception in thread \"main\" java.lang.NullPointerException\n\tat com.example.App.main(App.java:5)", None, Error),
        ("TypeError: Cannot read properties of undefined\n    at handler (/app/index.js:3:9)", None, Error),
        ("panic: runtime error: index out of range\n\ngoroutine 1 [running]:", Fatal, Fatal),
        (r#"{"level":"info","message":"x","exception":"Traceback (most recent call last):\n  File"}"#, Info, Error),
        // Not levels.
        ("Registered handlers for the ERROR topic of the bus", None, None),
        ("the quick brown fox warns of nothing", None, None),
        ("GET /ERROR is not a level", None, None),
        ("user pressed info button", None, None),
        ("5 errors found", None, None),
        ("D is a letter", None, None),
        ("", None, None),
    ]
};

#[test]
fn how_bad_lines_are() {
    for (message, sent, after_repair) in LEVELS {
        let (effective, own) = severity_of(message);
        assert_eq!((own.level(), effective.level()), (*sent, *after_repair), "{message}");
    }
}

#[test]
fn severities_that_are_right_keep_their_number() {
    let line = Facts::of("GET /a 500");
    assert_eq!(line.repaired(Severity(19)), Severity(19));
    assert_eq!(line.repaired(Severity::FATAL), Severity::FATAL);
    assert_eq!(line.repaired(Severity::DEBUG), Severity::DEBUG);
    assert_eq!(line.repaired(Severity::INFO), Severity::ERROR);
}

#[test]
fn access_lines() {
    for (message, method, path, status, client) in [
        (
            "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif?a=b HTTP/1.0\" 200 2326 \"http://r/\" \"Mozilla/4.08\"",
            "GET",
            "/apache_pb.gif",
            200,
            "127.0.0.1",
        ),
        ("INFO:werkzeug:127.0.0.1 - - [01/Jan/2024 00:00:00] \"POST /api/x HTTP/1.1\" 201 -", "POST", "/api/x", 201, "127.0.0.1"),
        ("127.0.0.1 - - [01/Jan/2024 00:00:00] \"\u{1b}[33mGET /x HTTP/1.1\u{1b}[0m\" 404 -", "GET", "/x", 404, "127.0.0.1"),
        ("INFO:     127.0.0.1:54321 - \"GET / HTTP/1.1\" 200 OK", "GET", "/", 200, "127.0.0.1"),
        ("[01/Jan/2024 00:00:00] \"GET /admin/ HTTP/1.1\" 302 0", "GET", "/admin/", 302, ""),
        ("::1 - - [01/Jan/2024:00:00:00 +0000] \"DELETE /a/1 HTTP/1.1\" 204 - \"-\" \"curl\"", "DELETE", "/a/1", 204, "::1"),
        ("[2023-Feb-26 17:05] 127.0.0.1 GET http /api/activities/home? 200 OK", "GET", "/api/activities/home", 200, "127.0.0.1"),
        ("INFO [cruddur-backend] GET /api/activities/home 200 trace_id=1", "GET", "/api/activities/home", 200, ""),
        ("GET /users/1 \u{1b}[32m200\u{1b}[0m 5.1 ms - 12", "GET", "/users/1", 200, ""),
        ("--> PUT /a 422 5ms", "PUT", "/a", 422, ""),
        ("[GIN] 2024/01/01 - 00:00:00 | 200 |     1.2ms |       10.0.0.9 | GET      \"/ping\"", "GET", "/ping", 200, "10.0.0.9"),
        ("10.11.10.1 \"GET /v2/54fa/servers/detail HTTP/1.1\" status: 200 len: 1893", "GET", "/v2/54fa/servers/detail", 200, "10.11.10.1"),
        ("GET http://host:80/a/b?c HTTP/1.1 502", "GET", "/a/b", 502, ""),
        (r#"{"message":"GET /a 404","remote_addr":"10.0.0.1"}"#, "GET", "/a", 404, ""),
        (
            r#"{"message":"done","http.method":"GET","http.path":"/a","http.status":200,"remote_addr":"10.0.0.1"}"#,
            "GET",
            "/a",
            200,
            "10.0.0.1",
        ),
        (
            r#"{"msg":"request completed","req":{"method":"GET","url":"/a?b","remoteAddress":"::1"},"res":{"statusCode":500}}"#,
            "GET",
            "/a",
            500,
            "::1",
        ),
        (r#"{"event":"127.0.0.1 - - [x] \"GET /a HTTP/1.1\" 200 -"}"#, "GET", "/a", 200, "127.0.0.1"),
    ] {
        let client_ip = client.parse().ok();
        assert_eq!(access_line(message), Some(AccessLine { method, path, status, client_ip }), "{message}");
    }
    for message in [
        "",
        "GET",
        "GET /",
        "GET /a",
        "GET /a 20",
        "GET /a 2000",
        "GET /a 999",
        "TARGET /a 200",
        "read /etc/passwd 200",
        "GET /a 1.200",
        r#"{"method":"GET","status":200}"#,
    ] {
        assert_eq!(access_line(message), None, "{message}");
    }
}

/// Nothing that arrives panics: every cut of every line, and every line with a byte replaced.
#[test]
fn mutations_never_panic() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../../../tests/fixtures/logs/trace_id_in_logs.json")).unwrap();
    let lines = vectors.iter().map(|vector| vector.message.as_str()).chain(LEVELS.iter().map(|(line, ..)| *line));
    for line in lines {
        for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
            for mutant in [
                line[..at].to_owned(),
                line[at..].to_owned(),
                format!("{}é{}", &line[..at], &line[at..]),
                format!("{}\"{}", &line[..at], &line[at..]),
            ] {
                let _ = (trace_of(&mutant), severity_of(&mutant), access_line(&mutant), stream_parts(&mutant));
            }
        }
    }
    for long in ["{\"a\":".repeat(100_000), "[".repeat(100_000), "a1".repeat(1_000_000), "1-".repeat(100_000), "GET /".repeat(100_000)] {
        let _ = (trace_of(&long), severity_of(&long), access_line(&long));
    }
}
