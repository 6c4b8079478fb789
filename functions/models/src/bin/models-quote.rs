//! POST /quotes
//! What a generation would cost; charges nothing.

use api::quotes::{CreateQuote, QuoteView};
use app::{App, quotes};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let (model, draft) = request.body::<CreateQuote>()?.check()?;

    let quote = quotes::create(app, &caller, &draft).await?;

    Ok(Reply::created(&QuoteView::new(model, &quote)))
}
