//! Ways that go through people of the bank: tiers that are bought and given back, conversions that the CRM
//! reports, and staff who release what is held.

use serde_json::Value;
use tallystick::referral::ReferralStep as Step;

use super::scenes::{Thief, careful};
use crate::exposure::{decide, get, now};
use crate::harness::{Partner, Store, Trial, customer, member, payment, referral, refund, staff};

/// Every scene, one after the other.
pub async fn all() {
    tiers_bought_and_given_back().await;
    leads_that_convert().await;
    conversions_and_one_clerk().await;
    split_for_one_clerk().await;
    released_by_a_pair().await;
}

/// A payment buys a tier and is refunded; what was earned by the tier stays.
async fn tiers_bought_and_given_back() {
    let trial = Trial::bounded_on(Store::Sqlite);
    let share = "partner_share = \"0.40\"";
    let doubled = "multiply = [{ by = \"2\", when = { tiers = [\"silver\"] } }]";
    trial.edit("green-basket", share, &format!("{share}\n{doubled}"));
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let tiers = "[tiers]\nwindow_months = 12\ngrace_days = 30\n\
                 tier = [{ id = \"silver\", spend = \"1800.00\" }]\n";
    std::fs::write(&path, format!("{text}\n{tiers}")).unwrap();
    let mut thief = Thief::on(trial).await;
    let shop = thief.app.partner("green-basket").await;
    for number in 0..40 {
        let person = customer(&thief.app, &format!("accomplice-{number}"));
        let reference = member(&person, "green-basket").await;
        let (bought, used) = (format!("b-{number}"), careful(number, &reference, 300));
        thief.say(&shop, &now(payment(&bought, &reference, "1801.37", "0.00"))).await;
        thief.say(&shop, &used).await;
        thief.say(&shop, &now(refund(&format!("r-{number}"), &bought, "1801.37"))).await;
    }
    thief.ends("a tier bought, used and given back, again and again").await;
}

fn loan(number: usize) -> Value {
    now(referral(&format!("l-{number}"), "green-loan", "20000.00", "new-town"))
}

/// Introduces people whose loans are granted: an accomplice at the bank, or people who came by themselves.
async fn convert(thief: &mut Thief, firm: &Partner, loans: usize) {
    let clerk = staff(&thief.app, "looks", &["read"]);
    for number in 0..loans {
        let told = thief.say(firm, &loan(number)).await;
        if told["referral"]["state"] != "qualified" {
            continue;
        }
        let id = told["referral"]["id"].as_str().unwrap();
        thief.app.advance(id, Step::Convert, "").await.unwrap();
        let alarms = get(&clerk, "/v1/alarms").await;
        thief.is_stopped_by(alarms["alarms"][0]["rule"].as_str());
    }
}

async fn leads_that_convert() {
    let mut thief = Thief::on(Trial::bounded_on(Store::Sqlite)).await;
    let firm = thief.app.partner("oak-home").await;
    convert(&mut thief, &firm, 60).await;
    thief.ends("other people's loans, claimed as one's own leads").await;
}

/// What a clerk makes of all that is held, one decision after the other.
async fn release_all(clerk: &Partner) -> usize {
    let (mut released, mut path) = (0, "/v1/held-events".to_owned());
    loop {
        let list = get(clerk, &path).await;
        for held in list["held_events"].as_array().unwrap() {
            released += usize::from(decide(clerk, held, "release").await.status == 200);
        }
        let Some(next) = list["next"].as_str() else { return released };
        path = format!("/v1/held-events?cursor={}", next.replace('+', "%2B"));
    }
}

async fn conversions_and_one_clerk() {
    let mut thief = Thief::on(Trial::bounded_on(Store::Sqlite)).await;
    let firm = thief.app.partner("oak-home").await;
    convert(&mut thief, &firm, 30).await;
    let clerk = staff(&thief.app, "accomplice", &["read", "decide"]);
    assert_eq!(release_all(&clerk).await, 0, "each is worth more than one person releases");
    thief.ends("held conversions, released by one clerk in the thief's pay").await;
}

/// Held payments of one accomplice: each small enough to be released by one person.
async fn split(thief: &mut Thief, count: usize) {
    let shop = thief.app.partner("green-basket").await;
    let person = customer(&thief.app, "accomplice");
    let reference = member(&person, "green-basket").await;
    thief.say(&shop, &now(payment("first", &reference, "2991.37", "0.00"))).await;
    for number in 0..count {
        let id = format!("s-{number}");
        thief.say(&shop, &now(payment(&id, &reference, "1991.37", "0.00"))).await;
    }
}

async fn split_for_one_clerk() {
    let mut thief = Thief::on(Trial::bounded_on(Store::Sqlite)).await;
    split(&mut thief, 60).await;
    let clerk = staff(&thief.app, "accomplice", &["read", "decide"]);
    assert_eq!(release_all(&clerk).await, 5);
    thief.ends("split into small payments, released by one clerk in the thief's pay").await;
}

/// Two people may say yes to anything: what is left is that they are seen.
async fn released_by_a_pair() {
    let mut thief = Thief::on(Trial::bounded_on(Store::Sqlite)).await;
    split(&mut thief, 30).await;
    let [one, other] = ["one", "other"].map(|id| staff(&thief.app, id, &["read", "decide"]));
    let released = release_all(&one).await + release_all(&other).await;
    assert_eq!(released, 30);
    let pairs = get(&one, "/v1/approval-pairs").await;
    assert_eq!(pairs["pairs"][0]["often"], true, "{pairs}");
    thief.ends("the same, released by two (shown as a pair that is often together)").await;
}
