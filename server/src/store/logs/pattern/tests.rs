//! Lines of real formats, and what becomes of them.

use super::*;

const MASKS: &[(&str, &str)] = &[
    ("user 17 took 3.5ms", "user <*> took <*>ms"),
    ("at 2024-01-01T00:00:00.123Z from 10.0.0.1:8080", "at <*> from <*>"),
    ("2015-10-18 18:01:47,978 INFO [main] x", "<*> <*> INFO [main] x"),
    ("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: session", "<*> <*> <*> combo sshd(pam_unix)[<*>]: session"),
    ("[Sun Dec 04 04:47:44 2005] [error] jk", "[<*> <*> <*> <*> <*>] [error] jk"),
    ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a/1?b=2 HTTP/1.0\" 200 -", "<*> - - [<*> <*>] \"GET /a/<*>?b=<*> HTTP/<*>\" <*> -"),
    ("\"-\" \"Mozilla/4.08 [en] (Win98; I ;Nav)\"", "\"-\" \"<*>\""),
    ("it's Bob's 'a very long text in quotes, twenty'", "it's Bob's '<*>'"),
    ("block blk_-1608999687919862906 of R02-M1-N0", "block blk_<*> of R<*>-M<*>-N<*>"),
    ("request c2c8f6a0-dead-beef-cafe-abcdefabcdef id=5759e988bd862e3fe1be46a994272793", "request <*> id=<*>"),
    ("root 1-5759e988-bd862e3fe1be46a994272793", "root <*>"),
    ("ptr 0x7fed806eb5d, err=-12785 at -5 +3 well-known a-b", "ptr <*>, err=<*> at <*> <*> well-known a-b"),
    ("face of May and Sun, decade", "face of May and Sun, decade"),
    ("key AKIAIOSFODNN7EX4MP1E", "key <*>"),
    ("é 12 ü34", "é <*> ü<*>"),
    ("a <*> b 1", "a <*> b <*>"),
    ("", ""),
    ("   ", ""),
    ("boom\n  at x\n  at y", "boom <*>"),
    (
        "Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: bad 7",
        "Traceback (most recent call last): <*> ValueError: bad <*>",
    ),
    (r#"{"level": "INFO", "n": 12, "ok": true, "message": "user 17 in"}"#, r#"{"level":"INFO","n":<*>,"ok":true,"message":"user <*> in"}"#),
    ("{\n  \"a\": [1, \"x\"],\n  \"e\": \"\"\n}", r#"{"a":[<*>,"x"],"e":""}"#),
    (r#"{"q": "say \"hi\" 5", "trace_id": "5759e988bd862e3fe1be46a994272793"}"#, r#"{"q":"say \"hi\" <*>","trace_id":"<*>"}"#),
    ("{not json}", "{not json}"),
];

#[test]
fn what_varies_is_masked() {
    for (message, template) in MASKS {
        assert_eq!(template_of(message), *template, "{message}");
    }
}

#[test]
fn templates_read_back_as_themselves() {
    let long = "word 1 ".repeat(100);
    let deep = format!(r#"{{{}"end":1}}"#, r#""key":"some value","#.repeat(80));
    for message in MASKS.iter().map(|(message, _)| *message).chain([long.as_str(), deep.as_str()]) {
        let template = template_of(message);
        assert_eq!(template_of(&template), template);
        let mut miner = Miner::new();
        let id = miner.add(&template);
        assert_eq!((miner.assign(message), miner.assign(&template)), (id, id), "{template}");
        assert_eq!(miner.len(), 1);
    }
}

fn templates<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut miner = Miner::new();
    for line in lines {
        miner.assign(line);
    }
    (0..miner.len()).map(|id| miner.template(id as u32).to_owned()).collect()
}

#[test]
fn lines_that_say_the_same_are_one_pattern() {
    assert_eq!(
        templates([
            "Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186",
            "Dec 10 07:07:38 LabSZ sshd[24206]: Invalid user test9 from 52.80.34.196",
            "Dec 10 07:08:28 LabSZ sshd[24208]: Invalid user chen from 202.100.179.208",
            "Dec 10 07:08:30 LabSZ sshd[24208]: Failed password for root from 112.95.230.3 port 45378 ssh2",
            "Dec 10 07:08:31 LabSZ sshd[24208]: Accepted password for fztu from 119.137.62.142 port 49116 ssh2",
        ]),
        [
            "<*> <*> <*> LabSZ sshd[<*>]: Invalid user <*> from <*>",
            "<*> <*> <*> LabSZ sshd[<*>]: Failed password for root from <*> port <*> ssh<*>",
            "<*> <*> <*> LabSZ sshd[<*>]: Accepted password for fztu from <*> port <*> ssh<*>",
        ]
    );
    assert_eq!(
        templates([
            "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139660 terminating",
            "081109 203807 222 INFO dfs.DataNode$PacketResponder: PacketResponder 0 for block blk_-6952295868487656571 terminating",
            "081109 204005 35 INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: 10.251.73.220:50010 is added to blk_7128 size 67108864",
            "081109 204106 329 INFO dfs.FSDataset: Deleting block blk_1 file /mnt/hadoop/dfs/data/current/subdir1/blk_1",
            "081109 204106 329 INFO dfs.FSDataset: Deleting block blk_2 file /mnt/hadoop/dfs/data/current/blk_2",
        ]),
        [
            "<*> <*> <*> INFO dfs.DataNode$PacketResponder: PacketResponder <*> for block blk_<*> terminating",
            "<*> <*> <*> INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: <*> is added to blk_<*> size <*>",
            "<*> <*> <*> INFO dfs.FSDataset: Deleting block blk_<*> file <*>",
        ]
    );
    // The same said by others, or as another level.
    assert_eq!(
        templates([
            "2024-01-01 00:00:00 INFO app.cart: Server started",
            "2024-01-01 00:00:00 INFO app.pay: Server started",
            "2024-01-01 00:00:00 INFO app.cart: Server stopped",
            "2024-01-01 00:00:00 WARN app.cart: Server stopped",
        ]),
        ["<*> <*> INFO <*>: Server started", "<*> <*> INFO app.cart: Server stopped", "<*> <*> WARN app.cart: Server stopped",]
    );
    // Cruddur, as the bootcamp has it.
    assert_eq!(
        templates([
            "[2023-Feb-26 17:05] 127.0.0.1 GET http /api/activities/home? 200 OK",
            "[2023-Feb-26 17:06] 10.0.0.7 GET http /api/messages? 200 OK",
            "[2023-Feb-26 17:06] 10.0.0.7 POST http /api/messages? 200 OK",
        ]),
        ["[<*> <*>] <*> GET http <*> <*> OK", "[<*> <*>] <*> POST http /api/messages? <*> OK"]
    );
}

#[test]
fn json_is_told_apart_by_keys_level_and_message() {
    let line = |level: &str, message: &str, user: &str| {
        format!(
            r#"{{"level": "{level}", "logger": "cruddur", "message": "{message}", "user": "{user}", "trace_id": "5759e988bd862e3fe1be46a994272793"}}"#
        )
    };
    let lines = [
        line("INFO", "GET /api/activities/home 200", "andrew"),
        line("INFO", "GET /api/activities/bob 200", "bayko"),
        line("WARNING", "GET /api/activities/carl 404", "bayko"),
        line("INFO", "cache cleared", "bayko"),
        line("INFO", "cache filled", "andrew"),
        r#"{"level":"INFO","message":"cache filled"}"#.to_owned(),
        r#"{"event":"login","user":"andrew"}"#.to_owned(),
        r#"{"event":"logout","user":"andrew"}"#.to_owned(),
        r#"{"event":"logout","user":"bayko"}"#.to_owned(),
    ];
    assert_eq!(
        templates(lines.iter().map(String::as_str)),
        [
            r#"{"level":"INFO","logger":"cruddur","message":"GET <*> <*>","user":"<*>","trace_id":"<*>"}"#,
            r#"{"level":"WARNING","logger":"cruddur","message":"GET /api/activities/carl <*>","user":"bayko","trace_id":"<*>"}"#,
            r#"{"level":"INFO","logger":"cruddur","message":"cache cleared","user":"bayko","trace_id":"<*>"}"#,
            r#"{"level":"INFO","logger":"cruddur","message":"cache filled","user":"andrew","trace_id":"<*>"}"#,
            r#"{"level":"INFO","message":"cache filled"}"#,
            r#"{"event":"login","user":"andrew"}"#,
            r#"{"event":"logout","user":"<*>"}"#,
        ]
    );
}

/// Words of letters only, no two alike.
fn word(mut n: usize) -> String {
    let mut word = String::new();
    for _ in 0..5 {
        word.push((b'g' + (n % 20) as u8) as char);
        n /= 20;
    }
    word
}

#[test]
fn memory_is_bounded() {
    let mut miner = Miner::new();
    let line = |n: usize| format!("{} {} {}", word(n), word(n * 7 + 1), word(n * 13 + 2));
    let ids: Vec<u32> = (0..5_000).map(|n| miner.assign(&line(n))).collect();
    assert!(miner.len() <= MOST + 1 && miner.seen.len() <= SEEN && miner.leaves.len() <= MOST);
    assert_eq!(miner.template(ids[4_999]), MASK, "what finds no room is one pattern");
    assert_eq!(miner.assign(&line(0)), ids[0], "what was there before stays what it was");
    assert_eq!(miner.add("quite another thing altogether, is it not"), MOST as u32);
    let long = format!("{} {{\"a\":\"b\"", "x".repeat(1_000_000));
    let deep = format!("{{\"a\":{}1}}", "[".repeat(1_000_000));
    let key = format!("{{\"{}\":1}}", "k".repeat(1_000_000));
    for message in [&long, &deep, &key, &format!("<*>{long}")] {
        let template = template_of(message);
        assert!(template.len() < 1_000 && template_of(&template) == template, "{template}");
    }
    let again: Vec<u32> = {
        let mut miner = Miner::new();
        (0..5_000).map(|n| miner.assign(&line(n))).collect()
    };
    assert_eq!(again, ids, "the same lines, the same patterns");
}

#[test]
fn a_restart_keeps_patterns() {
    let lines: Vec<String> = (0..2_000)
        .map(|n| match n % 4 {
            0 => format!("2024-01-01 00:00:{} INFO app.{}: {} logged in", n % 60, word(n % 3), word(n)),
            1 => format!("connection {} to {} lost", n, word(n)),
            2 => format!(r#"{{"level":"info","msg":"{} was {}","n":{n}}}"#, word(n), word(n % 5)),
            _ => format!("{} {}", word(n % 30), word(n % 7)),
        })
        .collect();
    let mut before = Miner::new();
    let ids: Vec<u32> = lines.iter().map(|line| before.assign(line)).collect();
    let mut after = Miner::new();
    for id in 0..before.len() as u32 {
        after.add(before.template(id));
    }
    let same = lines.iter().zip(&ids).filter(|(line, id)| after.assign(line) == **id).count();
    assert!(same * 100 >= lines.len() * 99, "{same} of {}", lines.len());
}

/// Whatever arrives: no panic, and no line takes long.
#[test]
fn mutations_never_panic() {
    let mut miner = Miner::new();
    for (line, _) in MASKS {
        for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
            let (start, end) = line.split_at(at);
            for mutant in [
                start.to_owned(),
                end.to_owned(),
                format!("{start}é{end}"),
                format!("{start}\"{end}"),
                format!("{start}\\{end}"),
                format!("{{{start}}}"),
            ] {
                let id = miner.assign(&mutant);
                assert!(id < miner.len() as u32);
                let template = template_of(&mutant);
                assert_eq!(template_of(&template), template, "{mutant}");
            }
        }
    }
    for long in [
        "{\"a\":".repeat(200_000) + "}",
        "[".repeat(1_000_000),
        "1-".repeat(500_000),
        "=\"".repeat(500_000),
        " a".repeat(500_000),
        "x".repeat(10_000_000),
    ] {
        miner.assign(&long);
    }
}
