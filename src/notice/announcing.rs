//! The bank's own systems announce what will fall due for a customer, and cancel it again, for
//! example because it was paid.

use super::NoticeRefusal;
use crate::clock::Moment;
use crate::ids::{AnnouncementId, StaffId};
use crate::money::Amount;
use crate::store::announcements::{self, Announcement, Cancelled, NoticeOf, Recorded};
use crate::store::{Db, StoreError, customers};

/// What a system of the bank announces.
#[derive(Clone, Debug)]
pub struct NewAnnouncement {
    pub id: AnnouncementId,
    pub kind: String,
    /// What the bank's identity provider calls the customer.
    pub subject: String,
    pub amount: Amount,
    pub due_on: chrono::NaiveDate,
}

/// An announcement with the notices that came of it, the earliest first.
pub struct Announced {
    pub announcement: Announcement,
    pub notices: Vec<NoticeOf>,
}

/// What became of announcing.
pub enum AnnouncingOutcome {
    /// It is recorded by this request.
    Announced(Announced),
    /// The same had been announced before.
    AnnouncedBefore(Announced),
}

/// What became of cancelling.
pub enum CancellingOutcome {
    /// It is cancelled by this request.
    Cancelled(Announced),
    /// It had been cancelled before.
    CancelledBefore(Announced),
}

/// Records an announcement, once for its id. The chore queues its notices.
///
/// # Errors
/// [`NoticeRefusal::CustomerUnknown`], or [`NoticeRefusal::IdTaken`] by other content.
pub fn announce(
    who: StaffId,
    db: &mut Db,
    new: NewAnnouncement,
    now: Moment,
) -> Result<AnnouncingOutcome, NoticeRefusal> {
    let found = customers::by_subject(db, &new.subject)?;
    let new = Announcement {
        id: new.id,
        kind: new.kind,
        customer: found.ok_or(NoticeRefusal::CustomerUnknown)?,
        amount: new.amount,
        due_on: new.due_on,
        announced_by: who,
        recorded_at: now,
        cancelled: None,
    };
    match db.write(|tx| announcements::insert(tx, &new))? {
        Recorded::New(announcement) => {
            Ok(AnnouncingOutcome::Announced(with_notices(db, announcement)?))
        }
        Recorded::Same(announcement) => {
            Ok(AnnouncingOutcome::AnnouncedBefore(with_notices(db, announcement)?))
        }
        Recorded::Other => Err(NoticeRefusal::IdTaken),
    }
}

/// Cancels an announcement: notices that wait are not sent. A notice that was delivered stays so.
pub fn cancel(
    who: StaffId,
    db: &mut Db,
    id: &AnnouncementId,
    because: String,
    now: Moment,
) -> Result<CancellingOutcome, NoticeRefusal> {
    let cancelled = Cancelled { by: who, because, at: now };
    let is_new = db.write(|tx| announcements::cancel(tx, id, &cancelled))?;
    let announced = read(db, id)?.ok_or(NoticeRefusal::NotFound)?;
    Ok(if is_new {
        CancellingOutcome::Cancelled(announced)
    } else {
        CancellingOutcome::CancelledBefore(announced)
    })
}

/// One announcement with its notices.
pub fn read(db: &mut Db, id: &AnnouncementId) -> Result<Option<Announced>, StoreError> {
    let found = announcements::get(db, id)?;
    found.map(|announcement| with_notices(db, announcement)).transpose()
}

fn with_notices(db: &mut Db, announcement: Announcement) -> Result<Announced, StoreError> {
    let notices = announcements::notices(db, &announcement.id)?;
    Ok(Announced { announcement, notices })
}
