//! A person's browser: it keeps cookies, follows redirects and reads forms. It never leaves this
//! machine: where it would, it says where to.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// Where a walk ended.
#[derive(Debug)]
pub(crate) enum End {
    /// At a page.
    Page(String),
    /// On the way to another site.
    Away(String),
}

impl End {
    #[track_caller]
    pub(crate) fn page(self) -> String {
        match self {
            Self::Page(page) => page,
            Self::Away(url) => panic!("sent away to {url}"),
        }
    }

    #[track_caller]
    pub(crate) fn away(self) -> String {
        match self {
            Self::Away(url) => url,
            Self::Page(page) => panic!("not sent away: {page}"),
        }
    }
}

/// A browser that visits one site.
pub(crate) struct Browser<'a> {
    site: &'a str,
    folder: TempDir,
}

impl<'a> Browser<'a> {
    /// One without cookies.
    pub(crate) fn new(site: &'a str) -> Self {
        assert!(site.starts_with("http://127.0.0.1:"), "{site}");
        let folder = tempfile::tempdir().unwrap();
        Self { site, folder }
    }

    /// Opens a page of the site and goes where it leads.
    pub(crate) fn open(&self, url: &str) -> End {
        let mut url = url.to_owned();
        for _ in 0..10 {
            if !url.starts_with(self.site) {
                return End::Away(url);
            }
            let (redirect, page) = self.curl(&["--get", &url]);
            if redirect.is_empty() {
                return End::Page(page);
            }
            url = redirect;
        }
        panic!("redirects without end: {url}");
    }

    /// Posts a form to a page of the site and goes where it leads.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) -> End {
        let mut arguments = Vec::new();
        for (name, value) in fields {
            arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        arguments.push(url.to_owned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (redirect, page) = self.curl(&arguments);
        if redirect.is_empty() {
            End::Page(page)
        } else {
            self.open(&redirect)
        }
    }

    /// One request: where it redirects to, and the page.
    fn curl(&self, arguments: &[&str]) -> (String, String) {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "60"])
            .args(["--proto", "=http", "--noproxy", "*"])
            .args(["--write-out", "%{redirect_url}"])
            .arg("--cookie")
            .arg(path("cookies"))
            .arg("--cookie-jar")
            .arg(path("cookies"))
            .arg("--output")
            .arg(path("page"))
            .args(arguments)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "curl: {errors}");
        let page = std::fs::read(path("page")).unwrap_or_default();
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8_lossy(&page).into_owned(),
        )
    }
}

/// The form that a page posts by itself.
#[derive(Debug)]
pub(crate) struct Form {
    /// Where to.
    pub(crate) action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    #[track_caller]
    pub(crate) fn of(page: &str) -> Self {
        let Some((_, form)) = page.split_once("<form") else {
            panic!("no form: {page}");
        };
        let (tag, rest) = form.split_once('>').unwrap();
        let inputs = rest.split("<input").skip(1);
        Self {
            action: attribute(tag, "action").unwrap(),
            fields: inputs
                .filter_map(|input| {
                    let (tag, _) = input.split_once('>')?;
                    Some((attribute(tag, "name")?, attribute(tag, "value")?))
                })
                .collect(),
        }
    }

    /// The body that the browser posts.
    pub(crate) fn body(&self) -> String {
        let pairs = self.fields.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        pairs.join("&")
    }

    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (&**name, &**value)).collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(field, _)| field == name)?;
        Some(value)
    }
}

/// As in a form's body [URL Standard, application/x-www-form-urlencoded].
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            b if b.is_ascii_alphanumeric() || b"*-._".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// The value of an attribute in double quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!("{name}=\""))?;
    let (value, _) = value.split_once('"')?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#039;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
