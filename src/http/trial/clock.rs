//! The time by a partner's own clock.

use crate::books::Books;
use crate::clock::{self, Moment};
use crate::http::problem::Problem;
use crate::partner::Partner;
use crate::partner::test_clock::TestClocks;
use crate::store::test_clocks;

/// The time by a partner's clock: ours, unless the partner is on trial and has moved its own.
///
/// # Errors
/// [`Problem`] when the database cannot be read.
pub async fn clock_of(books: &Books, partner: &Partner) -> Result<Moment, Problem> {
    let now = clock::now();
    if !partner.status.is_trial() {
        return Ok(now);
    }
    let id = partner.id.clone();
    let clocks: TestClocks =
        books.ask(move |db| test_clocks::load(db, now, |other| *other == id)).await?;
    Ok(clocks.now_of(&partner.id))
}
