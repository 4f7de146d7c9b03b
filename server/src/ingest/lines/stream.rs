//! Names of log streams.

/// What the name of a stream tells of its writer; everything is empty where it is not WatchTower's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamParts<'a> {
    pub host: &'a str,
    pub program: &'a str,
    pub logger: &'a str,
    pub pid: &'a str,
}

/// WatchTower's default `{machine_name}/{program_name}/{logger_name}/{process_id}`. The program may be a path, so the name is read from
/// both ends.
pub fn stream_parts(stream: &str) -> StreamParts<'_> {
    parts(stream).unwrap_or_default()
}

fn parts(stream: &str) -> Option<StreamParts<'_>> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (host, rest) = stream.split_once('/')?;
    let (rest, pid) = rest.rsplit_once('/')?;
    let (program, logger) = rest.rsplit_once('/')?;
    let is_pid = (1..=10).contains(&pid.len()) && digits(pid);
    // `2024/01/31/23` is a date, and so is whatever begins with a number.
    (is_pid && !digits(host) && !logger.is_empty() && !program.is_empty()).then_some(StreamParts { host, program, logger, pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchtowers_default_and_others() {
        for (stream, host, program, logger, pid) in [
            ("web-1/app.py/root/17", "web-1", "app.py", "root", "17"),
            ("web-1//usr/local/bin/gunicorn/cruddur.api/4242", "web-1", "/usr/local/bin/gunicorn", "cruddur.api", "4242"),
            ("ip-10-0-0-1.eu-west-1.compute.internal/flask/werkzeug/1", "ip-10-0-0-1.eu-west-1.compute.internal", "flask", "werkzeug", "1"),
        ] {
            assert_eq!(stream_parts(stream), StreamParts { host, program, logger, pid }, "{stream}");
        }
        for stream in [
            "",
            "a/b/c",
            "cruddur-backend/web-1",
            "2024/01/31/23",
            "2024/01/31/[$LATEST]0123456789abcdef0123456789abcdef",
            "web/backend/0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "a/b//1",
            "a//b/1",
            "/a/b/1",
            "a/b/c/12345678901",
            "a/b/c/é",
        ] {
            assert_eq!(stream_parts(stream), StreamParts::default(), "{stream}");
        }
    }
}
