//! The customer spends points at the supermarket's till: a code, a hold, a redemption.

use serde_json::{Value, json};

use super::partner::PartnerClient;
use super::play::{Said, cloud_event};
use super::stage::{SUPERMARKET, Stage};
use crate::cli::Failure;
use crate::clock;
use crate::event::{Commit, Hold};

/// Holds points with a code that the customer shows, and redeems most of them.
pub async fn spend(
    stage: &Stage,
    client: &PartnerClient,
    said: &mut Vec<Said>,
) -> Result<(), Failure> {
    let url = format!("{}/v1/customers/me/codes", stage.url);
    let wish = json!({ "points": "100.00", "partner": SUPERMARKET });
    let request = reqwest::Client::new().post(url).bearer_auth(&stage.customer_token).json(&wish);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    let code = answer.get("code").ok_or("the customer got no code")?;
    for (id, kind, data) in [
        ("hold-1", Hold::TYPE, json!({ "code": code, "points": "100.00" })),
        ("commit-1", Commit::TYPE, json!({ "hold": "hold-1", "points": "80.00" })),
    ] {
        let event = cloud_event(id, kind, &clock::now().to_string(), data);
        let receipt = client.post_event(&event).await?;
        said.push(Said { partner: SUPERMARKET, event, receipt });
    }
    println!("1 redemption with a code that the customer showed");
    Ok(())
}
