//! Migration, by hand: after a release that says so, or with `{"from":"beginning"}`
//! Writes records of earlier code over in their present form.

use api::migrations::{MigrationReport, check_asked};
use app::{App, Error, migrations};
use entry::schedule;
use serde_json::{Value, json};

fn main() -> entry::Exit {
    schedule::serve_asked(handle)
}

async fn handle(app: &'static App, payload: Value) -> Result<Value, Error> {
    let asked = check_asked(&payload)?;

    let run = migrations::run(app, asked).await?;

    Ok(json!(MigrationReport::from(&run)))
}
