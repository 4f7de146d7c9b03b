//! A real Chromium, driven by chromedriver: with scripts on or off, in any width, dark or light.

use crate::harness::{output, signal};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// One browser at a time: two of them and two servers on two cores make every wait a coin toss.
static TURN: Semaphore = Semaphore::const_new(1);

/// How long a page may take to come to what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Dark,
    Light,
}

/// A browser with a fresh profile. It ends, with all its processes, when dropped.
pub struct Browser {
    pub client: Client,
    /// `http://127.0.0.1:port/session/id`, for the commands that WebDriver itself does not have.
    session: String,
    driver: Child,
    _profile: TempDir,
    _turn: SemaphorePermit<'static>,
}

impl Browser {
    pub async fn start(scripts: Scripts) -> Browser {
        let turn = TURN.acquire().await.expect("never closed");
        let profile = TempDir::new().expect("a temporary directory");
        let (driver, port) = chromedriver();
        let driver_url = format!("http://127.0.0.1:{port}");
        let connected = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities(&profile, scripts)).connect(&driver_url).await;
        let client = match connected {
            Ok(client) => client,
            Err(error) => {
                signal("KILL", &format!("-{}", driver.id()));
                panic!("chromium does not start: {error}");
            }
        };
        let id = client.session_id().await.expect("chromedriver answers").expect("a session");
        let browser = Browser { client, session: format!("{driver_url}/session/{id}"), driver, _profile: profile, _turn: turn };
        browser.resize(1280, 800).await;
        browser
    }

    /// Opens a page; with scripts on, returns when its islands are live.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    /// Waits until the islands of the page are live.
    pub async fn awake(&self) {
        self.wait_for("the islands to be live", "return document.documentElement.hasAttribute('data-awake')").await;
    }

    /// Size of the page in CSS pixels; headless windows themselves have a least width.
    pub async fn resize(&self, width: u32, height: u32) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        )
        .await;
    }

    /// What the system prefers; a page without a choice of its own follows.
    pub async fn prefer(&self, theme: Theme) {
        let value = match theme {
            Theme::Dark => "dark",
            Theme::Light => "light",
        };
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] })).await;
    }

    /// The value of a script (`return ...`). Works with the page's scripts off, too.
    pub async fn eval(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a script returns true.
    pub async fn wait_for(&self, what: &str, script: &str) {
        let until = Instant::now() + PATIENCE;
        while self.eval(script).await != Value::Bool(true) {
            assert!(Instant::now() < until, "waited {PATIENCE:?} for {what}; console: {:#?}", self.console().await);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// The text of the first element, as a reader sees it.
    pub async fn text(&self, css: &str) -> String {
        self.text_that(css, "be there", |_| true).await
    }

    /// Waits until the text of the first element has this in it: without scripts a click leads to another page, which is not there at once.
    pub async fn says(&self, css: &str, words: &str) {
        self.text_that(css, &format!("say {words:?}"), |text| text.contains(words)).await;
    }

    async fn text_that(&self, css: &str, wanted: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            // Between finding it and asking it the page may have gone.
            let found = async { self.client.find(Locator::Css(css)).await?.text().await }.await;
            match found {
                Ok(text) if is(&text) => return text,
                found => assert!(Instant::now() < until, "waited {PATIENCE:?} for {css} to {wanted}: {found:?}"),
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// How many elements there are.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect("a list of elements").len()
    }

    pub async fn click(&self, css: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("no {css}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{css} cannot be clicked: {error}"));
    }

    /// Presses keys one after the other: characters, `\n` for Enter, `\u{1b}` for Escape, `\u{2193}` for the arrow down.
    pub async fn press(&self, keys: &str) {
        for key in keys.chars() {
            let (name, text, code) = match key {
                '\n' => ("Enter".to_owned(), "\r".to_owned(), 13),
                '\u{1b}' => ("Escape".to_owned(), String::new(), 27),
                '\u{2193}' => ("ArrowDown".to_owned(), String::new(), 40),
                key => (key.to_string(), key.to_string(), key.to_ascii_uppercase() as u32),
            };
            let down = json!({"type": "keyDown", "key": name, "text": text, "windowsVirtualKeyCode": code});
            self.devtools("Input.dispatchKeyEvent", down).await;
            self.devtools("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": name, "windowsVirtualKeyCode": code})).await;
        }
    }

    /// What the page wrote to the console since last asked: warnings and errors, failed requests and CSP violations among them.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({ "type": "browser" })).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let loud = entries.iter().filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG");
        loud.map(|entry| format!("{}: {}", entry["level"].as_str().unwrap_or_default(), entry["message"].as_str().unwrap_or_default()))
            .collect()
    }

    pub async fn assert_quiet_console(&self) {
        let console = self.console().await;
        let url = self.client.current_url().await.map(|url| url.to_string()).unwrap_or_default();
        assert!(console.is_empty(), "{url} wrote to the console: {console:#?}");
    }

    /// A page may scroll down, never sideways.
    pub async fn assert_no_sideways_scroll(&self) {
        let widths = self.eval("return [document.documentElement.scrollWidth, window.innerWidth]").await;
        assert!(
            widths[0].as_u64() <= widths[1].as_u64(),
            "the page is {} px wide in a window of {}: {}",
            widths[0],
            widths[1],
            self.widest().await
        );
    }

    /// Looks at the open page in both themes, narrow and wide, which it stays: nothing is wider than the window. What it looks like is in
    /// `target/screenshots/{name}-{theme}-{width}.png`.
    pub async fn look(&self, name: &str) {
        for width in [400, 1280] {
            self.resize(width, 900).await;
            for theme in [Theme::Dark, Theme::Light] {
                self.prefer(theme).await;
                // Colours may fade over.
                tokio::time::sleep(Duration::from_millis(250)).await;
                self.assert_no_sideways_scroll().await;
                self.screenshot(&format!("{name}-{theme:?}-{width}").to_lowercase()).await;
            }
        }
    }

    /// Writes `target/screenshots/{name}.png`.
    pub async fn screenshot(&self, name: &str) {
        let png = self.client.screenshot().await.expect("a screenshot");
        std::fs::write(output("screenshots").join(format!("{name}.png")), png).expect("the screenshot is written");
    }

    /// The elements that stick out to the right, for the message.
    async fn widest(&self) -> Value {
        self.eval(
            "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
                .slice(0, 5).map(e => e.tagName + '.' + e.className)",
        )
        .await
    }

    /// A command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.session);
        let response = reqwest::Client::new().post(&url).json(&body).send().await.expect("chromedriver answers");
        let status = response.status();
        let mut answer: Value = response.json().await.expect("chromedriver answers in JSON");
        assert!(status.is_success(), "{path} {body}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium is in chromedriver's process group and would outlive it.
        signal("KILL", &format!("-{}", self.driver.id()));
        let _ = self.driver.wait();
    }
}

/// Starts chromedriver on a free port, in a process group of its own.
fn chromedriver() -> (Child, u16) {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is installed (`make test` does it)");
    let mut lines = BufReader::new(driver.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    // "ChromeDriver was started successfully on port 41411."
    let port = lines.find_map(|line| line.strip_suffix('.')?.rsplit_once("started successfully on port ")?.1.parse().ok());
    // It must be able to go on writing.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port.expect("chromedriver names its port"))
}

fn capabilities(profile: &TempDir, scripts: Scripts) -> serde_json::Map<String, Value> {
    let javascript = match scripts {
        Scripts::On => 1,
        Scripts::Off => 2,
    };
    let options = json!({
        "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            format!("--user-data-dir={}", profile.path().display()),
        ],
        "prefs": { "profile.managed_default_content_settings.javascript": javascript },
    });
    let capabilities = json!({ "browserName": "chrome", "goog:loggingPrefs": { "browser": "ALL" }, "goog:chromeOptions": options });
    capabilities.as_object().expect("an object").clone()
}
