//! What the bank answers closes the loop: a payout is ordered, accepted, paid, rejected or returned, each
//! once, with what that posts; and what fits nothing is kept for two people to decide on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Partner, TestApp, count, payment, run_sql, staff};
use crate::reconcile::close_as;
use crate::reconcile_command::{begun, reconcile};

const PAYER: &str = "1001000100020003001";
const PAYEE: &str = "6222021001000000001";
const END_TO_END: &str = "green-basket-2026-09-1";
const MONTH: &str = "/v1/settlements/green-basket/2026-09";

fn discounted(id: &str, time: &str) -> Value {
    let mut event = payment(id, "m-1", "250.00", "30.00");
    event["data"]["scheme"] = json!("spend-200-save-30");
    event["time"] = json!(time);
    event
}

async fn closed(app: &TestApp, period: &str) -> Value {
    let asked = json!({ "partner": "green-basket", "period": period });
    let proposed = staff(app, "ann", &["reconcile"]).send("/v1/settlements", &asked).await;
    assert_eq!(proposed.status, 201, "{proposed:?}");
    let answer = close_as(&payer(app), app, period).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["statement"].clone()
}

fn payer(app: &TestApp) -> Partner {
    staff(app, "ben", &["settle", "reconcile"])
}

/// September is closed with 18.00 to pay, and its order is given out.
pub async fn ordered(app: &TestApp) -> String {
    let shop = app.partner("green-basket").await;
    shop.record(&discounted("p-9", "2026-09-10T10:00:00Z")).await;
    assert_eq!(closed(app, "2026-09").await["payout"], "18.00");
    assert_eq!(payer(app).get(&format!("{MONTH}/payout/state")).await.told(), (404, "not-found"));
    assert_eq!(payer(app).get(&format!("{MONTH}/payout")).await.status, 200);
    let state = state(app).await;
    assert_eq!(state["state"], "ordered");
    state["message_id"].as_str().unwrap().to_owned()
}

async fn state(app: &TestApp) -> Value {
    payer(app).get(&format!("{MONTH}/payout/state")).await.body
}

/// One entry as a bank books it.
#[derive(Clone, Copy)]
pub struct Booked<'a> {
    pub direction: &'a str,
    pub amount: &'a str,
    pub reference: &'a str,
    pub end_to_end_id: &'a str,
    pub account: &'a str,
}

pub const PAID: Booked<'static> = Booked {
    direction: "DBIT",
    amount: "18.00",
    reference: "R-1",
    end_to_end_id: END_TO_END,
    account: PAYEE,
};
const BACK: Booked<'static> = Booked { direction: "CRDT", reference: "R-9", ..PAID };

pub fn statement(id: &str, entries: &[Booked<'_>]) -> String {
    let entries: String = entries
        .iter()
        .map(|it| {
            let Booked { direction, amount, reference, end_to_end_id, account } = it;
            let reason = match *direction {
                "CRDT" => "<RtrInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>Account closed</AddtlInf></RtrInf>",
                _ => "",
            };
            format!(
                "<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>\
                 <BookgDt><Dt>2026-10-08</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>\
                 <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>\
                 <NtryDtls><TxDtls><Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs><RltdPties><CdtrAcct><Id>\
                 <Othr><Id>{account}</Id></Othr></Id></CdtrAcct></RltdPties>{reason}</TxDtls></NtryDtls></Ntry>\n"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-10-09T01:00:00Z</CreDtTm></GrpHdr>\
         <Stmt><Id>{id}</Id><Acct><Id><Othr><Id>{PAYER}</Id></Othr></Id></Acct>\n\
         <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">0</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
         <Dt><Dt>2026-10-08</Dt></Dt></Bal>\n{entries}</Stmt></BkToCstmrStmt></Document>\n"
    )
}

fn notification(id: &str, entries: &[Booked<'_>]) -> String {
    // A notification has no balances.
    let whole = statement(id, entries);
    let lines: Vec<&str> = whole.lines().filter(|line| !line.starts_with("<Bal>")).collect();
    lines
        .join("\n")
        .replace("camt.053", "camt.054")
        .replace("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn")
        .replace("Stmt>", "Ntfctn>")
}

fn report(id: &str, order: &str, status: &str, reason: &str) -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.002.001.10\"><CstmrPmtStsRpt><GrpHdr>\
         <MsgId>{id}</MsgId><CreDtTm>2026-10-08T01:00:00Z</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>\
         <OrgnlMsgId>{order}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>{status}</GrpSts>\
         {reason}</OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
    )
}

async fn hand_in(app: &TestApp, file: &str) -> Answer {
    let path = "/v1/reconciliation/bank-statements";
    let request = staff(app, "cleo", &["settle"]).request(Method::POST, path);
    Answer::of(request.header("content-type", "application/xml").body(file.to_owned())).await
}

async fn taken(app: &TestApp, file: &str) -> Value {
    let answer = hand_in(app, file).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

fn balance(app: &TestApp, code: &str) -> i64 {
    let sql = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts WHERE code";
    count(&app.trial, &format!("{sql} = '{code}'"))
}

/// What the bank owes the partner, less what it has been paid.
fn owed(app: &TestApp) -> i64 {
    ["subsidy_payable", "settlement_payable", "payout_paid"]
        .map(|code| balance(app, code))
        .iter()
        .sum()
}

async fn open_breaks(app: &TestApp) -> Vec<Value> {
    let page = payer(app).get("/v1/bank-breaks").await;
    assert_eq!(page.status, 200, "{page:?}");
    page.body["bank_breaks"].as_array().unwrap().clone()
}

async fn only_break(app: &TestApp) -> Value {
    let open = open_breaks(app).await;
    assert_eq!(open.len(), 1, "{open:?}");
    open[0].clone()
}

async fn propose(app: &TestApp, id: &Value, action: &str) -> Answer {
    let path = format!("/v1/bank-breaks/{}/proposals", id.as_str().unwrap());
    let asked = json!({ "action": action, "reason": "looked at with the bank" });
    staff(app, "ann", &["reconcile", "settle"]).send(&path, &asked).await
}

async fn approve(app: &TestApp, who: &str, id: &Value) -> Answer {
    let path = format!("/v1/bank-breaks/{}/approval", id.as_str().unwrap());
    let both = staff(app, who, &["settle", "reconcile"]);
    let found = both.get(&format!("/v1/bank-breaks/{}", id.as_str().unwrap())).await.body;
    let number = &found["proposal"]["number"];
    let number = if number.is_number() { number.clone() } else { json!(1) };
    both.send(&path, &json!({ "proposal": number })).await
}

on_both_stores! {
    async fn a_payout_is_paid_once_whatever_files_say_so(app) {
        let order = ordered(app).await;
        assert_eq!(owed(app), 1_800);
        let accepted = taken(app, &report("B-1", &order, "ACTC", "")).await;
        assert_eq!((&accepted["kind"], &accepted["outcomes"]), (&json!("pain.002"), &json!({ "accepted": 1 })));
        assert_eq!(state(app).await["state"], "accepted");
        let file = statement("B-2", &[PAID]);
        assert_eq!(taken(app, &file).await["outcomes"], json!({ "paid": 1 }));
        let again = hand_in(app, &file).await;
        assert_eq!((again.status.as_u16(), &again.body["outcomes"]), (200, &json!({ "paid": 1 })));
        // The same entry in a notification, and in a statement of other days.
        assert_eq!(taken(app, &notification("B-3", &[PAID])).await["outcomes"], json!({}));
        assert_eq!(taken(app, &statement("B-4", &[PAID])).await["outcomes"], json!({}));
        let paid = state(app).await;
        let steps: Vec<&Value> = paid["history"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
        assert_eq!(steps, ["ordered", "accepted", "paid"], "{paid}");
        assert_eq!((balance(app, "payout_account"), balance(app, "payout_paid")), (1_800, -1_800));
        assert_eq!(owed(app), 0);
        assert!(open_breaks(app).await.is_empty());
        // The next month has what happened in it, and neither the payout nor its payment once more.
        let shop = app.partner("green-basket").await;
        shop.record(&discounted("p-10", "2026-10-10T10:00:00Z")).await;
        let next = closed(app, "2026-10").await;
        assert_eq!((&next["payout"], &next["sum"]), (&json!("18.00"), &json!("0.00")), "{next}");
        assert_eq!(owed(app), 1_800);
        // An order that is paid goes out no more.
        assert_eq!(payer(app).get(&format!("{MONTH}/payout")).await.told(), (409, "settlement-state"));
    }
}

on_both_stores! {
    async fn what_the_bank_rejects_is_owed_anew_with_its_reason(app) {
        let order = ordered(app).await;
        let reason = "<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>账号有误</AddtlInf></StsRsnInf>";
        let file = report("B-1", &order, "RJCT", reason);
        assert_eq!(taken(app, &file).await["outcomes"], json!({ "rejected": 1 }));
        let rejected = state(app).await;
        let last = rejected["history"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["reason_code"], &last["reason"]), (&json!("AC01"), &json!("账号有误")));
        // The settlement has taken it out, and the next one pays it: it is owed by an account that it sums.
        assert_eq!((balance(app, "settlement_payable"), balance(app, "payout_account")), (1_800, 0));
        assert_eq!(owed(app), 1_800);
        assert_eq!(payer(app).get(&format!("{MONTH}/payout")).await.told(), (409, "settlement-state"));
        // Paid all the same: nobody guesses.
        taken(app, &statement("B-2", &[PAID])).await;
        let found = only_break(app).await;
        assert_eq!(found["code"], "BANK_CONTRADICTS");
        assert_eq!(propose(app, &found["id"], "charge").await.status, 201);
        assert_eq!(approve(app, "ben", &found["id"]).await.status, 200);
        assert_eq!((owed(app), balance(app, "payout_account")), (0, 1_800));
    }
}

on_both_stores! {
    async fn what_comes_back_is_owed_anew_in_whichever_order_the_files_come(app) {
        ordered(app).await;
        taken(app, &statement("B-9", &[BACK])).await;
        let early = only_break(app).await;
        assert_eq!((&early["code"], &early["entry"]["reason_code"]), (&json!("BANK_RETURNED_EARLY"), &json!("AC04")));
        assert_eq!(state(app).await["state"], "ordered");
        taken(app, &statement("B-1", &[PAID])).await;
        let returned = state(app).await;
        assert_eq!(returned["state"], "returned", "{returned}");
        assert!(open_breaks(app).await.is_empty());
        assert_eq!((balance(app, "payout_account"), balance(app, "settlement_payable")), (0, 1_800));
        assert_eq!(owed(app), 1_800);
        let last = returned["history"].as_array().unwrap().last().unwrap();
        assert_eq!(last["reason"], "Account closed", "{returned}");
    }
}

on_both_stores! {
    async fn what_fits_nothing_waits_for_two_people(app) {
        ordered(app).await;
        let elsewhere = Booked { account: "6222021001000000002", ..PAID };
        let file = statement("B-1", &[elsewhere]);
        assert_eq!(taken(app, &file).await["outcomes"], json!({ "break": 1 }));
        let found = only_break(app).await;
        assert_eq!((&found["code"], &found["entry"]["amount"]), (&json!("BANK_ACCOUNT_DIFF"), &json!("18.00")));
        assert_eq!(propose(app, &found["id"], "charge").await.told(), (409, "break-state"));
        assert_eq!(propose(app, &found["id"], "confirm").await.status, 201);
        assert_eq!(propose(app, &found["id"], "accept").await.told(), (409, "break-state"));
        assert_eq!(approve(app, "ann", &found["id"]).await.told(), (403, "four-eyes"));
        // The database holds it as well.
        let alone = "UPDATE bank_break_proposals SET state = 'approved', decided_by = proposed_by, \
                     decided_at = proposed_at";
        assert!(run_sql(&app.trial, alone).is_err());
        assert!(run_sql(&app.trial, "UPDATE bank_breaks SET state = 'accepted', closed_at = opened_at").is_err());
        let path = format!("/v1/bank-breaks/{}/rejection", found["id"].as_str().unwrap());
        let other = json!({ "proposal": 2, "reason": "ask the bank first" });
        assert_eq!(payer(app).send(&path, &other).await.told(), (409, "break-state"));
        let shown = json!({ "proposal": 1, "reason": "ask the bank first" });
        let refused = payer(app).send(&path, &shown).await;
        assert_eq!((refused.status.as_u16(), &refused.body["state"]), (200, &json!("open")));
        assert_eq!(propose(app, &found["id"], "confirm").await.status, 201);
        let done = approve(app, "ben", &found["id"]).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("confirmed")), "{done:?}");
        assert_eq!(state(app).await["state"], "paid");
        assert_eq!(owed(app), 0);
        // Twice, under another reference; and what nobody ordered.
        let twice = Booked { reference: "R-2", ..PAID };
        let strange = Booked { reference: "R-3", end_to_end_id: "nobody-1", ..PAID };
        taken(app, &statement("B-2", &[twice, strange])).await;
        let open = open_breaks(app).await;
        let mut codes: Vec<&str> = open.iter().map(|it| it["code"].as_str().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["BANK_NOT_ORDERED", "BANK_PAID_TWICE"]);
        for found in &open {
            let action = if found["code"] == "BANK_PAID_TWICE" { "charge" } else { "accept" };
            assert_eq!(propose(app, &found["id"], action).await.status, 201);
            assert_eq!(approve(app, "ben", &found["id"]).await.status, 200);
            assert_eq!(approve(app, "ben", &found["id"]).await.told(), (409, "break-state"));
        }
        // The partner has 18.00 too much: that is less owed next time.
        assert_eq!((owed(app), balance(app, "payout_account")), (-1_800, 3_600));
        let pairs = staff(app, "cleo", &["read"]).get("/v1/approval-pairs").await.body;
        assert_eq!(pairs["pairs"][0]["approvals"], 4, "the close, and three breaks: {pairs}");
    }
}

on_both_stores! {
    async fn another_amount_ends_the_payout_when_two_people_say_so(app) {
        ordered(app).await;
        taken(app, &statement("B-1", &[Booked { amount: "17.00", ..PAID }])).await;
        let found = only_break(app).await;
        assert_eq!(found["code"], "BANK_AMOUNT_DIFF");
        assert_eq!((state(app).await["state"].clone(), owed(app)), (json!("ordered"), 1_800));
        assert_eq!(propose(app, &found["id"], "charge").await.status, 201);
        assert_eq!(approve(app, "ben", &found["id"]).await.status, 200);
        assert_eq!((state(app).await["state"].clone(), owed(app)), (json!("rejected"), 100));
        assert_eq!(balance(app, "payout_account"), 1_700);
    }
}

on_both_stores! {
    async fn what_came_in_two_parts_is_charged_in_two(app) {
        ordered(app).await;
        let part = |reference, amount| Booked { reference, amount, ..PAID };
        taken(app, &statement("B-1", &[part("R-1", "10.00"), part("R-2", "8.00")])).await;
        let open = open_breaks(app).await;
        assert_eq!(open.len(), 2, "{open:?}");
        for found in &open {
            assert_eq!(propose(app, &found["id"], "charge").await.status, 201);
            assert_eq!(approve(app, "ben", &found["id"]).await.status, 200);
        }
        assert_eq!((owed(app), balance(app, "payout_account")), (0, 1_800), "the partner has all of it");
    }
}

on_both_stores! {
    async fn who_gives_out_an_order_does_not_hand_in_that_it_came_to_nothing(app) {
        let order = ordered(app).await;
        let path = "/v1/reconciliation/bank-statements";
        for file in [report("B-1", &order, "RJCT", ""), statement("B-2", &[PAID, BACK])] {
            let request = payer(app).request(Method::POST, path).header("content-type", "application/xml");
            let refused = Answer::of(request.body(file)).await;
            assert_eq!(refused.told(), (403, "four-eyes"), "{refused:?}");
        }
        assert_eq!((state(app).await["state"].clone(), owed(app)), (json!("ordered"), 1_800));
        taken(app, &report("B-1", &order, "RJCT", "")).await;
        assert_eq!(state(app).await["state"], "rejected");
    }
}

on_both_stores! {
    async fn money_that_comes_back_after_two_payments_is_looked_at(app) {
        ordered(app).await;
        let twice = Booked { reference: "R-2", ..PAID };
        taken(app, &statement("B-1", &[PAID, twice, BACK])).await;
        assert_eq!(state(app).await["state"], "paid");
        let open = open_breaks(app).await;
        let mut codes: Vec<&str> = open.iter().map(|it| it["code"].as_str().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["BANK_CONTRADICTS", "BANK_PAID_TWICE"]);
        assert_eq!(owed(app), 0);
    }
}

on_both_stores! {
    async fn a_bad_file_of_the_bank_leaves_nothing(app) {
        ordered(app).await;
        let good = statement("B-1", &[PAID]);
        let cases = [
            (good.replace(PAYER, "9999000100020003001"), "no payout goes out from there"),
            (good.replace("\n<Document", "\n<!DOCTYPE a [<!ENTITY b \"c\">]>\n<Document"), "DOCTYPE"),
            (good.chars().take(good.len() - 40).collect(), "no XML"),
            (good.replace("camt.053.001.08", "camt.060.001.05"), "expected a message"),
            (good.replace("18.00", "18.005"), "line 4"),
            (statement("B-1", &[PAID, PAID]), "stands in line 4 already"),
        ];
        for (file, words) in cases {
            let answer = hand_in(app, &file).await;
            assert_eq!(answer.told(), (422, "bank-file-refused"), "{words}: {answer:?}");
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains(words) && !detail.contains("9999000100020003001"), "{detail}");
        }
        let path = "/v1/reconciliation/bank-statements";
        let csv = payer(app).request(Method::POST, path).header("content-type", "text/csv").body("a,b");
        assert_eq!(Answer::of(csv).await.status, 415);
        assert_eq!(count(&app.trial, "SELECT COUNT(*) AS count FROM bank_files"), 0);
        assert_eq!(count(&app.trial, "SELECT COUNT(*) AS count FROM bank_entries"), 0);
        assert_eq!(state(app).await["state"], "ordered");
    }
}

on_both_stores! {
    async fn of_many_who_hand_in_the_same_payment_one_posts(app) {
        ordered(app).await;
        let mut racing = Vec::new();
        for number in 0..8 {
            // Two files each four times, with the same entries in other orders.
            let other = Booked { reference: "R-7", end_to_end_id: "nobody", ..PAID };
            let entries = if number % 2 == 0 { [PAID, other] } else { [other, PAID] };
            let file = statement(&format!("B-{}", number % 2), &entries);
            let request = payer(app)
                .request(Method::POST, "/v1/reconciliation/bank-statements")
                .header("content-type", "application/xml")
                .body(file);
            racing.push(tokio::spawn(Answer::of(request)));
        }
        let mut new = 0;
        for one in racing {
            let answer = one.await.unwrap();
            new += usize::from(answer.status == 201);
            assert!([200, 201, 503].contains(&answer.status.as_u16()), "{answer:?}");
        }
        assert!((1..=2).contains(&new), "{new}");
        assert_eq!(count(&app.trial, "SELECT COUNT(*) AS count FROM transactions WHERE kind = 'payout.paid'"), 1);
        assert_eq!(open_breaks(app).await.len(), 1);
        assert_eq!(owed(app), 0);
    }
}

on_both_stores! {
    async fn the_books_prove_each_payout(app) {
        ordered(app).await;
        taken(app, &statement("B-1", &[PAID])).await;
        assert_eq!(app.trial.findings(), []);
        // History is not changed, and a payout goes on in order.
        for sql in [
            "DELETE FROM payout_moves",
            "UPDATE payouts SET minor = 1",
            "UPDATE payouts SET state = 'ordered'",
            "UPDATE bank_entries SET outcome = 'known'",
            "DELETE FROM bank_files",
        ] {
            assert!(run_sql(&app.trial, sql).is_err(), "{sql}");
        }
        // Somebody who may drop triggers is found out.
        let on_postgres = "DROP TRIGGER payouts_keep ON payouts";
        let dropped = run_sql(&app.trial, on_postgres).or_else(|_other| run_sql(&app.trial, "DROP TRIGGER payouts_keep"));
        dropped.unwrap();
        run_sql(&app.trial, "UPDATE payouts SET state = 'accepted'").unwrap();
        let found = app.trial.findings();
        assert!(found.len() == 1 && found[0].what == "payout", "{found:?}");
        run_sql(&app.trial, "UPDATE payouts SET state = 'paid', minor = 1900").unwrap();
        let found = app.trial.findings();
        assert!(found.len() == 1 && found[0].detail.contains("-1800 paid"), "{found:?}");
        run_sql(&app.trial, "UPDATE payouts SET minor = 1800").unwrap();
        assert_eq!(app.trial.findings(), []);
    }
}

on_both_stores! {
    async fn a_file_that_is_killed_on_its_way_in_is_taken_whole_or_not_at_all(app) {
        ordered(app).await;
        let ids: Vec<String> = (0..400).map(|number| format!("nobody-{number}")).collect();
        let strange = |id: &'_ String| statement("x", &[Booked { reference: id, end_to_end_id: id, ..PAID }]);
        let entry = |text: String| {
            let (_before, entry) = text.split_once("<Ntry>").unwrap();
            format!("<Ntry>{}", entry.split_once("</Stmt>").unwrap().0)
        };
        let others: String = ids.iter().map(|id| entry(strange(id))).collect();
        let file = statement("B-1", &[PAID]).replace("</Stmt>", &format!("{others}</Stmt>"));
        let path = app.trial.folder.path().join("answer.xml");
        std::fs::write(&path, file).unwrap();
        let args = ["bank", path.to_str().unwrap(), "--by", "ben"];
        let mut kept = false;
        for pause in [20, 60, 120, 200, 300] {
            let mut child = begun(&app.trial, &args).spawn().unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            let entries = count(&app.trial, "SELECT COUNT(*) AS count FROM bank_entries");
            assert!(entries == 401 || (entries == 0 && !kept), "{entries}");
            kept = entries == 401;
        }
        let done = reconcile(&app.trial, &args);
        assert!(done.status.success(), "{done:?}");
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.contains("break: 400") && said.contains("paid: 1"), "{said}");
        assert_eq!(state(app).await["state"], "paid");
        assert_eq!(count(&app.trial, "SELECT COUNT(*) AS count FROM transactions WHERE kind = 'payout.paid'"), 1);
        let month = ["payout-state", "--partner", "green-basket", "--period", "2026-09"];
        let shown = reconcile(&app.trial, &month);
        assert!(String::from_utf8(shown.stdout).unwrap().starts_with("18.00 paid\n"));
    }
}

on_both_stores! {
    async fn what_went_to_another_account_is_owed_anew_once_two_people_say_so(app) {
        ordered(app).await;
        let elsewhere = Booked { account: "6222021001000000002", ..PAID };
        taken(app, &statement("B-1", &[elsewhere])).await;
        let found = only_break(app).await;
        assert_eq!(propose(app, &found["id"], "accept").await.status, 201);
        assert_eq!(approve(app, "ann", &found["id"]).await.told(), (403, "four-eyes"));
        let done = approve(app, "ben", &found["id"]).await;
        assert_eq!((done.status.as_u16(), &done.body["state"]), (200, &json!("accepted")), "{done:?}");
        assert_eq!(state(app).await["state"], "rejected");
        assert_eq!(owed(app), 1_800);
    }
}
