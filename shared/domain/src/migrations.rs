//! Migrations of stored records: the request of somebody who invokes one, and how far it has come.

/// A request of somebody who invokes a migration by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MigrationRequest {
    /// Begin each table again, also one that is done.
    pub is_from_beginning: bool,
    /// Stop after this many pages; the next invocation continues.
    pub pages_max: Option<u64>,
}

/// The migration of all tables, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationRun {
    /// The version of the forms that records are upgraded to.
    pub schema: u32,
    /// Each table.
    pub tables: Vec<MigratedTable>,
}

/// The migration of one table, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigratedTable {
    /// The table.
    pub name: &'static str,
    /// The number of items that were looked at.
    pub looked_at: u64,
    /// The number of records that were upgraded.
    pub upgraded: u64,
    /// Whether the end of the table was reached.
    pub is_done: bool,
}
