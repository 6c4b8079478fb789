//! Migrations: records that earlier code has written are written over in their present form, while everything
//! goes on.
//!
//! A table's place is saved after each page. An invocation that ends early, or is ended, is continued by the
//! next one.

use std::time::Duration;

use domain::migrations::{MigrationRequest, MigrationRun};
use store::{RecordTable, SCHEMA, System};

use crate::{App, Error, clock};

/// The time for which one invocation begins new pages: well inside its function's fifteen minutes.
const TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// Upgrades the records of all tables, or as many as there is time for.
///
/// # Errors
/// A fault if a record could not be read or written. The next invocation begins with it.
pub async fn run(app: &App, asked: MigrationRequest) -> Result<MigrationRun, Error> {
    let store = app.store();
    let give_up_at = clock::now().plus(TIME_MAX);
    let mut left = asked.pages_max.unwrap_or(u64::MAX);
    let mut tables = Vec::with_capacity(RecordTable::ALL.len());
    for table in RecordTable::ALL {
        let begun = store.migration(System, table).await?;
        let mut migration = match begun.filter(|_| !asked.is_from_beginning) {
            Some(migration) => migration,
            None => store.begin_migration(System, table).await?,
        };
        while !migration.progress.is_done && left > 0 && clock::now() < give_up_at {
            migration = store.migrate_page(System, &migration).await?;
            left -= 1;
        }
        tables.push(migration.progress);
    }
    tracing::info!(schema = SCHEMA, ?tables, "migrated");
    Ok(MigrationRun {
        schema: SCHEMA,
        tables,
    })
}
