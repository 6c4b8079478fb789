//! For the platform's administrators.

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{admin, audit, models, promos, reconciliation, schema};

const TABLE: Table = Table { tag: "admin" };

pub(super) fn operations() -> Vec<Operation> {
    vec![
        TABLE
            .operation(
                &admin::GRANT,
                "adminGrantsCreate",
                "Give or take back credits",
            )
            .answers("The ledger entry that booked it.")
            .once()
            .refuses(&[Code::NotFound, Code::Conflict]),
        TABLE
            .operation(&promos::CREATE, "adminPromosCreate", "Make a promo code")
            .answers("The code.")
            .refuses(&[Code::Conflict]),
        TABLE
            .operation(&promos::LIST, "adminPromosList", "Every promo code")
            .pages()
            .answers("A page, newest first."),
        TABLE
            .operation(
                &reconciliation::LAST,
                "adminReconciliation",
                "The last check of the books",
            )
            .answers("The last run; all null and zero before the first.")
            .refuses(&[Code::ValidationFailed]),
        TABLE
            .operation(&audit::LIST, "adminAudit", "The audit log")
            .asks::<schema::UserId>("user_id", "Whose log; the platform's if not given.")
            .pages()
            .answers("A page, newest first."),
        TABLE
            .operation(
                &models::CHANGE,
                "adminModelsUpdate",
                "Change what a model costs, or withdraw it",
            )
            .says("What is not there stays as it is; null goes back to the catalogue.")
            .names::<schema::AnyModelId>("model", "The model's id.")
            .answers("The model as it is offered now."),
        TABLE
            .operation(
                &admin::CHANGE_USER,
                "adminUsersUpdate",
                "Change a user's plan, or keep them out",
            )
            .names::<schema::UserId>("user_id", "The user.")
            .answers("The user as they are now.")
            .refuses(&[Code::Conflict]),
    ]
}
