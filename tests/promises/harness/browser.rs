use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use tallystick::settings::ConsoleSettings;

use super::{Store, TestApp, Trial};

/// A browser without scripts: keeps cookies, and follows nothing by itself.
#[derive(Clone)]
pub struct Browser {
    pub url: String,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
    http: reqwest::Client,
}

/// A page as the browser gets it.
pub struct BrowserPage {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Trial {
    /// A trial with the console, at which people sign in by one button: without the partners that are
    /// beyond the sandbox.
    pub fn with_console_on(store: Store) -> Self {
        Self::on(store).with_console()
    }

    /// The same with the console, and without the partners that are beyond the sandbox.
    pub fn with_console(self) -> Self {
        let mut trial = self;
        for entry in std::fs::read_dir(&trial.settings.partners).unwrap() {
            let folder = entry.unwrap().path();
            let manifest = std::fs::read_to_string(folder.join("partner.toml"));
            if manifest.is_ok_and(|text| !text.contains("\nstatus = \"sandbox\"")) {
                std::fs::remove_dir_all(folder).unwrap();
            }
        }
        trial.settings.issuer = None;
        trial.settings.console = Some(ConsoleSettings::local());
        trial
    }
}

impl Browser {
    pub fn at(app: &TestApp) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { url: app.url(), cookies: BTreeMap::new(), language: "en", http }
    }

    /// Somebody who has signed in by their button.
    pub async fn signed_in(app: &TestApp, person: &str) -> Self {
        let mut browser = Self::at(app);
        let page = browser.sign_in(person, "/console/sign-in").await;
        assert_eq!(page.goes_to(), "/console/today");
        browser
    }

    /// Signs in by a button, from that address on; the answer of the console.
    pub async fn sign_in(&mut self, person: &str, path: &str) -> BrowserPage {
        let provider = self.get(path).await.goes_to().to_owned();
        let callback = self.choose(person, &provider).await;
        self.get(&callback).await
    }

    /// Chooses a person at the provider of trials; where that sends the browser.
    pub async fn choose(&mut self, person: &str, provider: &str) -> String {
        let page = self.get(provider).await;
        assert!(page.text.contains(&format!("value=\"{person}\"")), "{}", page.text);
        let asked = Url::parse(provider).unwrap();
        let mut fields: Vec<(String, String)> = asked.query_pairs().into_owned().collect();
        fields.push(("person".to_owned(), person.to_owned()));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post("/local-provider/sign-in", &fields).await.goes_to().to_owned()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.starts_with('/') {
            true => format!("{}{path}", self.url),
            false => path.to_owned(),
        };
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, url).header("accept", "text/html");
        request.header("cookie", cookies.join("; ")).header("accept-language", self.language)
    }

    pub async fn send(&mut self, request: RequestBuilder) -> BrowserPage {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        BrowserPage { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&mut self, path: &str) -> BrowserPage {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// Sends a form as a page of ours would.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> BrowserPage {
        let request = self.request(Method::POST, path).header("origin", &self.url).form(fields);
        self.send(request).await
    }

    /// Opens a page, and sends a form with the token that stands in it.
    pub async fn act(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> BrowserPage {
        let token = self.get(page).await.value("token");
        let mut fields = fields.to_vec();
        fields.push(("token", &token));
        self.post(action, &fields).await
    }
}

impl BrowserPage {
    /// The value of a field, as a browser would send it back.
    pub fn value(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let found = self.text.split_once(&start).map(|(_before, rest)| rest);
        let found = found.unwrap_or_else(|| unreachable!("no {name}: {}", self.text));
        found.split('"').next().unwrap().to_owned()
    }

    pub fn goes_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.headers["location"].to_str().unwrap()
    }

    pub fn has(&self, words: &[&str]) {
        for word in words {
            assert!(self.text.contains(word), "no {word:?} in {}", self.text);
        }
    }

    pub fn lacks(&self, words: &[&str]) {
        for word in words {
            assert!(!self.text.contains(word), "{word:?} in {}", self.text);
        }
    }
}
