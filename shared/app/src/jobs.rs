//! What happens to a job behind the scenes: it is submitted, looked at, copied, and settled.
//! Every step can run twice, or stop half-way, and the next one finds its way from the record.

mod commit;
mod copy;
mod settle;
mod submit;
mod sweep;

pub use settle::settle;
pub use submit::{Taken, submit};
pub use sweep::sweep;
