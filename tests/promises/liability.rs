//! What customers are owed in points rolls forward from month to month, by partner, and adds up.

use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ids::TransactionId;
use tallystick::ledger::cutoff::By;
use tallystick::ledger::liability::{Line, Month, roll_forward};
use tallystick::ledger::{Account, AccountCode, Owner, Posting, RuleVersion, Transaction};
use tallystick::money::{Amount, Asset};
use tallystick::store::transactions::NewTransaction;
use tallystick::store::{StoreError, accounts, transactions};

use crate::as_of::{ledger, printed};
use crate::harness::{TestApp, payment, referral, refund};

fn at(mut event: Value, time: &str) -> Value {
    event["time"] = json!(time);
    event
}

/// October and November of two partners. The last payment of October comes a month late.
async fn two_months(app: &mut TestApp) {
    app.leads_may_wait = true; // no CRM here
    let (shop, farm) = (app.partner("green-basket").await, app.partner("golden-field").await);
    for (id, amount, time) in [
        ("p-1", "100.00", "2026-10-05T10:00:00Z"),
        ("p-2", "40.00", "2026-10-31T15:59:59Z"), // a second before November in Shanghai
        ("p-3", "7.00", "2026-10-31T16:00:00Z"),
    ] {
        shop.record(&at(payment(id, "m-1", amount, "0.00"), time)).await;
    }
    shop.record(&at(refund("r-1", "p-1", "25.00"), "2026-11-03T10:00:00Z")).await;
    let mut introduced = referral("f-1", "farm-loan", "9000.00", "north-valley");
    introduced["data"]["member"] = json!("v-1");
    farm.record(&introduced).await;
}

fn month(app: &TestApp, text: &str, by: By) -> Vec<Line> {
    let month = Month::parse(text, by, app.trial.settings.time_zone).unwrap();
    roll_forward(&mut app.trial.db(), month).unwrap()
}

fn sum(lines: &[Line], of: impl Fn(&Line) -> Amount) -> i64 {
    lines.iter().map(|line| of(line).minor()).sum()
}

/// What customers hold by the balances that are kept.
fn held(app: &TestApp) -> i64 {
    let all = accounts::all(&mut app.trial.db()).unwrap();
    let points = all.iter().filter(|(account, _)| {
        account.asset == Asset::PTS && matches!(account.owner, Owner::Customer(_))
    });
    points.map(|(_, balance)| balance.minor()).sum()
}

on_both_stores! {
    async fn each_month_opens_as_the_one_before_closed(app) {
        two_months(app).await;
        let report = printed(&app.trial, &["liability", "--month", "2026-11", "--csv"]);
        assert_eq!(
            report.lines().collect::<Vec<_>>(),
            [
                "month,partner,asset,opening,issued,redeemed,expired,reversed,re_estimated,other,closing",
                "2026-11,golden-field,PTS,0.00,300.00,0.00,0.00,0.00,0.00,0.00,300.00",
                "2026-11,green-basket,PTS,140.00,7.00,0.00,0.00,-25.00,0.00,0.00,122.00",
            ]
        );
        let text = printed(&app.trial, &["liability", "--month", "2026-11"]);
        assert!(text.lines().last().unwrap().ends_with("        422.00"), "{text}");
        let (october, november) = (month(app, "2026-10", By::Effective), month(app, "2026-11", By::Effective));
        assert_eq!(sum(&october, |line| line.closing), sum(&november, |line| line.opening));
        assert_eq!(sum(&november, |line| line.closing), held(app));
        // By when it was recorded, nothing was known before today.
        let today = clock::now().day_in(app.trial.settings.time_zone).format("%Y-%m").to_string();
        let recorded = month(app, &today, By::Recorded);
        assert_eq!(sum(&recorded, |line| line.opening), 0);
        assert_eq!(sum(&recorded, |line| line.closing), held(app));
        let refused = ledger(&app.trial, &["liability", "--month", "November"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("\"November\" is not a month, such as 2026-11"), "{said}");
    }
}

/// Records what no partner's event brought about, as the bank does.
fn record(app: &TestApp, kind: &'static str, postings: &[(&Account, i64)]) {
    let postings = postings.iter().map(|(account, minor)| Posting {
        account: (*account).clone(),
        amount: Amount::from_minor(*minor, Asset::PTS),
        rule: RuleVersion::built_in("test@1"),
    });
    let transaction = Transaction::new(TransactionId::random(), postings.collect()).unwrap();
    let now = clock::now();
    let new = NewTransaction {
        transaction: &transaction,
        kind,
        receipt: "{}",
        effective_at: now,
        recorded_at: now,
    };
    let written = app.trial.db().write(|tx| {
        transactions::insert(tx, &[new])?;
        accounts::apply(tx, transaction.postings().iter())?;
        Ok::<_, StoreError>(())
    });
    written.unwrap();
}

on_both_stores! {
    async fn what_the_bank_moves_shows_by_its_sort(app) {
        two_months(app).await;
        let all = accounts::all(&mut app.trial.db()).unwrap();
        let is_owed = |account: &Account| account.code == AccountCode::POINTS_AVAILABLE;
        let (customer, _) = all.into_iter().find(|(account, _)| is_owed(account)).unwrap();
        let code = |name| AccountCode::by_name(name).unwrap();
        for (kind, against, minor) in [
            ("redemption.committed", "points_redemption", -3_000),
            ("redemption.refunded", "points_redemption", 500),
            ("points.expired", "points_breakage", -700),
            ("adjustment", "points_liability", 11),
            ("something.new", "points_liability", 2),
        ] {
            let against = Account::bank(code(against), Asset::PTS);
            record(app, kind, &[(&customer, minor), (&against, -minor)]);
        }
        // Points held for a redemption are owed all the same.
        let held_for = Account { code: code("points_held"), ..customer.clone() };
        record(app, "redemption.held", &[(&customer, -100), (&held_for, 100)]);
        let now = clock::now().day_in(app.trial.settings.time_zone).format("%Y-%m").to_string();
        let lines = month(app, &now, By::Effective);
        let bank = lines.iter().find(|line| line.partner.is_none()).unwrap();
        let amounts: Vec<i64> = bank.amounts().map(Amount::minor).collect();
        assert_eq!(amounts, [0, 0, -2_500, -700, 0, 11, 2, -3_187]);
        assert_eq!(sum(&lines, |line| line.closing), held(app));
    }
}
