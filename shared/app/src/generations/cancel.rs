//! Carrying out a request to cancel a generation.

use domain::Refusal;
use domain::access::Action;
use domain::callers::Caller;
use domain::generations::Cancellation;
use domain::ids::GenerationId;

use super::get;
use crate::jobs::{Committed, commit, look_soon};
use crate::{App, Error, clock};

/// The most times that a cancel is decided again because the record moved.
const DECISIONS_MAX: u32 = 20;

/// The outcome of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    /// It is over, and its credits were given back.
    Over,
    /// The provider is asked, and its reply decides.
    Requested,
}

/// Cancels a generation that the caller may edit, as far as that can be done now. Repeating it changes
/// nothing more.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not, [`Refusal::TooLate`] if the provider
/// has finished it, [`Refusal::Busy`] if its record kept moving.
pub async fn cancel(app: &App, caller: &Caller, id: &GenerationId) -> Result<Canceled, Error> {
    for _ in 0..DECISIONS_MAX {
        let job = get(app, caller, Action::Edit, id).await?.generation;
        let (next, canceled) = match job.cancel(clock::now()) {
            Cancellation::Over(next) => (next, Canceled::Over),
            Cancellation::Wished(next) => (next, Canceled::Requested),
            Cancellation::Pending => return Ok(Canceled::Requested),
            Cancellation::Canceled => return Ok(Canceled::Over),
            Cancellation::TooLate => {
                return Err(Refusal::TooLate("the provider has finished it already").into());
            }
        };
        if commit(app, &job, &next).await? == Committed::Done {
            if next.is_to_be_stopped() {
                look_soon(app, id).await;
            }
            return Ok(canceled);
        }
    }
    Err(Refusal::Busy.into())
}
