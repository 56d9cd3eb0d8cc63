//! The kit that all pages for people share: the frame and its content security policy (`frame`),
//! words in two languages (`words`), forms with their origin check and token (`forms`), cookies
//! (`cookie`), secrets that we gave (`sealed`), forms with a file in them (`multipart`), what the browser
//! prefers (`accept`), amounts and days (`figures`), QR codes (`qr`), refusals in words (`refusal`), and people
//! who are not signed in (`visitor`). The shop's page, the person's page, the staff's console and the
//! customers' wallet use the kit. A page says what it shows in a template and in its own table of words.

pub mod accept;
pub mod cookie;
pub mod figures;
pub mod forms;
pub mod frame;
pub mod multipart;
pub mod qr;
pub mod refusal;
pub mod sealed;
pub mod visitor;
pub mod words;
