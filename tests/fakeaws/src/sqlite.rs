//! The SQLite file of queues, objects' metadata, parameters and mail.
//!
//! Owns the connection, its durability and the tables. Refuses to know what a row means: each
//! service writes its own statements.
//!
//! One connection behind one lock: SQLite has one writer anyhow, and every call here is a few
//! short statements. `synchronous = NORMAL` in WAL mode leaves a commit with the operating system,
//! so a killed process loses nothing; only a power cut could.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::Error;

const SCHEMA: &str = include_str!("schema.sql");
const STATEMENTS_CACHED_MAX: usize = 64;

/// A handle to the file; clones share it.
#[derive(Clone)]
pub(crate) struct Sqlite {
    connection: Arc<Mutex<Connection>>,
}

impl Sqlite {
    /// Opens the file, or a database in memory when there is no file, and makes its tables.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, Error> {
        let connection = match file {
            Some(file) => Connection::open(file),
            None => Connection::open_in_memory(),
        }?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs `work` in one transaction on a thread that may block. An error rolls it back.
    pub(crate) async fn run<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let sqlite = self.clone();
        match tokio::task::spawn_blocking(move || sqlite.run_here(work)).await {
            Ok(outcome) => outcome,
            Err(panic) => Err(Error::doing("finish a transaction", panic).into()),
        }
    }

    /// Runs `work` in one transaction on the calling thread.
    pub(crate) fn run_here<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.lock();
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::from)?;
        let outcome = work(&transaction)?;
        transaction.commit().map_err(Error::from)?;
        Ok(outcome)
    }

    /// A panic elsewhere rolled its transaction back, so the connection is still good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(cause: rusqlite::Error) -> Self {
        Error::doing("use aws.sqlite", cause)
    }
}
