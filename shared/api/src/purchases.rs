//! Buying credits: the request for a checkout, and its answer.

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::purchases::{self, CheckoutRequest, Pack};
use domain::{FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::endpoint::{Created, Endpoint};
use crate::operation::{Operation, tags};
use crate::schema;

/// Begins a Stripe Checkout. The credits come when it is paid.
pub const CHECKOUT: Endpoint<Caller, Created<CheckoutView>, CreateCheckout> =
    Endpoint::user("POST /credits/checkout", Scope::Generate);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::CREDITS
            .operation(&CHECKOUT, "creditsCheckout", "Buy credits")
            .says("Begins a Stripe Checkout at `url`. The credits come when it is paid.")
            .answers("The page to pay on.")
            .once(),
    ]
}

/// The longest address.
const URL_CHARS_MAX: usize = 2_000;

/// `POST /credits/checkout`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateCheckout {
    /// The pack's id.
    #[schemars(with = "schema::PackId")]
    pub pack: Option<String>,
    /// The address that the buyer's browser goes to after paying.
    #[schemars(with = "schema::ReturnUrl")]
    pub success_url: Option<String>,
    /// The address that the buyer's browser goes to if they do not pay.
    #[schemars(with = "schema::ReturnUrl")]
    pub cancel_url: Option<String>,
}

impl CreateCheckout {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<CheckoutRequest, Refusal> {
        let mut problems = Problems::default();
        let pack = problems.required("pack", self.pack);
        let pack = pack.and_then(|id| {
            let pack = purchases::find(&id);
            if pack.is_none() {
                let ids: Vec<_> = purchases::packs().iter().map(|pack| pack.id).collect();
                let message = format!("must be one of {}", ids.join(", "));
                problems.add("pack", FieldCode::NotAllowed, message);
            }
            pack
        });
        let success = problems.required("success_url", self.success_url);
        let success = success.and_then(|url| problems.valid(check_url("success_url", url)));
        let cancel = problems.required("cancel_url", self.cancel_url);
        let cancel = cancel.and_then(|url| problems.valid(check_url("cancel_url", url)));
        let all = pack.zip(success).zip(cancel);
        let ((pack, success_url), cancel_url) = problems.or(all)?;
        Ok(CheckoutRequest {
            pack,
            success_url,
            cancel_url,
        })
    }
}

/// Checks that an address is on the web. It may do without TLS only on the caller's own machine.
fn check_url(field: &str, url: String) -> Result<String, FieldError> {
    let problem = |code, message: &str| Err(FieldError::new(field, code, message));
    if url.len() > URL_CHARS_MAX {
        return problem(FieldCode::TooLong, "must have at most 2000 characters");
    }
    let host = |scheme: &str| {
        let rest = url.strip_prefix(scheme)?;
        rest.split(['/', '?', '#']).next()
    };
    let is_local = host("http://").is_some_and(|host| {
        let name = host.split(':').next().unwrap_or_default();
        matches!(name, "localhost" | "127.0.0.1")
    });
    let is_web = host("https://").is_some_and(|host| !host.is_empty());
    if (is_web || is_local) && url.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(url)
    } else {
        problem(
            FieldCode::Malformed,
            "must be an address that begins with https://",
        )
    }
}

/// A checkout that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Checkout")]
pub struct CheckoutView {
    /// Stripe's id of the checkout.
    #[schemars(example = &"cs_test_a1b2c3")]
    pub id: String,
    /// Always `checkout`.
    #[schemars(extend("const" = "checkout"))]
    pub object: String,
    /// The address of the page to pay on.
    #[schemars(with = "schema::Url")]
    pub url: String,
    /// The pack's id.
    #[schemars(with = "schema::PackId")]
    pub pack: String,
    /// The credits of the pack.
    #[schemars(with = "schema::Credits")]
    pub credits: i64,
    /// The price, in the currency's smallest unit.
    #[schemars(example = 1000)]
    pub amount: u32,
    /// ISO 4217, lower case.
    #[schemars(example = &"usd")]
    pub currency: String,
}

impl CheckoutView {
    /// Returns the view of the checkout `id` of `pack`.
    #[must_use]
    pub fn new(pack: &Pack, id: String, url: String) -> Self {
        Self {
            id,
            object: "checkout".to_owned(),
            url,
            pack: pack.id.to_owned(),
            credits: pack.credits.get(),
            amount: pack.amount_minor,
            currency: pack.currency.to_owned(),
        }
    }
}
