//! The purge, every ten minutes
//! Finishes earlier work: deletes the data of erased accounts, until no more of them can arrive; gives up
//! uploads that were not completed; books sign-up bonuses that had to wait; deletes media whose time is
//! over; and asks for letters to users whose credits run out.

use app::{App, Error, alerts, bonuses, erasure, files, retention};
use entry::schedule;
use serde_json::{Value, json};

fn main() -> entry::Exit {
    schedule::serve(handle)
}

async fn handle(app: &'static App) -> Result<Value, Error> {
    // Each part runs before any fault is returned, so that one that fails does not stop the others.
    let booked = bonuses::go_on(app).await;
    let files = files::purge(app).await;
    let alerts = alerts::hand_over(app).await;
    let kept = retention::enforce(app).await;
    let purged = erasure::resume_all(app).await?;
    let (booked, files, alerts, kept) = (booked?, files?, alerts?, kept?);

    Ok(json!({
        "deleted": purged.deleted,
        "ended": purged.ended,
        "open": purged.open,
        "files": files,
        "alerts": alerts,
        "media_announced": kept.announced,
        "media_expired": kept.expired,
        "bonuses_ended": booked.ended,
        "bonuses_waiting": booked.waiting,
    }))
}
