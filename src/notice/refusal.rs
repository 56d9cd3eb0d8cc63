use crate::store::StoreError;

/// Why an act on notices or announcements is refused. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum NoticeRefusal {
    /// There is no such customer, kind of notice or announcement.
    #[error("it does not exist")]
    NotFound,
    /// Law or contract requires this kind: nobody can decline it.
    #[error("this kind of notice is required and cannot be declined")]
    Required,
    /// The bank's system names a customer whom the programme does not know.
    #[error("no customer of the programme has this subject")]
    CustomerUnknown,
    /// The announcement's id is taken by other content.
    #[error("the id is taken by other content")]
    IdTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}
