//! The real program, started by a test on free ports with a data directory of its own.

use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A running `clew`. Killed and its data removed when dropped; its log stays in `target/test-logs` if the test failed.
pub struct Clew {
    program: Child,
    pub ready: Ready,
    log: PathBuf,
    /// The directory made for this test; `None` if the test brought its own.
    _data: Option<TempDir>,
}

/// The first line on stdout with `--ready-json`: what listens where, `None` for what is off.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    pub http: String,
    pub otlp_http: Option<String>,
    pub otlp_grpc: Option<String>,
    pub xray: Option<String>,
}

impl Clew {
    /// On free ports, in a new data directory.
    pub fn start() -> Clew {
        let data = TempDir::new().expect("a temporary directory");
        let mut clew = Clew::start_in(data.path(), &[]);
        clew._data = Some(data);
        clew
    }

    /// On free ports, in this data directory, with further flags.
    pub fn start_in(data: &Path, flags: &[&str]) -> Clew {
        let log = log_file();
        let mut program = Command::new(env!("CARGO_BIN_EXE_clew"))
            .args([
                "--addr",
                "127.0.0.1:0",
                "--otlp-http-addr",
                "127.0.0.1:0",
                "--otlp-grpc-addr",
                "127.0.0.1:0",
                "--xray-addr",
                "127.0.0.1:0",
            ])
            .arg("--ready-json")
            .arg("--data")
            .arg(data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log file"))
            .spawn()
            .expect("clew starts");
        let stdout = program.stdout.take().expect("stdout is piped");
        let (lines, first) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody waits for the lines after the first.
                let _ = lines.send(line);
            }
        });
        match first.recv_timeout(START).map(|line| serde_json::from_str(&line)) {
            Ok(Ok(ready)) => Clew { program, ready, log, _data: None },
            other => {
                // It may be running without having said so.
                let _ = program.kill();
                panic!("clew is not ready ({other:?}): {}", std::fs::read_to_string(&log).unwrap_or_default());
            }
        }
    }

    /// `path` begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ready.http)
    }

    /// Endpoint for an OTLP/HTTP SDK, without a path.
    pub fn otlp_http(&self) -> String {
        format!("http://{}", self.ready.otlp_http.as_ref().expect("OTLP/HTTP listens"))
    }

    /// Endpoint for an OTLP/gRPC SDK.
    pub fn otlp_grpc(&self) -> String {
        format!("http://{}", self.ready.otlp_grpc.as_ref().expect("OTLP/gRPC listens"))
    }

    /// The X-Ray daemon's `host:port`, for UDP and TCP.
    pub fn xray(&self) -> &str {
        self.ready.xray.as_ref().expect("the X-Ray daemon's port listens")
    }

    /// Process id, for tests that kill it.
    pub fn pid(&self) -> u32 {
        self.program.id()
    }

    /// `GET` of the JSON API; panics unless the answer is 200 and JSON.
    pub async fn json(&self, path: &str) -> Value {
        let response = reqwest::get(self.url(path)).await.expect("clew answers");
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert!(status.is_success(), "GET {path} answered {status}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path} is not JSON ({error}): {body}"))
    }

    /// Sends SIGTERM and waits until it has stopped.
    pub fn stop(mut self) -> ExitStatus {
        signal("TERM", &self.program.id().to_string());
        let until = Instant::now() + START;
        loop {
            match self.program.try_wait().expect("clew is our child") {
                Some(status) => return status,
                None if Instant::now() > until => panic!("clew did not stop within {START:?} of SIGTERM"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Clew {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.program.kill();
        let _ = self.program.wait();
        if std::thread::panicking() {
            eprintln!("the log of clew is in {}", self.log.display());
        } else {
            let _ = std::fs::remove_file(&self.log);
        }
    }
}

/// `whom` is a process id, or the id of a process group with a minus before it. A shell is everywhere; `kill` as a program is not.
pub fn signal(name: &str, whom: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {whom}")]).stderr(Stdio::null()).status();
    assert!(status.is_ok(), "no shell to send SIG{name} with");
}

/// A folder of `target/` for what tests leave behind.
pub fn output(folder: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").join(folder);
    std::fs::create_dir_all(&path).expect("the output folder");
    path
}

/// Named after the test, which runs in a thread of that name.
fn log_file() -> PathBuf {
    static STARTED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let nth = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
    output("test-logs").join(format!("{test}-{nth}.log"))
}
