//! Ways that are more than a list of events: they look at what comes back, use more than one partner or
//! more than one door, or wait for a moment.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use tallystick::clock::Moment;
use tallystick::money::Amount;
use tallystick::program::total_cost;

use super::{Take, hold_with, print, taken, why};
use crate::exposure::{now, redemption};
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, code, customer, member, payment, referral, refund,
};
use crate::patterns::Till;

/// A thief at work, with what came of it so far.
pub struct Thief {
    pub app: TestApp,
    take: Take,
}

impl Thief {
    async fn new() -> Self {
        Self::on(Trial::bounded_on(Store::Sqlite)).await
    }

    pub async fn on(trial: Trial) -> Self {
        let mut app = trial.start().await;
        app.leads_may_wait = true;
        let take = Take { before: 0, in_all: 0, events: 0, stopped_by: String::new() };
        Self { app, take }
    }

    /// Says an event and takes no notice of what comes of it.
    pub async fn say(&mut self, partner: &Partner, event: &Value) -> Value {
        let answer = partner.post(event).await;
        self.note(&answer)
    }

    /// Says many events in few requests, where a partner may send few.
    async fn say_all(&mut self, partner: &Partner, events: &[Value]) {
        for part in events.chunks(20) {
            let answer = partner.post_batch(part).await;
            let mut outcomes = answer.body["outcomes"].as_array().unwrap().iter();
            let stopped = outcomes.find_map(why);
            self.take.events += part.len();
            if self.take.stopped_by.is_empty() {
                self.take.before = taken(&self.app);
                self.take.stopped_by = stopped.unwrap_or_default();
            }
        }
    }

    fn note(&mut self, answer: &Answer) -> Value {
        let refused = answer.status.is_client_error().then(|| answer.body["type"].to_string());
        let held = why(&json!({ "receipt": answer.body }));
        self.take.events += 1;
        if self.take.stopped_by.is_empty()
            && let Some(reason) = refused.or(held)
        {
            self.take.stopped_by = reason.replace("\"", "").replace("/problems/", "");
            self.take.before = taken(&self.app);
        }
        answer.body.clone()
    }

    /// Notes what stands against the thief, if anything does by now.
    pub fn is_stopped_by(&mut self, rule: Option<&str>) {
        if let Some(rule) = rule.filter(|_rule| self.take.stopped_by.is_empty()) {
            rule.clone_into(&mut self.take.stopped_by);
            self.take.before = taken(&self.app);
        }
    }

    pub async fn ends(mut self, name: &str) {
        self.take.in_all = taken(&self.app);
        if self.take.stopped_by.is_empty() {
            self.take.before = self.take.in_all;
        }
        print(name, &self.take);
        Box::pin(self.app.stop_and_prove()).await;
    }
}

/// Sums, members and seconds like those of a till: the thief knows the patterns.
pub fn careful(number: usize, member: &str, from: usize) -> Value {
    let dice = number.wrapping_mul(2_654_435_761) >> 7;
    let scale = [100, 103, 131, 188, 240, 310];
    let minor = from * scale[dice % 6] + dice % (from * 17) + 7;
    let gross = format!("{}.{:02}", minor / 100, minor % 100);
    let mut event = payment(&format!("x-{number}"), member, &gross, "0.00");
    let seconds = i64::try_from(dice % 3_000).unwrap();
    event["time"] = json!(tallystick::clock::now().minus(TimeDelta::seconds(seconds)).to_string());
    event
}

fn with_discount(mut event: Value, scheme: &str, discount: &str) -> Value {
    let minor = |text: &Value| text.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let paid = minor(&event["data"]["gross"]) - minor(&json!(discount));
    event["data"]["scheme"] = json!(scheme);
    event["data"]["discount"] = json!(discount);
    event["data"]["paid"] = json!(format!("{}.{:02}", paid / 100, paid % 100));
    event
}

fn scattered(number: usize) -> String {
    format!("card-{}", number.wrapping_mul(2_654_435_761) % 99_991)
}

/// Every scene, one after the other.
pub async fn all() {
    careful_payments().await;
    careful_discounts().await;
    quotes_that_promise().await;
    many_customers_at_one_shop().await;
    two_partners_and_one_accomplice().await;
    redeemed_and_returned_in_parts().await;
    one_code_again_and_again().await;
    orders_of_another_partner().await;
    refund_while_the_points_are_held().await;
    referred_and_withdrawn().await;
    rewards_for_many_members().await;
    weekend_campaigns().await;
    fees_waived_by_nobody().await;
    through_a_stream().await;
    two_shops_with_pins().await;
    buried_under_held_events().await;
    around_midnight().await;
}

async fn careful_payments() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("green-basket").await;
    for number in 0..600 {
        thief.say(&shop, &careful(number, &scattered(number), 60)).await;
    }
    thief.ends("careful payments: sums, members and seconds like a till's").await;
}

async fn careful_discounts() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("green-basket").await;
    for number in 0..400 {
        let event = careful(number, &scattered(number), 400);
        thief.say(&shop, &with_discount(event, "spend-200-save-30", "70.00")).await;
    }
    thief.ends("careful discounts for nobody").await;
}

async fn quotes_that_promise() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("green-basket").await;
    for number in 0..200 {
        let member = scattered(number);
        let mut event = careful(number, &member, 400);
        let gross = event["data"]["gross"].clone();
        let asked = json!({
            "member": member, "currency": "CNY", "gross": gross, "scheme": "spend-200-save-30",
        });
        let quote = Answer::of(shop.request(Method::POST, "/v1/quotes").json(&asked)).await;
        assert_eq!(quote.status, 201, "{quote:?}");
        event = with_discount(event, "spend-200-save-30", "70.00");
        event["data"]["quote"] = quote.body["quote"].clone();
        thief.say(&shop, &event).await;
    }
    thief.ends("a quote first, then the discount that it promised").await;
}

async fn many_customers_at_one_shop() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("lotus-tea").await;
    for number in 0..120 {
        let person = customer(&thief.app, &format!("accomplice-{number}"));
        let reference = member(&person, "lotus-tea").await;
        let event = careful(number, &reference, 400);
        thief.say(&shop, &with_discount(event, "spend-50-save-5", "5.00")).await;
    }
    thief.ends("many real customers at one accomplice's shop").await;
}

/// Earned at one partner, redeemed at another at once: no reservation stands between them.
async fn two_partners_and_one_accomplice() {
    let mut thief = Thief::new().await;
    let here = thief.app.partner("blue-basket").await;
    let there = thief.app.partner("green-basket").await;
    for number in 0..40 {
        let person = customer(&thief.app, &format!("accomplice-{number}"));
        let reference = member(&person, "blue-basket").await;
        thief.say(&here, &careful(number, &reference, 900)).await;
        let hold = format!("h-{number}");
        let held = hold_with(&there, &person, &hold, "900.00").await;
        thief.note(&held);
        let done = redemption(&format!("c-{number}"), "committed", json!({ "hold": hold }));
        thief.say(&there, &done).await;
        thief
            .say(&here, &now(refund(&format!("r-{number}"), &format!("x-{number}"), "900.00")))
            .await;
    }
    thief.ends("paid at one partner, redeemed at another, refunded").await;
}

async fn redeemed_and_returned_in_parts() {
    let mut thief = Thief::new().await;
    let here = thief.app.partner("blue-basket").await;
    let there = thief.app.partner("green-basket").await;
    let person = customer(&thief.app, "accomplice");
    let reference = member(&person, "blue-basket").await;
    thief.say(&here, &careful(1, &reference, 950)).await;
    for number in 0..40 {
        let hold = format!("h-{number}");
        let held = hold_with(&there, &person, &hold, "900.50").await;
        thief.note(&held);
        let done = redemption(&format!("c-{number}"), "committed", json!({ "hold": hold }));
        thief.say(&there, &done).await;
        for part in 0..9 {
            let back = json!({ "hold": hold, "points": "100.05" });
            thief.say(&there, &redemption(&format!("b-{number}-{part}"), "returned", back)).await;
        }
    }
    thief.ends("redeemed and returned in parts, again and again").await;
}

async fn one_code_again_and_again() {
    let mut thief = Thief::new().await;
    let here = thief.app.partner("blue-basket").await;
    let there = thief.app.partner("green-basket").await;
    let person = customer(&thief.app, "victim");
    let reference = member(&person, "blue-basket").await;
    here.record(&careful(1, &reference, 950)).await;
    let shown = code(&person).await;
    for number in 0..30 {
        let hold = format!("h-{number}");
        let data = json!({ "code": shown, "points": format!("{}.00", 1_000 - number) });
        thief.say(&there, &redemption(&hold, "held", data)).await;
        thief
            .say(&there, &redemption(&format!("c-{number}"), "committed", json!({ "hold": hold })))
            .await;
    }
    thief.ends("one customer's code at a till, again and again").await;
}

async fn orders_of_another_partner() {
    let mut thief = Thief::new().await;
    let honest = thief.app.partner("blue-basket").await;
    let shop = thief.app.partner("green-basket").await;
    for number in 0..50 {
        honest.record(&careful(number, &scattered(number), 3)).await;
        let back = now(refund(&format!("r-{number}"), &format!("x-{number}"), "1.00"));
        thief.say(&shop, &back).await;
    }
    thief.ends("refunds of another partner's orders").await;
}

async fn refund_while_the_points_are_held() {
    let mut thief = Thief::new().await;
    let here = thief.app.partner("blue-basket").await;
    let there = thief.app.partner("green-basket").await;
    for number in 0..30 {
        let person = customer(&thief.app, &format!("accomplice-{number}"));
        let reference = member(&person, "blue-basket").await;
        thief.say(&here, &careful(number, &reference, 900)).await;
        let hold = format!("h-{number}");
        let held = hold_with(&there, &person, &hold, "900.00").await;
        thief.note(&held);
        thief
            .say(&here, &now(refund(&format!("r-{number}"), &format!("x-{number}"), "900.00")))
            .await;
        let done = redemption(&format!("c-{number}"), "committed", json!({ "hold": hold }));
        thief.say(&there, &done).await;
    }
    thief.ends("refunded while the points are held, and then redeemed").await;
}

fn lead(id: &str, phone: &str) -> Value {
    let mut event = now(referral(id, "travel-loan", "9000.00", "old-town"));
    event["data"]["contact"]["phone"] = json!(phone);
    event
}

async fn referred_and_withdrawn() {
    let mut thief = Thief::new().await;
    let agency = thief.app.partner("sunny-travel").await;
    for number in 0..60 {
        let event = lead(&format!("t-{number}"), &format!("+86198{:08}", number / 2));
        let told = thief.say(&agency, &event).await;
        if let Some(consent) = told["referral"]["consent"].as_str() {
            let path = format!("/v1/consents/{consent}/withdrawal");
            Answer::of(agency.request(Method::POST, &path).json(&json!({ "reason": "asked" })))
                .await;
        }
    }
    thief.ends("referred, withdrawn, referred anew").await;
}

async fn rewards_for_many_members() {
    let mut thief = Thief::new().await;
    let agency = thief.app.partner("sunny-travel").await;
    for number in 0..120 {
        let mut event = lead(&format!("t-{number}"), &format!("+86197{number:08}"));
        event["data"]["member"] = json!(scattered(number));
        thief.say(&agency, &event).await;
    }
    thief.ends("a reward for another member with each invented lead").await;
}

async fn weekend_campaigns() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("lotus-tea").await;
    let now = tallystick::clock::now();
    let mut days = (0..7).map(|days| now.minus(TimeDelta::days(days)));
    let is_saturday = |at: &Moment| at.utc().format("%a").to_string() == "Sat";
    let day = days.find(is_saturday).unwrap().utc().format("%Y-%m-%d").to_string();
    let mut events = Vec::new();
    for number in 0..400 {
        let mut event = careful(number, &scattered(number), 41);
        event["time"] =
            json!(format!("{day}T{:02}:{:02}:{:02}Z", 11 + number % 2, number % 60, number % 53));
        events.push(event);
    }
    thief.say_all(&shop, &events).await;
    thief.ends("the weekend's campaigns, chosen by date").await;
}

async fn fees_waived_by_nobody() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("oak-home").await;
    for number in 0..60 {
        let mut event = careful(number, &scattered(number), 9_000);
        event["data"]["instalment"] = json!({ "periods": 12, "fee": "900.00", "waived": "900.00" });
        thief.say(&shop, &event).await;
    }
    thief.ends("fees that are said to be waived, by no scheme").await;
}

async fn through_a_stream() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("green-basket").await;
    let events = (0..600).map(|number| {
        let event = careful(number, &scattered(number), 400);
        format!("{}\n", with_discount(event, "spend-200-save-30", "70.00"))
    });
    let request = shop.request(Method::POST, "/v1/events:stream");
    let request = request.header("content-type", "application/x-ndjson");
    let answer = Answer::of(request.body(events.collect::<String>())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut outcomes = answer.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    thief.take.stopped_by = outcomes.find_map(|outcome| why(&outcome)).unwrap_or_default();
    thief.take.events = 600;
    thief.take.before = taken(&thief.app);
    thief.ends("careful discounts through a stream").await;
}

/// Two shops whose owner is one: each has its own limits, and one customer buys at both.
async fn two_shops_with_pins() {
    let mut thief = Thief::new().await;
    let shops = [thief.app.partner("corner-basket").await, thief.app.partner("other-corner").await];
    for number in 0..300 {
        let event = careful(number, &scattered(number), 400);
        let event = with_discount(event, "spend-200-save-30", "70.00");
        thief.say(&shops[number % 2], &event).await;
    }
    thief.ends("two shops with a PIN each, in one hand").await;
}

async fn buried_under_held_events() {
    let mut thief = Thief::new().await;
    let shop = thief.app.partner("green-basket").await;
    for number in 0..200 {
        let noise = payment(&format!("noise-{number}"), &scattered(number), "9000000.00", "0.00");
        thief.say(&shop, &now(noise)).await;
    }
    for number in 0..200 {
        let event = careful(number, &scattered(number + 500), 400);
        thief.say(&shop, &with_discount(event, "spend-200-save-30", "70.00")).await;
    }
    thief.ends("held events first, to bury what comes after").await;
}

/// Two minutes with a midnight of a month between them: both sides of it have limits of their own.
async fn around_midnight() {
    let mut till = Till::new();
    let month = Moment::parse("2026-11-30T15:59:30Z").unwrap();
    let mut take = Take { before: 0, in_all: 0, events: 0, stopped_by: String::new() };
    for side in [0, 60] {
        for number in 0..200 {
            let event = careful(number, &scattered(number), 400);
            let mut event = with_discount(event, "spend-200-save-30", "70.00");
            event["id"] = json!(format!("x-{side}-{number}"));
            let at = month.plus(TimeDelta::seconds(side + i64::try_from(number % 29).unwrap()));
            event["time"] = json!(at.to_string());
            let decision = till.decide(&event, at, at);
            let cost = total_cost(&decision, till.price()).map_or(0, Amount::minor);
            take.events += 1;
            take.in_all += cost;
            match &decision.held {
                Some(why) if take.stopped_by.is_empty() => {
                    why.rule().clone_into(&mut take.stopped_by)
                }
                None if take.stopped_by.is_empty() => take.before += cost,
                Some(_) | None => {}
            }
        }
    }
    print("one minute before and one after the end of a month", &take);
}
