//! What the demo leaves for people to decide on in the console: a month with differences, a proposal, a
//! close, and a correction.

use reqwest::Method;
use serde_json::{Value, json};

use super::month::{Clerk, STORE, answered, month};
use super::play::{Played, cloud_event};
use super::stage::{SUPERMARKET, Stage};
use crate::cli::Failure;
use crate::event::Payment;
use crate::reconcile::period::Period;

/// Leaves something in each list. Nobody who proposes here is one of those who sign in by a button.
pub async fn leave(stage: &Stage, played: &Played) -> Result<(), Failure> {
    let period = month()?.next();
    let (ann, chen) =
        (Clerk::new(stage, "ann", &["reconcile"])?, Clerk::new(stage, "chen", &["adjust"])?);
    sell(played, period).await?;
    let path = format!(
        "/v1/reconciliation/statements?partner={SUPERMARKET}&period={period}&file_name=green-basket-{period}.csv"
    );
    let file = statement(period);
    let request = ann.request(Method::POST, &path).header("content-type", "text/csv").body(file);
    answered(request, &path).await?;
    let asked = json!({ "partner": SUPERMARKET, "period": period });
    ann.post("/v1/reconciliation/runs", Some(asked.clone())).await?;
    let found = ann.get(&format!("/v1/breaks?partner={SUPERMARKET}&period={period}")).await?;
    let known = |code: &str| {
        let all = found.get("breaks").and_then(Value::as_array).into_iter().flatten();
        let mut ids = all.filter(|one| one.get("code").and_then(Value::as_str) == Some(code));
        ids.next().and_then(|one| one.get("id")).and_then(Value::as_str).map(str::to_owned)
    };
    let id = known("AMOUNT_DIFF").ok_or("the amounts do not differ")?;
    let proposal = json!({
        "action": "adjust", "amount": "2.40", "reason": "the till's paper has 310.40",
    });
    ann.post(&format!("/v1/breaks/{id}/proposals"), Some(proposal)).await?;
    ann.post("/v1/settlements", Some(asked)).await?;
    let correction = json!({
        "id": "demo-correction-1", "points": "5000.00",
        "customer": { "partner": SUPERMARKET, "member": played.member },
        "reason": "points of a campaign that the shop forgot to report",
    });
    chen.post("/v1/adjustments", Some(correction)).await?;
    Ok(())
}

/// Sales of the month: our books have other amounts than the statement, and one that it lacks.
async fn sell(played: &Played, period: Period) -> Result<(), Failure> {
    let client = played.clients.iter().find(|client| client.id == SUPERMARKET);
    let client = client.ok_or("no such partner")?;
    // The first sale saves 30.00, of which the bank bears its share.
    for (day, gross, discount, paid) in [
        (3, "338.00", "30.00", "308.00"),
        (7, "64.50", "0.00", "64.50"),
        (9, "128.00", "0.00", "128.00"),
    ] {
        let mut data = json!({
            "member": format!("GB-30{day:02}"), "order": format!("L-{day:02}"), "store": STORE,
            "currency": "CNY", "gross": gross, "discount": discount, "paid": paid,
        });
        if let (true, Some(data)) = (discount != "0.00", data.as_object_mut()) {
            data.insert("scheme".to_owned(), json!("spend-200-save-30"));
        }
        let id = format!("left-{day:02}");
        let time = format!("{period}-{day:02}T04:00:00Z");
        client.post_event(&cloud_event(&id, Payment::TYPE, &time, data)).await?;
    }
    Ok(())
}

/// The first amount differs, the second agrees, the third is missing, and one is known to the partner alone.
fn statement(period: Period) -> String {
    format!(
        "event,order,occurred_at,type,amount,store,status\n\
         left-03,L-03,{period}-03T04:00:00Z,SALE,310.40,{STORE},\n\
         left-07,L-07,{period}-07T04:00:00Z,SALE,64.50,{STORE},\n\
         ,L-21,{period}-21T04:00:00Z,SALE,87.90,{STORE},\n\
         TOTAL,3,,,462.80,,\n"
    )
}
