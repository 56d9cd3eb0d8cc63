//! A day of three partners, through the public API as those partners would use it.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::partner::PartnerClient;
use super::spend::spend;
use super::stage::{RENOVATION_FIRM, SUPERMARKET, Stage, TRAVEL_AGENCY};
use crate::cli::Failure;
use crate::clock;
use crate::event::{Payment, Referral, Refund};

/// What was said and answered.
pub struct Played {
    pub clients: Vec<PartnerClient>,
    /// Every event with the partner that said it and the receipt it got.
    pub said: Vec<Said>,
    /// The reference by which the supermarket knows the demo's customer.
    pub member: String,
}

pub struct Said {
    pub partner: &'static str,
    pub event: Value,
    pub receipt: Value,
}

const BASKETS: &str = include_str!("baskets.csv");

/// The member of the baskets who has linked their account with the bank.
const LINKED: &str = "GB-1007";

/// Plays the day.
pub async fn play(stage: &Stage) -> Result<Played, Failure> {
    let mut clients = Vec::new();
    for (id, key) in &stage.keys {
        clients.push(PartnerClient::log_in(&stage.url, id, key).await?);
    }
    let client = |id: &str| clients.iter().find(|client| client.id == id).ok_or("no such partner");
    let member = link_customer(stage).await?;
    let mut said = Vec::new();
    payments(client(SUPERMARKET)?, &member, &mut said).await?;
    refund(client(SUPERMARKET)?, &mut said).await?;
    spend(stage, client(SUPERMARKET)?, &mut said).await?;
    for (partner, event) in referrals() {
        let receipt = client(partner)?.post_event(&event).await?;
        said.push(Said { partner, event, receipt });
    }
    Ok(Played { clients, said, member })
}

/// The customer asks the bank for the reference by which the supermarket may call them.
async fn link_customer(stage: &Stage) -> Result<String, Failure> {
    let url = format!("{}/v1/customers/me/members/{SUPERMARKET}", stage.url);
    let request = reqwest::Client::new().post(url).bearer_auth(&stage.customer_token);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    let member = answer.get("member").and_then(Value::as_str);
    Ok(member.ok_or("the customer got no member reference")?.to_owned())
}

/// The supermarket's baskets: the first of them one by one, the others in batches, as a till and
/// its back office would.
async fn payments(
    client: &PartnerClient,
    member: &str,
    said: &mut Vec<Said>,
) -> Result<(), Failure> {
    let events = baskets(member)?;
    let bar = ProgressBar::new(u64::try_from(events.len())?);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} payments at the tills")?);
    let (single, batched) = events.split_at(events.len().min(20));
    for event in single {
        let receipt = client.post_event(event).await?;
        said.push(Said { partner: SUPERMARKET, event: event.clone(), receipt });
        bar.inc(1);
    }
    for part in batched.chunks(50) {
        let outcomes = client.post_batch(part).await?;
        for (event, mut outcome) in part.iter().zip(outcomes) {
            let Some(receipt) = outcome.get_mut("receipt").map(Value::take) else {
                return Err(format!("a payment was not taken: {outcome}").into());
            };
            said.push(Said { partner: SUPERMARKET, event: event.clone(), receipt });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    println!("{} payments posted by {SUPERMARKET}", events.len());
    Ok(())
}

/// The day's baskets as events, ending now so that none lies in the future.
fn baskets(member: &str) -> Result<Vec<Value>, Failure> {
    let mut events = Vec::new();
    let day = clock::now().minus(chrono::TimeDelta::days(1)).utc().date_naive();
    for record in csv::Reader::from_reader(BASKETS.as_bytes()).into_deserialize() {
        let basket: Basket = record?;
        let member = if basket.member == LINKED { member } else { &basket.member };
        let mut data = json!({
            "member": member,
            "order": basket.order,
            "store": basket.store,
            "currency": "CNY",
            "gross": basket.gross,
            "discount": basket.discount,
            "paid": basket.paid,
        });
        if let (Some(scheme), Value::Object(data)) = (basket.scheme, &mut data) {
            data.insert("scheme".to_owned(), json!(scheme));
        }
        let time = format!("{day}T{}Z", basket.time);
        events.push(cloud_event(&format!("pay-{}", basket.order), Payment::TYPE, &time, data));
    }
    Ok(events)
}

#[derive(serde::Deserialize)]
struct Basket {
    order: String,
    member: String,
    store: String,
    time: String,
    gross: String,
    discount: String,
    paid: String,
    scheme: Option<String>,
}

/// A quarter of one subsidised payment comes back over the counter.
async fn refund(client: &PartnerClient, said: &mut Vec<Said>) -> Result<(), Failure> {
    let subsidised = said.iter().find(|it| {
        let posted = it.receipt.get("postings").and_then(Value::as_array);
        posted.is_some_and(|lines| lines.len() > 3)
    });
    let payment = subsidised.and_then(|it| it.event.get("id")).and_then(Value::as_str);
    let payment = payment.ok_or("no payment was subsidised")?;
    let data = json!({
        "payment": payment, "currency": "CNY", "amount": "50.00", "reason": "goods returned",
    });
    let event = cloud_event("refund-1", Refund::TYPE, &clock::now().to_string(), data);
    let receipt = client.post_event(&event).await?;
    println!("1 refund posted by {SUPERMARKET}");
    said.push(Said { partner: SUPERMARKET, event, receipt });
    Ok(())
}

/// Three that qualify, one that asks for too much, and one without consent.
fn referrals() -> Vec<(&'static str, Value)> {
    let travel = |number: u8, amount: &str, consent: bool| {
        let id = format!("trip-{number}");
        (TRAVEL_AGENCY, referral(&id, "travel-loan", amount, consent.then_some(number)))
    };
    let home = |number: u8, product: &str, amount: &str| {
        let id = format!("contract-{number}");
        (RENOVATION_FIRM, referral(&id, product, amount, Some(number)))
    };
    vec![
        travel(1, "18000.00", true),
        travel(2, "900000.00", true),
        travel(3, "12000.00", false),
        home(4, "renovation-instalment", "88000.00"),
        home(5, "quick-loan", "30000.00"),
    ]
}

fn referral(id: &str, product: &str, amount: &str, consented: Option<u8>) -> Value {
    let now = clock::now().to_string();
    let mut data = json!({
        "product": product,
        "currency": "CNY",
        "amount": amount,
        "region": "old-town",
        "contact": { "name": format!("Demo person {id}"), "phone": phone(id) },
    });
    if let (Some(number), Value::Object(data)) = (consented, &mut data) {
        let consent = json!({
            "purpose": "to be called by the bank about this product",
            "text_version": "2026-10",
            "text_sha256": "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
            "channel": "tablet",
            "evidence": format!("signature-{number}"),
            "given_at": now,
        });
        data.insert("consent".to_owned(), consent);
    }
    cloud_event(id, Referral::TYPE, &now, data)
}

/// A number of a range that is not given out.
fn phone(id: &str) -> String {
    let number = id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("+861990000{:04}", number.rem_euclid(10_000))
}

pub fn cloud_event(id: &str, kind: &str, time: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/demo", "type": kind, "time": time,
        "data": data,
    })
}
