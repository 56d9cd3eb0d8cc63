//! What customers are owed in points rolls forward from month to month, by partner, and adds up.

use serde_json::{Value, json};
use tallystick::clock;
use tallystick::ids::TransactionId;
use tallystick::ledger::cutoff::By;
use tallystick::ledger::liability::{Line, Month, roll_forward};
use tallystick::ledger::{
    Account, AccountCode, Owner, Posting, RuleVersion, Total, Transaction, TransactionKind,
};
use tallystick::money::{Amount, Asset};
use tallystick::program::Lot;
use tallystick::store::transactions::NewTransaction;
use tallystick::store::{StoreError, accounts, lots, transactions};

use crate::as_of::{ledger, printed};
use crate::harness::{Store, TestApp, Trial, payment, referral, refund};

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

fn sum(lines: &[Line], of: impl Fn(&Line) -> Total) -> i64 {
    lines.iter().map(|line| i64::try_from(of(line).minor()).unwrap()).sum()
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

/// Moves points of a lot to or from an account, as the bank does by itself.
fn record(app: &TestApp, kind: TransactionKind, lot: &Lot, (code, minor): (AccountCode, i64)) {
    let available = Account::customer(AccountCode::POINTS_AVAILABLE, lot.customer, Asset::PTS);
    let other = match code {
        AccountCode::POINTS_HELD => Account::customer(code, lot.customer, Asset::PTS),
        _ => Account::bank(code, Asset::PTS),
    };
    let rule = RuleVersion::built_in("test@1");
    let posting = |account, minor| {
        Posting::new(account, Amount::from_minor(minor, Asset::PTS), &rule).of_lot(lot.id)
    };
    let postings = vec![posting(available, -minor), posting(other, minor)];
    let transaction = Transaction::new(TransactionId::random(), postings).unwrap();
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
        lots::apply(tx, &[], transaction.postings().iter())?;
        accounts::apply(tx, transaction.postings().iter())?;
        Ok::<_, StoreError>(())
    });
    written.unwrap();
}

/// The customers' lot with the most points to spend.
fn fullest_lot(app: &TestApp) -> Lot {
    let mut db = app.trial.db();
    let all = accounts::all(&mut db).unwrap();
    let customers: Vec<_> = all.iter().filter_map(|(account, _)| account.customer_id()).collect();
    let lots = lots::of_customers(&mut db, &customers).unwrap();
    lots.into_iter().max_by_key(|lot| lot.parts.available.minor()).unwrap()
}

async fn what_moves_shows(app: &mut TestApp) {
    two_months(app).await;
    let shop = app.partner("green-basket").await;
    shop.record(&payment("p-4", "m-1", "500.00", "0.00")).await;
    let lot = fullest_lot(app);
    for (kind, code, minor) in [
        (TransactionKind::Commit, AccountCode::POINTS_REDEMPTION, 30_000),
        (TransactionKind::Return, AccountCode::POINTS_REDEMPTION, -500),
        // Held is owed all the same.
        (TransactionKind::Hold, AccountCode::POINTS_HELD, 100),
        (TransactionKind::Cancel, AccountCode::POINTS_HELD, -100),
        (TransactionKind::Expired, AccountCode::POINTS_BREAKAGE, 700),
        (TransactionKind::Adjustment, AccountCode::POINTS_ADJUSTMENT, 11),
        (TransactionKind::Rewarded, AccountCode::POINTS_ADJUSTMENT, 2),
    ] {
        record(app, kind, &lot, (code, minor));
    }
    let now = clock::now().day_in(app.trial.settings.time_zone).format("%Y-%m").to_string();
    let sorts = |partner: Option<&str>| {
        let lines = month(app, &now, By::Recorded);
        assert_eq!(sum(&lines, |line| line.closing), held(app));
        let of = |line: &&Line| line.partner.as_ref().map(|id| id.as_str()) == partner;
        let line = lines.iter().find(of).unwrap();
        line.amounts().map(Total::minor).collect::<Vec<i128>>()
    };
    let shops = Some("green-basket");
    assert_eq!(sorts(shops), [0, 64_700, -29_500, -700, -2_500, -11, -2, 31_987]);
    // The money goes back, the points are spent: a debt, which the next points pay.
    shop.record(&refund("r-4", "p-4", "500.00")).await;
    let owed = sorts(None);
    assert!(owed[7] < 0 && owed[4] == owed[7], "{owed:?}");
    shop.record(&payment("p-5", "m-1", "1.00", "0.00")).await;
    assert_eq!(sorts(None)[7], owed[7] + 100);
    let line = sorts(shops);
    assert_eq!((line[1], line[6]), (64_800, -2));
}

/// What is recorded here behind the program's back is found by its proof, and rightly so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_shows_by_its_sort_and_debts_stand_apart() {
    for store in [Store::Sqlite, Store::Postgres] {
        let mut app = Trial::on(store).start().await;
        what_moves_shows(&mut app).await;
        let _trial = Box::pin(app.stop()).await;
    }
}

on_both_stores! {
    async fn what_customers_hold_is_told_by_age_and_expiry(app) {
        app.leads_may_wait = true;
        let (shop, brief) = (app.partner("green-basket").await, app.partner("brief-basket").await);
        for (partner, id, amount, time) in [
            (&shop, "p-1", "10.00", "2026-11-02T10:00:00Z"),
            (&shop, "p-2", "20.00", "2026-06-01T10:00:00Z"),
            (&shop, "p-3", "30.00", "2020-06-01T10:00:00Z"),
            // Expires with the month, a year later.
            (&brief, "p-4", "40.00", "2026-07-15T10:00:00Z"),
            (&brief, "p-5", "50.00", "2025-12-31T10:00:00Z"),
        ] {
            partner.record(&at(payment(id, "m-1", amount, "0.00"), time)).await;
        }
        shop.record(&refund("r-1", "p-1", "10.00")).await;
        let told = |day: &str| {
            let told = printed(&app.trial, &["outstanding", "--csv", "--as-of", day]);
            told.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            told("2026-11-20"),
            [
                "brief-basket,3-6,6-12,40.00",
                "brief-basket,6-12,0-3,50.00",
                "green-basket,3-6,never,20.00",
                "green-basket,24+,never,30.00",
            ]
        );
        assert_eq!(
            told("2026-11-02"),
            [
                "brief-basket,3-6,6-12,40.00",
                "brief-basket,6-12,0-3,50.00",
                "green-basket,0-3,never,10.00",
                "green-basket,3-6,never,20.00",
                "green-basket,24+,never,30.00",
            ]
        );
        let now = printed(&app.trial, &["outstanding"]);
        assert!(now.contains("age_months") && now.contains("24+"), "{now}");
    }
}
