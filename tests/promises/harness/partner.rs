use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tallystick::cli::partners::keygen::KeyPair;

/// A partner's own view of the service: HTTP and nothing else.
#[derive(Clone)]
pub struct Partner {
    pub url: String,
    pub token: String,
    http: reqwest::Client,
}

/// An answer: its status, its headers and its JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Partner {
    pub async fn log_in(url: &str, issuer: &str, id: &str, key: &KeyPair) -> Self {
        let answer = Self::ask_token(url, &assertion(id, issuer, key), &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::with_token(url, answer.body["access_token"].as_str().unwrap())
    }

    pub fn with_token(url: &str, token: &str) -> Self {
        Self { url: url.to_owned(), token: token.to_owned(), http: reqwest::Client::new() }
    }

    pub async fn ask_token(url: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        form.extend(more);
        let request = reqwest::Client::new().post(format!("{url}/oauth/token")).form(&form);
        Answer::of(request).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, event: &Value) -> Answer {
        Answer::of(self.request(Method::POST, "/v1/events").json(event)).await
    }

    /// Posts an event that must be recorded, and gives its receipt.
    pub async fn record(&self, event: &Value) -> Value {
        let answer = self.post(event).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Posts an event that must be refused, and gives the problem's slug and detail.
    pub async fn refused(&self, event: &Value) -> (u16, String, Value) {
        let answer = self.post(event).await;
        let slug = answer.body["type"].as_str().unwrap_or_default().replace("/problems/", "");
        (answer.status.as_u16(), slug, answer.body)
    }

    pub async fn post_batch(&self, events: &[Value]) -> Answer {
        Answer::of(self.request(Method::POST, "/v1/events:batch").json(events)).await
    }
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status, headers, body, text }
    }

    /// The body without the request's id, which no two answers share.
    pub fn without_id(mut self) -> Value {
        self.body.as_object_mut().unwrap().remove("request_id");
        self.body
    }
}

pub fn assertion(id: &str, audience: &str, key: &KeyPair) -> String {
    key.sign(&json!({
        "iss": id, "sub": id, "aud": audience, "jti": uuid::Uuid::new_v4().to_string(),
    }))
    .unwrap()
}

pub fn cloud_event(id: &str, kind: &str, time: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/test", "type": kind, "time": time,
        "data": data,
    })
}

/// A payment without a scheme: `paid` is the gross amount less the discount.
pub fn payment(id: &str, member: &str, gross: &str, discount: &str) -> Value {
    let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let paid = minor(gross) - minor(discount);
    let data = json!({
        "member": member, "order": format!("order-{id}"), "currency": "CNY",
        "gross": gross, "discount": discount,
        "paid": format!("{}.{:02}", paid / 100, paid % 100),
    });
    cloud_event(id, "payment.discounted", "2026-11-02T10:15:30Z", data)
}

pub fn refund(id: &str, payment: &str, amount: &str) -> Value {
    let data = json!({ "payment": payment, "currency": "CNY", "amount": amount });
    cloud_event(id, "payment.refunded", "2026-11-03T10:15:30Z", data)
}

/// The phone number of the person whom the referral of that id introduces. Each id has another.
pub fn phone_of(id: &str) -> String {
    let number = id.bytes().fold(1_u64, |sum, byte| (sum * 131 + u64::from(byte)) % 100_000_000);
    format!("+86199{number:08}")
}

pub fn referral(id: &str, product: &str, amount: &str, region: &str) -> Value {
    let data = json!({
        "product": product, "currency": "CNY", "amount": amount, "region": region,
        "contact": { "name": "Test Person", "phone": phone_of(id), "email": "p@test.invalid" },
        "consent": {
            "purpose": "to be called about this product", "text_version": "2026-10",
            "text_sha256": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
            "channel": "tablet", "evidence": "signature-1",
            "given_at": "2026-11-02T10:15:00Z",
        },
    });
    cloud_event(id, "referral.created", "2026-11-02T10:15:30Z", data)
}
