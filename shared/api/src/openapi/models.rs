//! The catalogue, and quotes.

use domain::accounts::Scope;

use super::generations;
use super::operation::{Operation, Table, Who};
use crate::list::List;
use crate::models::ModelView;
use crate::problem::Code;
use crate::quotes::QuoteView;
use crate::schema;

const TABLE: Table = Table { tag: "models" };

pub(super) fn operations() -> Vec<Operation> {
    let public = |path, id, summary| TABLE.operation(Who::Public, path, id, summary);
    vec![
        public("GET /models", "modelsList", "Every model")
            .asks::<schema::Kind>("kind", "Only those that make this.")
            .pages()
            .answers::<List<ModelView>>(200, "A page, in the catalogue's order."),
        public("GET /models/{model}", "modelsGet", "One model")
            .names::<schema::AnyModelId>("model", "The model's id.")
            .answers::<ModelView>(200, "The model."),
        TABLE
            .operation(Who::User(Scope::Generate), "POST /quotes", "modelsQuote", "Ask for a price")
            .says(
                "Takes `model` and the body of a generation, and charges nothing. The generation that names the quote \
                 while it holds costs this, or is refused.",
            )
            .takes_schema(generations::quote_schema)
            .answers::<QuoteView>(201, "The price.")
            .refuses(&[Code::NotFound, Code::Conflict]),
    ]
}
