//! A browser, driven by the WebDriver protocol [W3C WebDriver 2] over a plain socket: as much of
//! both as the tests of the certificate page need.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// No network, no first-run pages, nothing in the background.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=900,1400",
];

/// A headless Chromium with an empty profile.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is needed");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let port = line.rsplit_once("successfully on port ")?.1;
                port.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver says on which port it listens");
        let profile = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"performance": "ALL"},
        }}});
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            _profile: profile,
        };
        let started = browser.call("POST", "/session", &capabilities);
        browser.session = started["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// Opens a file, and waits until the certificate page in it has checked itself.
    pub(crate) fn open(&self, file: &Path) {
        let address = format!("file://{}", file.display());
        self.command("POST", "/url", &json!({ "url": address }));
        self.wait("return document.getElementById('verdict').dataset.state !== 'reading'");
    }

    /// Runs a function's body in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until a condition in the page holds; the driver gives up after 30 seconds.
    pub(crate) fn wait(&self, condition: &str) {
        let script = format!(
            "const done = arguments[0]; const holds = () => {{ {condition} }};
             const look = () => holds() ? done(true) : setTimeout(look, 5); look();"
        );
        self.command(
            "POST",
            "/execute/async",
            &json!({"script": script, "args": []}),
        );
    }

    /// Gives files to a file input, as a person who chooses them does.
    pub(crate) fn choose(&self, id: &str, files: &[&Path]) {
        let element = self.element(id);
        let files: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let text = json!({"text": files.join("\n")});
        self.command("POST", &format!("/element/{element}/value"), &text);
    }

    /// Types into a field.
    pub(crate) fn write(&self, id: &str, text: &str) {
        let element = self.element(id);
        self.command("POST", &format!("/element/{element}/clear"), &json!({}));
        let text = json!({ "text": text });
        self.command("POST", &format!("/element/{element}/value"), &text);
    }

    /// Prints to PDF on paper of this size, with the page's own margins.
    pub(crate) fn print(&self, width_cm: f64, height_cm: f64) -> Vec<u8> {
        let paper = json!({
            "page": {"width": width_cm, "height": height_cm},
            "margin": {"top": 0, "bottom": 0, "left": 0, "right": 0},
            "shrinkToFit": false,
        });
        let pdf = self.command("POST", "/print", &paper);
        STANDARD.decode(pdf.as_str().unwrap()).unwrap()
    }

    /// Every address that was asked for since the browser started, but those of its own first page.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({"type": "performance"}));
        let entries = log.as_array().unwrap().iter();
        entries
            .filter_map(|entry| {
                let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
                let event = &event["message"];
                let url = event.pointer("/params/request/url")?.as_str()?;
                let own = ["chrome:", "chrome-untrusted:", "data:"];
                let is_own = own.iter().any(|own| url.starts_with(own));
                (event["method"] == "Network.requestWillBeSent" && !is_own).then(|| url.to_owned())
            })
            .collect()
    }

    fn element(&self, id: &str) -> String {
        let by = json!({"using": "css selector", "value": format!("#{id}")});
        let found = self.command("POST", "/element", &by);
        let reference = found.as_object().unwrap().values().next().unwrap();
        reference.as_str().unwrap().to_owned()
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("/session/{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut answer = self.ask(method, path, body).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].take()
    }

    /// One request and its answer [WebDriver §6].
    fn ask(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Value> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        let mut bytes = vec![0; length];
        answer.read_exact(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

impl Drop for Browser {
    /// Ends the browser, also where the test has failed, and then its driver.
    fn drop(&mut self) {
        let session = format!("/session/{}", self.session);
        let _ = self.ask("DELETE", &session, &json!({}));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
