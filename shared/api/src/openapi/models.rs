//! The catalogue, and quotes.

use super::generations;
use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{models, quotes, schema};

const TABLE: Table = Table { tag: "models" };

pub(super) fn operations() -> Vec<Operation> {
    vec![
        TABLE.operation(&models::LIST, "modelsList", "Every model")
            .asks::<schema::Kind>("kind", "Only those that make this.")
            .pages()
            .answers("A page, in the catalogue's order."),
        TABLE.operation(&models::GET, "modelsGet", "One model")
            .names::<schema::AnyModelId>("model", "The model's id.")
            .answers("The model."),
        TABLE.operation(&quotes::CREATE, "modelsQuote", "Ask for a price")
            .says(
                "Takes `model` and the body of a generation, and charges nothing. The generation that names the quote \
                 while it holds costs this, or is refused.",
            )
            .takes_schema(generations::quote_schema)
            .answers("The price.")
            .refuses(&[Code::NotFound, Code::Conflict]),
    ]
}
