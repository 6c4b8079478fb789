//! The steps of a job behind the scenes: it is submitted, looked at, copied, and settled. Every step can
//! run twice, or stop half-way, and the next one finds its way from the record.

mod commit;
mod copy;
mod copy_file;
mod copy_record;
mod lanes;
mod previews;
mod settle;
mod submit;
mod sweep;

use domain::ids::GenerationId;
use queue::Settle;

use crate::App;

pub(crate) use commit::{Committed, commit};
pub use previews::preview;
pub use settle::{SettleTrigger, settle};
pub use submit::{Taken, submit};
pub use sweep::sweep;

/// Asks a settle worker to look at a job that is due now. If the message cannot be sent, the sweep finds
/// the job.
pub(crate) async fn look_soon(app: &App, id: &GenerationId) {
    let message = Settle {
        generation_id: id.clone(),
        word: None,
        leased_until_ms: None,
    };
    if let Err(fault) = app.queue().settle(&message).await {
        tracing::error!(generation = %id, fault = fault.chain(), "a job waits for the sweep");
    }
}
