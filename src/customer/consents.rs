//! Reading a consent, and withdrawing it as easily as it was given (PIPL, article 15).

use super::Author;
use super::consent_receipt::{ConsentReceipt, receipt_for};
use super::refusal::CustomerRefusal;
use super::requester::Requester;
use crate::books::Books;
use crate::ids::ConsentId;
use crate::store::consents::{self, Consented};
use crate::store::{Db, StoreError, customers};
use crate::writer::Withdrawal;

/// What became of a withdrawal.
pub enum WithdrawalOutcome {
    /// It was withdrawn by this request.
    Withdrawn(ConsentReceipt),
    /// It had been withdrawn before: nothing changed.
    WithdrawnBefore(ConsentReceipt),
}

/// A consent that `who` may see: a customer and a partner see their own, staff see all.
///
/// # Errors
/// [`CustomerRefusal::NotFound`] for one that is not there or is somebody else's.
pub fn read(
    who: &Requester,
    db: &mut Db,
    consent: ConsentId,
) -> Result<ConsentReceipt, CustomerRefusal> {
    let author = who.author(db)?;
    find(&author, db, consent)
}

/// Withdraws a consent that `who` may see, and waits until that is durable. Nothing more of the
/// person is sent to the CRM, which is told. Points that were earned stay.
///
/// # Errors
/// As [`read`]; [`CustomerRefusal::Write`] when the writer cannot record it.
pub async fn withdraw(
    who: Requester,
    books: &Books,
    consent: ConsentId,
    reason: Option<String>,
) -> Result<WithdrawalOutcome, CustomerRefusal> {
    let author = books
        .ask_or(move |db| {
            let author = who.author(db)?;
            find(&author, db, consent).map(|_receipt| author)
        })
        .await?;
    let order = Withdrawal { consent, by: author.clone(), reason };
    let is_new = books.writer.withdraw(order).await?;
    let receipt = books.ask_or(move |db| find(&author, db, consent)).await?;
    Ok(if is_new {
        WithdrawalOutcome::Withdrawn(receipt)
    } else {
        WithdrawalOutcome::WithdrawnBefore(receipt)
    })
}

/// The consents of the customer of a subject, newest first, after the one with which the page
/// before ended.
pub fn of_customer(
    subject: &str,
    db: &mut Db,
    before: Option<ConsentId>,
    rows_max: i64,
) -> Result<Vec<ConsentReceipt>, StoreError> {
    let Some(id) = customers::by_subject(db, subject)? else { return Ok(Vec::new()) };
    let found = consents::of_customer(db, id, before, rows_max)?;
    let receipt = |(record, referral)| receipt_for(&record, Some(referral), false);
    Ok(found.into_iter().map(receipt).collect())
}

fn find(
    author: &Author,
    db: &mut Db,
    consent: ConsentId,
) -> Result<ConsentReceipt, CustomerRefusal> {
    let found = consents::consented(db, consent)?.filter(|found| may_see(author, found));
    let found = found.ok_or(CustomerRefusal::NotFound)?;
    let to_staff = matches!(author, Author::Staff(_));
    Ok(receipt_for(&found.consent, Some(found.referral), to_staff))
}

fn may_see(author: &Author, found: &Consented) -> bool {
    match author {
        Author::Customer(id) => found.customer == Some(*id),
        Author::Partner(id) => found.consent.partner == *id,
        Author::Staff(_) | Author::Program(_) => true,
    }
}
