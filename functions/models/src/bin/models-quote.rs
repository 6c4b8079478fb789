//! POST /quotes
//! Quotes the price of a generation. It charges nothing.

use api::endpoint::Created;
use api::quotes::{CREATE, CreateQuote, QuoteView};
use app::{App, Error, quotes};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateQuote>,
) -> Result<Reply<Created<QuoteView>>, Error> {
    let (model, draft) = request.body()?.check()?;

    let told = quotes::create(app, &request.caller, &draft).await?;

    let view = QuoteView::new(model, &told.quote, told.adapted_prompt);
    Ok(Reply::created(&view))
}
