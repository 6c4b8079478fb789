//! POST /me/api-keys
//! Makes a personal API key. Its secret is shown only in this answer.

use api::api_keys::{ApiKeyView, CREATE, CreateApiKey};
use api::endpoint::Created;
use app::{App, Error, api_keys, clock};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, CreateApiKey>,
) -> Result<Reply<Created<ApiKeyView>>, Error> {
    let asked = request.body()?.check(clock::now())?;

    let made = api_keys::create(app, &request.caller, request.caller.session(), asked).await?;

    Ok(Reply::created(&ApiKeyView::with_secret(
        &made.key,
        made.secret,
    )))
}
