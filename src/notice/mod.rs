//! Notices to customers before something happens: points that expire, fees and instalments that the
//! bank's systems announce. Customers decline the kinds that they do not want (`wishes`), the bank's
//! systems announce and cancel (`announcing`), and a chore queues each notice once (`search`).

pub mod announcing;
mod night;
mod refusal;
mod search;
pub mod wishes;

pub use night::night_left;
pub use refusal::NoticeRefusal;
pub use search::NoticeSearch;
