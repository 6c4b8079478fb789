//! Reconciliation, once a day, or by hand with `{"from":"beginning"}`
//! Checks the wallet, ledger and audit log of every tenant, and reports what is broken.

use api::reconciliation::{RunView, check_asked};
use app::{App, Error, reconciliation};
use entry::schedule;
use serde_json::{Value, json};

fn main() -> entry::Exit {
    schedule::serve_asked(handle)
}

async fn handle(app: &'static App, payload: Value) -> Result<Value, Error> {
    let asked = check_asked(&payload)?;

    let run = reconciliation::run(app, asked).await?;

    Ok(json!(RunView::from(&run)))
}
