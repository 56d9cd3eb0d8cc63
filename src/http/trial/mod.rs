//! What happens to requests of partners on trial on their way: their clock, the problems that they
//! ask for, and what the conformance kit observes. None of it does anything for other partners.

pub(in crate::http) mod clock;
pub(in crate::http) mod hand_in;
pub(in crate::http) mod problems;
pub(in crate::http) mod watch;

pub(in crate::http) use clock::clock_of;
