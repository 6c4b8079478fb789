//! Quotes: telling a price, and checking an order against it.

use domain::callers::Caller;
use domain::generations::Draft;
use domain::ids::QuoteId;
use domain::quotes::{LIFETIME, Quote};
use domain::{Credits, Refusal};

use crate::{App, Error, clock, generations};

/// A quote, and the prompt that the model would be given.
#[derive(Debug)]
pub struct QuotedOrder {
    /// The price.
    pub quote: Quote,
    /// The prompt after the style was applied, if there is a style. The quote promises only its price.
    pub adapted_prompt: Option<String>,
}

/// Quotes the price of an order, after the same checks as the order itself. It charges nothing.
///
/// # Errors
/// A refusal if the draft names something that does not exist, or if its model is not offered.
pub async fn create(app: &App, caller: &Caller, draft: &Draft) -> Result<QuotedOrder, Error> {
    let team = generations::check_team(app, caller, draft);
    let references = generations::check_references(app, caller, draft);
    let (offers, team, references) = tokio::join!(app.store().offers(), team, references);
    team?;
    let adapted_prompt = references?.adapted_prompt;
    let price = offers?.price(&draft.order)?;
    let now = clock::now();
    let quote = Quote {
        id: QuoteId::new(now, clock::entropy()?),
        caller: caller.user.clone(),
        order_fingerprint: draft.order_fingerprint.clone(),
        credits: price,
        created_at: now,
        expires_at: now.plus(LIFETIME),
    };
    app.store().put_quote(&quote).await?;
    Ok(QuotedOrder {
        quote,
        adapted_prompt,
    })
}

/// Checks that `price` is what the caller agreed to: at most `max_credits`, and the price of the quote.
/// Expired quotes are deleted in the end, so a missing quote gets the same refusal, and so does another
/// user's.
///
/// # Errors
/// [`Refusal::PriceChanged`] if it is not.
pub(crate) async fn check_price(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    price: Credits,
) -> Result<(), Error> {
    let changed = Refusal::PriceChanged { price };
    if draft.max_credits.is_some_and(|max| max < price) {
        return Err(changed.into());
    }
    let Some(id) = &draft.quote else {
        return Ok(());
    };
    let quote = app.store().quote(id).await?;
    let holds = quote.is_some_and(|quote| {
        quote.holds(&caller.user, &draft.order_fingerprint, price, clock::now())
    });
    if holds { Ok(()) } else { Err(changed.into()) }
}
