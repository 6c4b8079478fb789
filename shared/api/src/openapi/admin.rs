//! For the platform's administrators.

use super::operation::{Operation, Table, Who};
use crate::admin::{AccountView, ChangeAccount, CreateGrant};
use crate::audit::RecordView;
use crate::credits::Transaction;
use crate::list::List;
use crate::models::{ChangeModel, ModelView};
use crate::problem::Code;
use crate::promos::{CreatePromo, PromoView};
use crate::reconciliation::RunView;
use crate::schema;

const TABLE: Table = Table { tag: "admin" };

pub(super) fn operations() -> Vec<Operation> {
    let admin = |path, id, summary| TABLE.operation(Who::Admin, path, id, summary);
    vec![
        admin(
            "POST /admin/credits/grants",
            "adminGrantsCreate",
            "Give or take back credits",
        )
        .takes::<CreateGrant>()
        .answers::<Transaction>(201, "The ledger entry that booked it.")
        .once()
        .refuses(&[Code::NotFound, Code::Conflict]),
        admin(
            "POST /admin/promo-codes",
            "adminPromosCreate",
            "Make a promo code",
        )
        .takes::<CreatePromo>()
        .answers::<PromoView>(201, "The code.")
        .refuses(&[Code::Conflict]),
        admin(
            "GET /admin/promo-codes",
            "adminPromosList",
            "Every promo code",
        )
        .pages()
        .answers::<List<PromoView>>(200, "A page, newest first."),
        admin(
            "GET /admin/reconciliation",
            "adminReconciliation",
            "The last check of the books",
        )
        .answers::<RunView>(200, "The last run; all null and zero before the first.")
        .refuses(&[Code::ValidationFailed]),
        admin("GET /admin/audit", "adminAudit", "The audit log")
            .asks::<schema::UserId>("user_id", "Whose log; the platform's if not given.")
            .pages()
            .answers::<List<RecordView>>(200, "A page, newest first."),
        admin(
            "PATCH /admin/models/{model}",
            "adminModelsUpdate",
            "Change what a model costs, or withdraw it",
        )
        .says("What is not there stays as it is; null goes back to the catalogue.")
        .names::<schema::AnyModelId>("model", "The model's id.")
        .takes::<ChangeModel>()
        .answers::<ModelView>(200, "The model as it is offered now."),
        admin(
            "PATCH /admin/users/{user_id}",
            "adminUsersUpdate",
            "Change a user's plan, or keep them out",
        )
        .names::<schema::UserId>("user_id", "The user.")
        .takes::<ChangeAccount>()
        .answers::<AccountView>(200, "The user as they are now.")
        .refuses(&[Code::Conflict]),
    ]
}
