//! What a conversion brings is held beyond a limit, and while the partner's referrals end unlike those of
//! honest partners. The product is granted all the same; nothing is owed until staff say yes.

use reqwest::Method;
use serde_json::{Value, json};
use tallystick::ids::ReferralId;
use tallystick::referral::{Actor, Move, ReferralStep as Step};

use crate::exposure::{decide, get, limit, now};
use crate::harness::{
    Answer, Partner, Store, TestApp, Trial, count, customer, member, payment, referral, staff,
};
use crate::patterns::from_few;

/// Commission that is owed or reserved, in fen.
fn commission(app: &TestApp) -> i64 {
    let owed = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) AS count FROM accounts \
                WHERE code IN ('commission_pending', 'commission_payable')";
    count(&app.trial, owed)
}

fn loan(id: &str) -> Value {
    now(referral(id, "green-loan", "20000.00", "new-town"))
}

/// A lead that brings 200.00 of commission with its conversion.
async fn lead(firm: &Partner, id: &str) -> String {
    let receipt = firm.record(&loan(id)).await;
    assert_eq!(receipt["referral"]["state"], "qualified", "{receipt}");
    receipt["referral"]["id"].as_str().unwrap().to_owned()
}

async fn open(clerk: &Partner) -> Vec<Value> {
    let list = get(clerk, "/v1/held-events").await;
    list["held_events"].as_array().unwrap().clone()
}

async fn a_conversion_beyond_a_limit_brings_nothing_until_two_say_yes(store: Store) {
    let trial = Trial::bounded_on(store);
    limit(&trial, "oak-home", "partner-commission-day", "300.00");
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let firm = app.partner("oak-home").await;
            let [first, second] = [lead(&firm, "r-1").await, lead(&firm, "r-2").await];
            for id in [&first, &second] {
                app.advance(id, Step::Convert, "").await.unwrap();
            }
            assert_eq!(commission(app), 20_000);
            assert!(app.advance(&second, Step::Convert, "").await.unwrap().replayed);

            let told = firm.get(&format!("/v1/referrals/{second}")).await.body;
            assert_eq!((&told["state"], &told["commissions"]), (&json!("converted"), &json!([])));
            assert_eq!(told["held"][0]["state"], "open", "{told}");
            let why = &told["held"][0]["receipt"]["explanation"][0];
            let says = why["says"].as_str().unwrap();
            assert!(
                says.contains("commission of the partner in a day would come to 400.00"),
                "{says}"
            );
            assert!(why["says_zh"].as_str().unwrap().starts_with("搁置，待银行决定"), "{why}");
            let paid = firm.get(&format!("/v1/referrals/{first}")).await.body;
            assert_eq!(
                (&paid["commissions"][0]["state"], &paid["held"]),
                (&json!("pending"), &Value::Null)
            );

            let [ann, ben] = ["ann", "ben"].map(|id| staff(app, id, &["read", "decide"]));
            let alarms = get(&ann, "/v1/alarms").await;
            assert_eq!(alarms["alarms"][0]["rule"], "partner-commission-day", "{alarms}");
            let held = open(&ann).await;
            let seen = ["type", "referral", "rule", "figure", "limit"].map(|name| &held[0][name]);
            let expected =
                ["reward.converted", second.as_str(), "partner-commission-day", "400.00", "300.00"];
            assert_eq!(seen, expected.map(|text| json!(text)).each_ref());
            // 200.00 is more than one person releases in a day.
            assert_eq!(decide(&ann, &held[0], "release").await.status, 202);
            assert_eq!(decide(&ann, &held[0], "release").await.status, 202);
            assert_eq!(commission(app), 20_000);
            let released = decide(&ben, &held[0], "release").await;
            assert_eq!(released.body["state"], "released", "{released:?}");
            assert_eq!(commission(app), 40_000);
            let again = decide(&ben, &held[0], "release").await;
            assert_eq!(again.headers["idempotency-replayed"], "true");
            assert_eq!(decide(&ann, &held[0], "rejection").await.told(), (409, "held-closed"));
            assert_eq!(commission(app), 40_000);
            // What was released is taken back as anything else when the loan is cancelled.
            app.advance(&second, Step::Cancel, "").await.unwrap();
            assert_eq!(commission(app), 20_000);
        })
        .await;
}

on_both_stores!(a_conversion_beyond_a_limit_brings_nothing_until_two_say_yes);

async fn what_waits_for_a_cancelled_loan_brings_nothing_whoever_is_first(store: Store) {
    let trial = Trial::bounded_on(store);
    limit(&trial, "oak-home", "partner-commission-day", "0.00");
    let path = trial.settings.partners.join("programme.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("release_day_max = \"100.00\"", "release_day_max = \"9000.00\""),
    )
    .unwrap();
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let firm = app.partner("oak-home").await;
            let clerk = staff(app, "ann", &["read", "decide"]);
            for number in 0..6 {
                let id = lead(&firm, &format!("r-{number}")).await;
                app.advance(&id, Step::Convert, "").await.unwrap();
                let held = open(&clerk).await;
                assert_eq!(held.len(), 1, "{held:?}");
                let (released, cancelled) = tokio::join!(
                    decide(&clerk, &held[0], "release"),
                    app.advance(&id, Step::Cancel, "")
                );
                cancelled.unwrap();
                assert!([200, 409].contains(&released.status.as_u16()), "{released:?}");
                assert_eq!(commission(app), 0);
                assert_eq!(open(&clerk).await, Vec::<Value>::new());
            }
        })
        .await;
}

on_both_stores!(what_waits_for_a_cancelled_loan_brings_nothing_whoever_is_first);

async fn conversions_by_two_gateways_at_once_meet_the_limit_exactly(store: Store) {
    let trial = Trial::bounded_on(store);
    limit(&trial, "oak-home", "partner-commission-day", "1000.00");
    let settings = trial.settings.clone();
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let second = tallystick::app::App::start(settings.clone()).await.unwrap();
            let firm = app.partner("oak-home").await;
            let mut ids = Vec::new();
            for number in 0..24 {
                ids.push(lead(&firm, &format!("r-{number}")).await);
            }
            let there = second.writer().clone();
            let here = async {
                for id in ids.iter().step_by(2) {
                    app.advance(id, Step::Convert, "").await.unwrap();
                }
            };
            let elsewhere = async {
                for id in ids.iter().skip(1).step_by(2) {
                    let id = ReferralId::try_from(id.as_str()).unwrap();
                    let order = Move::new(id, Step::Convert, Actor::Crm("test".to_owned()));
                    there.move_referral(order).await.unwrap();
                }
            };
            // Events of the same partner ask for the same figures at the same time.
            let more = async {
                for number in 0..12 {
                    firm.record(&loan(&format!("more-{number}"))).await;
                }
            };
            tokio::join!(here, elsewhere, more);
            assert_eq!(commission(app), 100_000);
            let held = "SELECT COUNT(*) AS count FROM held_events WHERE state = 'open'";
            assert_eq!(count(&app.trial, held), 24 - 5);
            let met = "SELECT COUNT(*) AS count FROM conduct WHERE tally LIKE '%\"met\":24,%'";
            assert_eq!(count(&app.trial, met), 1);
            second.stop().await;
        })
        .await;
}

on_both_stores!(conversions_by_two_gateways_at_once_meet_the_limit_exactly);

async fn nobody_decides_on_what_they_have_of_it(store: Store) {
    let mut trial = Trial::bounded_on(store);
    trial.settings.staff_tokens.as_mut().unwrap().customer_claim = Some("own".to_owned());
    limit(&trial, "oak-home", "partner-commission-day", "0.00");
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let person = customer(app, "eve-customer");
            let at_shop = member(&person, "green-basket").await;
            let at_firm = member(&person, "oak-home").await;
            let shop = app.partner("green-basket").await;
            shop.record(&now(payment("p-1", &at_shop, "9000.00", "0.00"))).await;
            let firm = app.partner("oak-home").await;
            let mut event = loan("r-1");
            event["data"]["member"] = json!(at_firm);
            let receipt = firm.record(&event).await;
            let id = receipt["referral"]["id"].as_str().unwrap().to_owned();
            app.advance(&id, Step::Convert, "").await.unwrap();
            let clerk = |own: &str| {
                let claims = json!({
                    "iss": "https://staff.test", "aud": "tallystick", "sub": "eve",
                    "roles": ["read", "decide"], "own": own,
                });
                Partner::with_token(&app.url(), &app.trial.staff_key.sign(&claims).unwrap())
            };
            let own = clerk("eve-customer");
            let held = open(&own).await;
            assert_eq!(held.len(), 2, "{held:?}");
            for held in &held {
                for what in ["release", "rejection"] {
                    let refused = decide(&own, held, what).await;
                    assert_eq!(refused.told(), (403, "four-eyes"), "{held} {what}");
                }
            }
            for held in &held {
                let rejected = decide(&clerk("x"), held, "rejection").await;
                assert_eq!(rejected.body["state"], "rejected", "{rejected:?}");
            }
            assert_eq!(commission(app), 0);
            let told = firm.get(&format!("/v1/referrals/{id}")).await.body;
            assert_eq!(told["held"][0]["state"], "rejected", "{told}");

            // A referral that is on hold is not theirs to reject either.
            let freeze = json!({ "reason": "looked at" });
            clerk("x").send("/v1/partners/oak-home/freeze", &freeze).await;
            let mut event = loan("r-2");
            event["data"]["member"] = json!(at_firm);
            let receipt = firm.record(&event).await;
            let id = receipt["referral"]["id"].as_str().unwrap();
            let path = format!("/v1/referrals/{id}/rejection");
            assert_eq!(own.send(&path, &freeze).await.told(), (403, "four-eyes"));
            assert_eq!(clerk("x").send(&path, &freeze).await.status, 200);
        })
        .await;
}

on_both_stores!(nobody_decides_on_what_they_have_of_it);

async fn bad_leads_hold_what_their_partner_brings_next(store: Store) {
    let trial = Trial::bounded_on(store);
    from_few(&trial, "bad-leads", 4);
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let firm = app.partner("oak-home").await;
            let good = lead(&firm, "good").await;
            let mut ids = Vec::new();
            for number in 0..3 {
                ids.push(lead(&firm, &format!("r-{number}")).await);
            }
            app.advance(&ids[0], Step::Contact, "").await.unwrap();
            // A lead that ends after a talk is no bad lead.
            app.advance(&ids[0], Step::Lose, "no").await.unwrap();
            for id in &ids[1..] {
                app.advance(id, Step::Lose, "nobody of that name").await.unwrap();
                assert!(app.advance(id, Step::Lose, "again").await.unwrap().replayed);
            }
            let fourth = lead(&firm, "r-4").await;
            app.advance(&fourth, Step::Lose, "nobody of that name").await.unwrap();

            let receipt = firm.record(&loan("r-5")).await;
            let why = &receipt["explanation"][0];
            let says = why["says"].as_str().unwrap();
            assert_eq!(
                says,
                "Held until the bank decides: 3 of the 4 referrals of the partner that the bank answered \
                 in the last 30 days were bad leads (bad-leads)."
            );
            assert!(why["says_zh"].as_str().unwrap().contains("4笔推荐中有3笔为无效线索"), "{why}");
            assert_eq!(receipt["referral"]["state"], "on_hold", "{receipt}");
            app.advance(&good, Step::Convert, "").await.unwrap();
            assert_eq!(commission(app), 0, "the conversion is held too");
            let clerk = staff(app, "ann", &["read", "decide"]);
            let alarms = get(&clerk, "/v1/alarms").await;
            let alarm = &alarms["alarms"][0];
            assert_eq!((&alarm["rule"], &alarm["events"]), (&json!("bad-leads"), &json!(2)));
            // Another partner is not touched, and what staff release goes on.
            let held = open(&clerk).await;
            let released = decide(&clerk, &held[0], "release").await;
            assert_eq!(released.body["state"], "released", "{released:?}");
            let other = app.partner("sunny-travel").await;
            let event = now(referral("t-1", "travel-loan", "9000.00", "old-town"));
            assert_eq!(other.record(&event).await["referral"]["state"], "qualified");
        })
        .await;
}

on_both_stores!(bad_leads_hold_what_their_partner_brings_next);

async fn a_partner_that_withdraws_what_it_referred_is_held(store: Store) {
    let trial = Trial::bounded_on(store);
    from_few(&trial, "withdrawn-by-partner", 4);
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let agency = app.partner("sunny-travel").await;
            let refer = async |id: &str| {
                agency.record(&now(referral(id, "travel-loan", "9000.00", "old-town"))).await
            };
            let mut consents = Vec::new();
            for number in 0..4 {
                let told = refer(&format!("t-{number}")).await;
                assert_eq!(told["referral"]["state"], "qualified", "{told}");
                consents.push(told["referral"]["consent"].as_str().unwrap().to_owned());
            }
            for consent in &consents[..2] {
                let path = format!("/v1/consents/{consent}/withdrawal");
                let body = json!({ "reason": "asked" });
                // Told twice, it counts once.
                for status in [201, 200] {
                    let done = Answer::of(agency.request(Method::POST, &path).json(&body)).await;
                    assert_eq!(done.status, status, "{done:?}");
                }
            }
            let held = refer("t-9").await;
            let says = held["explanation"][0]["says"].as_str().unwrap();
            assert!(says.contains("the partner itself withdrew 2 of its 4 referrals"), "{says}");
            assert_eq!(held["referral"]["state"], "on_hold", "{held}");
        })
        .await;
}

on_both_stores!(a_partner_that_withdraws_what_it_referred_is_held);

/// A person with a token of the bank that vouches for a phone number.
fn owner(app: &TestApp, subject: &str, phone: &str) -> Partner {
    let claims = json!({
        "iss": "https://login.test", "aud": "tallystick", "sub": subject, "phone_number": phone,
        "phone_number_verified": true,
    });
    Partner::with_token(&app.url(), &app.trial.sign_customer(&claims))
}

async fn the_person_confirms_a_referral_on_their_page(store: Store) {
    let mut trial = Trial::on(store);
    trial.settings.customer_tokens.as_mut().unwrap().phone_claim = Some("phone_number".to_owned());
    trial
        .run(async |app: &mut TestApp| {
            app.leads_may_wait = true;
            let agency = app.partner("sunny-travel").await;
            let event = now(referral("t-1", "travel-loan", "9000.00", "old-town"));
            let receipt = agency.record(&event).await;
            let id = receipt["referral"]["id"].as_str().unwrap();
            let phone = event["data"]["contact"]["phone"].as_str().unwrap();
            let person = owner(app, "c-1", phone);
            member(&person, "green-basket").await;
            let stranger = owner(app, "c-2", "+8613911112222");
            member(&stranger, "green-basket").await;
            let page = async |who: &Partner, lang: &str| {
                let path = format!("/v1/customers/me/data?lang={lang}");
                let request = who.request(Method::GET, &path).header("Accept", "text/html");
                Answer::of(request).await.text
            };
            let action = format!("/v1/customers/me/referrals/{id}/confirmation");
            let english = page(&person, "en").await;
            assert!(english.contains(&format!("action=\"{action}?lang=en\"")), "{english}");
            assert!(english.contains("Yes, I know of it"), "{english}");
            assert!(page(&person, "zh-CN").await.contains("是，我知情"));
            assert!(!page(&stranger, "en").await.contains(&action));

            let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
            let http = http.build().unwrap();
            let press = async |who: &Partner, site: &str| {
                let request = http.post(format!("{}{action}?lang=en", app.url()));
                let request = request.bearer_auth(&who.token).header("Accept", "text/html");
                let form = [("", ""); 0];
                request.header("Sec-Fetch-Site", site).form(&form).send().await.unwrap()
            };
            assert_eq!(press(&person, "cross-site").await.status(), 400);
            // Whatever answer another site's page asks for.
            let request =
                person.request(Method::POST, &action).header("Accept", "application/json");
            let form = [("", ""); 0];
            let strange =
                Answer::of(request.header("Sec-Fetch-Site", "cross-site").form(&form)).await;
            assert_eq!(strange.told(), (400, "bad-request"));
            assert_eq!(press(&stranger, "same-origin").await.status(), 404);
            assert!(page(&person, "en").await.contains("Yes, I know of it"));
            for _ in 0..2 {
                let done = press(&person, "same-origin").await;
                assert_eq!(done.status(), 303);
                assert_eq!(done.headers()["location"], "/v1/customers/me/data?lang=en");
            }
            let after = page(&person, "en").await;
            assert!(after.contains("You confirmed it"), "{after}");
            assert!(!after.contains(&action), "{after}");
            let told = agency.get(&format!("/v1/referrals/{id}")).await.body;
            assert_eq!(told["commissions"][0]["state"], "given", "{told}");
        })
        .await;
}

on_both_stores!(the_person_confirms_a_referral_on_their_page);
