//! Reading what was put.

use super::{done, put, refused, with_stream};
use crate::wire_otlp::Bed;
use serde_json::{Value, json};

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

/// Ten lines in `s`, two at each moment, and one in `t`.
async fn ten_lines() -> Bed {
    let bed = with_stream().await;
    done(&bed, "CreateLogStream", json!({"logGroupName": "g", "logStreamName": "t"})).await;
    let texts: Vec<String> = (0..10).map(|n| format!("line {n} {}", if n % 3 == 0 { "ERROR" } else { "fine" })).collect();
    let lines: Vec<(i64, &str)> = texts.iter().enumerate().map(|(n, text)| (1_000 + n as i64 / 2, &**text)).collect();
    put(&bed, "s", &lines).await;
    put(&bed, "t", &[(1_002, "other")]).await;
    bed
}

#[tokio::test]
async fn a_stream_is_read_forward_and_back() {
    let bed = ten_lines().await;
    let get = async |more: Value| {
        let mut asked = json!({"logGroupName": "g", "logStreamName": "s", "limit": 4});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        done(&bed, "GetLogEvents", asked).await
    };
    let head = get(json!({"startFromHead": true})).await;
    assert_eq!(messages(&head).len(), 4);
    assert!(head["events"][0].get("eventId").is_none());
    let mut all: Vec<String> = messages(&head).into_iter().map(str::to_owned).collect();
    let mut token = head["nextForwardToken"].clone();
    loop {
        let page = get(json!({"startFromHead": true, "nextToken": token})).await;
        all.extend(messages(&page).into_iter().map(str::to_owned));
        if page["nextForwardToken"] == token {
            assert!(messages(&page).is_empty());
            // Backward from the end: the last page again, none left out.
            let back = get(json!({"nextToken": page["nextBackwardToken"]})).await;
            assert_eq!(messages(&back), all[6..]);
            break;
        }
        token = page["nextForwardToken"].clone();
    }
    assert_eq!(all.iter().map(|text| &text[5..6]).collect::<String>(), "0123456789");
    // What comes later is found with the old token.
    put(&bed, "s", &[(9_000, "late")]).await;
    assert_eq!(messages(&get(json!({"nextToken": token})).await), ["late"]);

    assert_eq!(messages(&get(json!({})).await).last(), Some(&"late"), "the latest without being told otherwise");
    let between = get(json!({"startTime": 1_001, "endTime": 1_002, "startFromHead": true})).await;
    assert_eq!(messages(&between), ["line 2 fine", "line 3 ERROR"], "without the end");
    let none = get(json!({"startTime": 50_000, "startFromHead": true})).await;
    let again = get(json!({"startTime": 50_000, "nextToken": none["nextForwardToken"]})).await;
    assert_eq!((messages(&none).len(), &again["nextForwardToken"]), (0, &none["nextForwardToken"]));
    let get = |more| refused(&bed, "GetLogEvents", more);
    let bad = get(json!({"logGroupName": "g", "logStreamName": "s", "nextToken": "x"})).await;
    assert_eq!(bad, ("InvalidParameterException".into(), "The specified nextToken is invalid.".into()));
    let large = get(json!({"logGroupName": "g", "logStreamName": "s", "limit": 10_001})).await;
    let text = "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000";
    assert_eq!(large.1, text);
    assert_eq!(get(json!({"logGroupName": "g", "logStreamName": "u"})).await.1, "The specified log stream does not exist.");
}

#[tokio::test]
async fn lines_are_filtered_page_by_page() {
    let bed = ten_lines().await;
    let all = async |asked: Value| {
        let mut found = Vec::new();
        let mut asked = asked;
        asked["logGroupName"] = json!("g");
        loop {
            let page = done(&bed, "FilterLogEvents", asked.clone()).await;
            assert_eq!(page["searchedLogStreams"], json!([]));
            for event in page["events"].as_array().unwrap() {
                assert_eq!(event["eventId"].as_str().map(str::len), Some(56));
                found.push(event["message"].as_str().unwrap().to_owned());
            }
            match page.get("nextToken") {
                Some(token) => asked["nextToken"] = token.clone(),
                None => return found,
            }
        }
    };
    let whole = all(json!({})).await;
    assert_eq!(whole.len(), 11);
    for limit in [1, 2, 3, 100] {
        assert_eq!(all(json!({"limit": limit})).await, whole, "pages of {limit}");
    }
    let mut newest = all(json!({"limit": 2, "startFromHead": false})).await;
    newest.reverse();
    assert_eq!(newest, whole);
    let errors = ["line 0 ERROR", "line 3 ERROR", "line 6 ERROR", "line 9 ERROR"];
    assert_eq!(all(json!({"filterPattern": "ERROR", "limit": 3})).await, errors);
    assert_eq!(all(json!({"filterPattern": "[w, n > 5, level = ERROR]"})).await, errors[2..]);
    assert_eq!(all(json!({"startTime": 1_001, "endTime": 1_002, "logStreamNames": ["s"]})).await.len(), 4, "with the end");
    assert_eq!(all(json!({"logStreamNames": ["t"]})).await, ["other"]);
    assert_eq!(all(json!({"logStreamNames": ["t", "s"]})).await.len(), 11);
    assert_eq!(all(json!({"logStreamNamePrefix": "t"})).await, ["other"]);
    let refused = |more| refused(&bed, "FilterLogEvents", more);
    let (kind, message) = refused(json!({"logGroupName": "g", "filterPattern": "{ $.a = }"})).await;
    assert_eq!((&*kind, &*message), ("InvalidParameterException", "Invalid filter pattern, at position 8: expected a value"));
    assert_eq!(refused(json!({"logGroupName": "none"})).await.1, "The specified log group does not exist.");
    let (_, long) = refused(json!({"logGroupName": "g", "filterPattern": "x".repeat(1025)})).await;
    assert!(long.ends_with("Member must have length less than or equal to 1024"), "{long}");
}

/// A page ends at 1 MiB of messages, and the next goes on there.
#[tokio::test]
async fn pages_are_bounded_in_bytes() {
    let bed = with_stream().await;
    let long = "x".repeat(300_000);
    for n in 0..5 {
        put(&bed, "s", &[(n, &long)]).await;
    }
    let first = done(&bed, "FilterLogEvents", json!({"logGroupName": "g"})).await;
    let second = done(&bed, "FilterLogEvents", json!({"logGroupName": "g", "nextToken": first["nextToken"]})).await;
    assert_eq!((messages(&first).len(), messages(&second).len(), second.get("nextToken")), (3, 2, None));
}

#[tokio::test]
async fn groups_and_streams_are_listed_in_pages() {
    let bed = Bed::new();
    for name in ["b", "a/x", "a/Y", "c"] {
        done(&bed, "CreateLogGroup", json!({"logGroupName": name, "tags": {"k": name}})).await;
    }
    let names = |answer: &Value, what: &str, name: &str| {
        answer[what].as_array().unwrap().iter().map(|row| row[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let groups = async |asked: Value| done(&bed, "DescribeLogGroups", asked).await;
    let first = groups(json!({"limit": 3})).await;
    assert_eq!(names(&first, "logGroups", "logGroupName"), ["a/Y", "a/x", "b"], "in ASCII's order");
    let second = groups(json!({"limit": 3, "nextToken": first["nextToken"]})).await;
    assert_eq!((names(&second, "logGroups", "logGroupName"), second.get("nextToken")), (vec!["c".to_owned()], None));
    assert_eq!(names(&groups(json!({"logGroupNamePrefix": "a/"})).await, "logGroups", "logGroupName").len(), 2);
    assert_eq!(names(&groups(json!({"logGroupNamePattern": "y"})).await, "logGroups", "logGroupName"), ["a/Y"]);
    let arns = json!({"logGroupIdentifiers": ["arn:aws:logs:us-east-1:000000000000:log-group:b:*", "c"]});
    assert_eq!(names(&groups(arns).await, "logGroups", "logGroupName"), ["b", "c"]);
    assert_eq!(names(&done(&bed, "ListLogGroups", json!({})).await, "logGroups", "logGroupName").len(), 4);
    let both = refused(&bed, "DescribeLogGroups", json!({"logGroupNamePrefix": "a", "logGroupNamePattern": "b"})).await;
    assert_eq!(both.1, "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
    let bad = refused(&bed, "DescribeLogGroups", json!({"nextToken": "x"})).await;
    assert_eq!(bad.1, "The specified nextToken is invalid.");

    let arn = json!({"resourceArn": "arn:aws:logs:us-east-1:000000000000:log-group:c", "tags": {"t": "1"}, "tagKeys": ["k"]});
    done(&bed, "TagResource", arn.clone()).await;
    done(&bed, "UntagResource", arn.clone()).await;
    assert_eq!(done(&bed, "ListTagsForResource", arn).await["tags"], json!({"t": "1"}));
    done(&bed, "TagLogGroup", json!({"logGroupName": "b", "tags": {"t": "2"}})).await;
    done(&bed, "UntagLogGroup", json!({"logGroupName": "b", "tags": ["k"]})).await;
    assert_eq!(done(&bed, "ListTagsLogGroup", json!({"logGroupName": "b"})).await["tags"], json!({"t": "2"}));

    done(&bed, "CreateLogGroup", json!({"logGroupName": "g"})).await;
    for (n, name) in ["s3", "s1", "s2", "empty"].into_iter().enumerate() {
        done(&bed, "CreateLogStream", json!({"logGroupName": "g", "logStreamName": name})).await;
        if name != "empty" {
            put(&bed, name, &[(n as i64 * 10, "x")]).await;
        }
    }
    let pages = async |more: Value| {
        let mut asked = json!({"logGroupName": "g", "limit": 1});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut found = Vec::new();
        loop {
            let page = done(&bed, "DescribeLogStreams", asked.clone()).await;
            found.extend(names(&page, "logStreams", "logStreamName"));
            match page.get("nextToken") {
                Some(token) => asked["nextToken"] = token.clone(),
                None => return found,
            }
        }
    };
    assert_eq!(pages(json!({})).await, ["empty", "s1", "s2", "s3"]);
    assert_eq!(pages(json!({"descending": true, "logStreamNamePrefix": "s"})).await, ["s3", "s2", "s1"]);
    assert_eq!(pages(json!({"orderBy": "LastEventTime", "descending": true})).await, ["s2", "s1", "s3", "empty"]);
    let both = refused(&bed, "DescribeLogStreams", json!({"logGroupName": "g", "logGroupIdentifier": "g"})).await;
    assert_eq!(both, ("ValidationException".into(), "LogGroup name and LogGroup ARN are mutually exclusive parameters.".into()));
}

#[tokio::test]
async fn queries_are_refused_as_insights_refuses_them() {
    let bed = with_stream().await;
    let start = |more: Value| {
        let mut asked = json!({"startTime": 1, "endTime": 2, "queryString": "fields @message"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refused(&bed, "StartQuery", asked)
    };
    let (kind, message) = start(json!({"logGroupName": "none"})).await;
    assert_eq!(kind, "ResourceNotFoundException");
    assert!(message.starts_with("Log group 'none' does not exist for account ID '000000000000' (Service: AWSLogs; Status Code: 400;"));
    assert_eq!(start(json!({})).await.0, "InvalidParameterException");
    assert_eq!(start(json!({"logGroupName": "g", "logGroupNames": ["g"]})).await.0, "InvalidParameterException");
    assert_eq!(start(json!({"logGroupName": "g", "startTime": 3})).await.0, "InvalidParameterException");
    assert_eq!(start(json!({"logGroupName": "g", "queryLanguage": "SQL"})).await.0, "InvalidParameterException");
    let answer =
        super::call(&bed, "StartQuery", json!({"logGroupName": "g", "startTime": 1, "endTime": 2, "queryString": "fields ("})).await;
    let error = super::read(&answer);
    assert_eq!(error["__type"], "MalformedQueryException");
    assert!(error["queryCompileError"]["location"]["startCharOffset"].is_u64() && error["queryCompileError"]["message"].is_string());
    put(&bed, "s", &[(5, r#"{"a":{"b":1}}"#)]).await;
    let fields = done(&bed, "GetLogGroupFields", json!({"logGroupName": "g", "time": 0})).await;
    assert!(fields["logGroupFields"].as_array().unwrap().contains(&json!({"name": "a.b", "percent": 100})), "{fields}");
    let record = done(&bed, "GetLogRecord", json!({"logRecordPointer": "5000000.1"})).await;
    assert_eq!(
        (&record["logRecord"]["a.b"], &record["logRecord"]["@timestamp"], &record["logRecord"]["@log"]),
        (&json!("1"), &json!("5"), &json!("000000000000:g"))
    );
}

#[tokio::test]
async fn a_query_is_started_and_its_results_fetched() {
    let bed = ten_lines().await;
    let asked = json!({"logGroupName": "g", "startTime": 0, "endTime": 2, "queryString": "fields @timestamp, @message", "limit": 3});
    let id = done(&bed, "StartQuery", asked).await["queryId"].clone();
    let results = loop {
        let results = done(&bed, "GetQueryResults", json!({"queryId": id})).await;
        if results["status"] != "Running" {
            break results;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&results["status"], &results["statistics"]["recordsMatched"]), (&json!("Complete"), &json!(11.0)));
    assert_eq!(results["results"].as_array().map(Vec::len), Some(3), "as many as were asked for");
    let row = results["results"][0].as_array().unwrap();
    assert_eq!(row[0], json!({"field": "@timestamp", "value": "1970-01-01 00:00:01.004"}));
    assert_eq!(row.iter().map(|field| field["field"].as_str().unwrap()).collect::<Vec<_>>(), ["@timestamp", "@message", "@ptr"]);
    let record = done(&bed, "GetLogRecord", json!({"logRecordPointer": row[2]["value"]})).await;
    assert_eq!(record["logRecord"]["@message"], row[1]["value"]);
    let page = done(&bed, "GetQueryResults", json!({"queryId": id, "maxItems": 2})).await;
    let rest = done(&bed, "GetQueryResults", json!({"queryId": id, "nextToken": page["nextToken"]})).await;
    assert_eq!((page["results"].as_array().unwrap().len(), rest["results"].as_array().unwrap().len()), (2, 1));
    let queries = done(&bed, "DescribeQueries", json!({"logGroupName": "g"})).await;
    assert_eq!(queries["queries"][0]["queryString"], "SOURCE \"g\" START=0 END=2000 | fields @timestamp, @message");
    let source = json!({"startTime": 0, "endTime": 2, "queryString": "SOURCE logGroups(namePrefix: ['g']) | fields @message"});
    assert!(done(&bed, "StartQuery", source).await["queryId"].is_string());
    assert_eq!(refused(&bed, "StopQuery", json!({"queryId": id})).await.0, "InvalidParameterException");
}
