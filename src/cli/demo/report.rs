//! The results of the day, each number compared with another source: receipts against the ledger, the
//! ledger against the events that were sent, our leads against the CRM's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::Value;

use super::play::Played;
use super::stage::{SUPERMARKET, Stage};
use crate::cli::Failure;
use crate::crm::Crm;
use crate::ids::ReferralId;
use crate::ledger::verify::verify;
use crate::ledger::{AccountCode, Owner};
use crate::store::{StoreError, accounts, outbox};

/// How long the leads may take into the CRM.
const DELIVERY_MAX: Duration = Duration::from_secs(60);

/// Comparisons, and whether all of them held.
pub struct Checks {
    failed: Vec<String>,
    made: usize,
}

/// Prints the report; every number in it is checked.
pub async fn report(stage: &Stage, played: &Played) -> Result<Checks, Failure> {
    let mut checks = Checks { failed: Vec::new(), made: 0 };
    let leads = wait_for_leads(played).await?;
    let (proof, balances, crm_ids) = stage
        .app
        .pool()
        .with(|db| Ok::<_, StoreError>((verify(db)?, accounts::all(db)?, outbox::crm_ids(db)?)))?;
    let ledger = |code: AccountCode, owner: Option<&str>| -> Decimal {
        let mine = balances.iter().filter(|(account, _)| {
            account.code == code && owner.is_none_or(|owner| account.owner.name() == owner)
        });
        mine.map(|(_, balance)| balance.decimal()).sum()
    };

    let count = played.said.len();
    println!("\nEvents accepted      {count}");
    checks.equal("events in the ledger", &proof.counts.events, &i64::try_from(count)?);

    let points = ledger(AccountCode::POINTS_AVAILABLE, None);
    let redeemed = ledger(AccountCode::POINTS_REDEMPTION, None);
    let issued = points.saturating_add(redeemed);
    println!("Points issued        {issued} PTS to {} customers", customers(&balances));
    println!("Points redeemed      {redeemed} PTS");
    checks.equal("points in receipts", &posted(played, "points_available", None), &points);
    checks.equal("points by hand", &points_by_hand(played)?, &issued);
    checks.equal("points redeemed", &posted(played, "points_redemption", None), &redeemed);

    println!("Owed to partners     subsidy CNY   commission CNY   redemption CNY");
    for client in &played.clients {
        let id = client.id.as_str();
        let subsidy = ledger(AccountCode::SUBSIDY_PAYABLE, Some(id));
        let commission = ledger(AccountCode::COMMISSION_PENDING, Some(id));
        let redemption = ledger(AccountCode::REDEMPTION_PAYABLE, Some(id));
        println!("  {id:<18} {subsidy:>11.2}   {commission:>14.2}   {redemption:>14.2}");
        checks.equal("redemption", &posted(played, "redemption_payable", Some(id)), &redemption);
        checks.equal("subsidy", &posted(played, "subsidy_payable", Some(id)), &subsidy);
        checks.equal("commission", &posted(played, "commission_pending", Some(id)), &commission);
    }

    report_leads(stage, &leads, crm_ids, &mut checks).await?;
    let (balance, expected) = customer_points(stage, played).await?;
    println!("A customer asks      {balance} PTS");
    checks.equal("the customer's points", &balance, &expected);
    checks.equal("findings of ledger verify", &proof.findings.len(), &0);
    Ok(checks)
}

/// Our leads beside the CRM's.
async fn report_leads(
    stage: &Stage,
    sent: &BTreeSet<String>,
    crm_ids: Vec<(ReferralId, String)>,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let known: BTreeMap<String, String> =
        crm_ids.into_iter().map(|(id, crm_id)| (id.to_string(), crm_id)).collect();
    println!("Leads in the CRM     {}", known.len());
    for (id, crm_id) in &known {
        println!("  {id} is opportunity {crm_id}");
    }
    let crm = Crm::new(&stage.crm.settings(), None, DELIVERY_MAX)?;
    let Crm::Tryton(tryton) = crm else { return Err("the demo's CRM is a Tryton".into()) };
    let theirs: BTreeMap<String, String> =
        tryton.references().await?.into_iter().map(|(id, crm)| (id, crm.to_string())).collect();
    checks.equal("leads in the CRM", &theirs, &known);
    checks.equal("leads sent", sent, &known.keys().cloned().collect());
    Ok(())
}

impl Checks {
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, seen: &T, expected: &T) {
        self.made = self.made.saturating_add(1);
        if seen != expected {
            self.failed.push(format!("{what}: {seen:?}, expected {expected:?}"));
        }
    }

    /// `false` when a number did not stand up to its check.
    pub fn print(&self) -> bool {
        for failed in &self.failed {
            println!("NOT SO: {failed}");
        }
        let held = self.made.saturating_sub(self.failed.len());
        println!("Checks               {held} of {} held\n", self.made);
        self.failed.is_empty()
    }
}

/// Waits until every qualified referral is with the CRM, as its partner reads it.
async fn wait_for_leads(played: &Played) -> Result<BTreeSet<String>, Failure> {
    let started = Instant::now();
    let mut sent = BTreeSet::new();
    for said in &played.said {
        let referral = said.receipt.get("referral");
        let state = referral.and_then(|it| it.get("state")).and_then(Value::as_str);
        let id = referral.and_then(|it| it.get("id")).and_then(Value::as_str);
        let (Some("qualified"), Some(id)) = (state, id) else {
            continue;
        };
        let client = played.clients.iter().find(|client| client.id == said.partner);
        let client = client.ok_or("no such partner")?;
        loop {
            let now = client.get(&format!("/v1/referrals/{id}")).await?;
            if now.get("state").and_then(Value::as_str) == Some("sent") {
                break;
            }
            if started.elapsed() > DELIVERY_MAX {
                return Err(format!("referral {id} has not reached the CRM").into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sent.insert(id.to_owned());
    }
    Ok(sent)
}

/// What the receipts say was put on accounts of a code.
fn posted(played: &Played, code: &str, partner: Option<&str>) -> Decimal {
    let receipts = played.said.iter().filter(|it| partner.is_none_or(|id| it.partner == id));
    let lines = receipts.filter_map(|it| it.receipt.get("postings")?.as_array()).flatten();
    lines.filter(|line| line.get("account").and_then(Value::as_str) == Some(code)).map(amount).sum()
}

/// The supermarket gives one point for 1.00 CNY paid and not refunded; referrals of this day name
/// no member and so bring none.
fn points_by_hand(played: &Played) -> Result<Decimal, Failure> {
    let mut points = Decimal::ZERO;
    for said in played.said.iter().filter(|it| it.partner == SUPERMARKET) {
        let data = said.event.get("data").ok_or("an event without data")?;
        let text = |field: &str| data.get(field).and_then(Value::as_str);
        if let Some(paid) = text("paid") {
            points = points.saturating_add(paid.parse()?);
        } else if let Some(refunded) = text("amount") {
            points = points.saturating_sub(refunded.parse()?);
        }
    }
    Ok(points)
}

/// What the linked customer reads, and what their receipts add up to.
async fn customer_points(stage: &Stage, played: &Played) -> Result<(Decimal, Decimal), Failure> {
    let url = format!("{}/v1/customers/me/points", stage.url);
    let request = reqwest::Client::new().get(url).bearer_auth(&stage.customer_token);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    let balance = answer.get("balance").and_then(Value::as_str).ok_or("no balance")?.parse()?;
    let mine = |event: &Value| {
        let member = event.get("data").and_then(|data| data.get("member"));
        member.and_then(Value::as_str) == Some(played.member.as_str())
    };
    let payments: Vec<&Value> = played
        .said
        .iter()
        .filter(|it| mine(&it.event))
        .filter_map(|it| it.event.get("id"))
        .collect();
    let refunds_mine = |event: &Value| {
        let payment = event.get("data").and_then(|data| data.get("payment"));
        payment.is_some_and(|payment| payments.contains(&payment))
    };
    // Only this customer has an app with which to make codes.
    let spends = |event: &Value| {
        let kind = event.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.starts_with("redemption."))
    };
    let theirs = played
        .said
        .iter()
        .filter(|it| mine(&it.event) || refunds_mine(&it.event) || spends(&it.event));
    let lines = theirs.filter_map(|it| it.receipt.get("postings")?.as_array()).flatten();
    let points = lines
        .filter(|line| line.get("account").and_then(Value::as_str) == Some("points_available"))
        .map(amount);
    Ok((balance, points.sum()))
}

pub fn amount(line: &Value) -> Decimal {
    let amount = line.get("amount").and_then(Value::as_str);
    amount.and_then(|amount| amount.parse().ok()).unwrap_or_default()
}

fn customers(balances: &[(crate::ledger::Account, crate::money::Amount)]) -> usize {
    let owned = balances.iter().filter(|(account, _)| {
        matches!(account.owner, Owner::Customer(_)) && account.code == AccountCode::POINTS_AVAILABLE
    });
    owned.count()
}
