//! Promo codes, as admins make them and users redeem them.

use domain::accounts::Scope;
use domain::callers::{Admin, Caller};
use domain::ids::UserId;
use domain::promos::{Promo, PromoCode, REDEMPTIONS_MAX};
use domain::{Credits, FieldCode, Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::credits::Transaction;
use crate::endpoint::{Created, Endpoint};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// Books the credits of a promo code. Each user can redeem a code once.
pub const REDEEM: Endpoint<Caller, Created<Transaction>, RedeemCode> =
    Endpoint::user("POST /credits/redeem", Scope::Generate);
/// Makes a code that gives credits.
pub const CREATE: Endpoint<Admin, Created<PromoView>, CreatePromo> =
    Endpoint::admin("POST /admin/promo-codes");
/// Every code, with the number of its redemptions, newest first.
pub const LIST: Endpoint<Admin, List<PromoView>> = Endpoint::admin("GET /admin/promo-codes");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ADMIN
            .operation(&CREATE, "adminPromosCreate", "Make a promo code")
            .answers("The code.")
            .refuses(&[Code::Conflict]),
        tags::ADMIN
            .operation(&LIST, "adminPromosList", "Every promo code")
            .pages()
            .answers("A page, newest first."),
        tags::CREDITS
            .operation(&REDEEM, "creditsRedeem", "Redeem a promo code")
            .answers("The ledger entry that booked it.")
            .once()
            .refuses(&[Code::NotFound, Code::Conflict]),
    ]
}

/// The most credits that one code may give.
const CREDITS_MAX: i64 = 1_000_000;

/// `POST /admin/promo-codes`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreatePromo {
    /// The code, in any case.
    #[schemars(with = "schema::PromoCode")]
    pub code: Option<String>,
    /// The credits that each user gets for it.
    #[schemars(with = "schema::PromoCredits")]
    pub credits: Option<i64>,
    /// The number of users who may redeem it.
    #[schemars(with = "schema::Redemptions")]
    pub max_redemptions: Option<i64>,
    /// The time at which it ends, RFC 3339.
    #[schemars(with = "Option<schema::FutureTime>")]
    pub expires_at: Option<String>,
}

impl CreatePromo {
    /// Checks the fields and returns a code that `admin` makes at `now`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self, admin: &UserId, now: Timestamp) -> Result<Promo, Refusal> {
        let mut problems = Problems::default();
        let code = problems.required("code", self.code);
        let code = code.and_then(|text| problems.valid(PromoCode::parse(&text)));
        let credits = problems.required("credits", self.credits);
        let credits = credits.and_then(|amount| {
            let credits = Credits::new(amount).filter(|_| (1..=CREDITS_MAX).contains(&amount));
            if credits.is_none() {
                let message = "must be from 1 to 1000000";
                problems.add("credits", FieldCode::OutOfRange, message);
            }
            credits
        });
        let times = problems.required("max_redemptions", self.max_redemptions);
        let times = times.and_then(|times| {
            let checked = u32::try_from(times).ok();
            let checked = checked.filter(|times| (1..=REDEMPTIONS_MAX).contains(times));
            if checked.is_none() {
                let message = "must be from 1 to 1000000";
                problems.add("max_redemptions", FieldCode::OutOfRange, message);
            }
            checked
        });
        let expires_at = self
            .expires_at
            .and_then(|text| problems.valid(time::parse_future("expires_at", &text, now)));
        let all = code.zip(credits).zip(times);
        let ((code, credits), max_redemptions) = problems.or(all)?;
        Ok(Promo {
            code,
            credits,
            max_redemptions,
            redeemed: 0,
            expires_at,
            created_by: admin.clone(),
            created_at: now,
        })
    }
}

/// A code as an admin sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PromoCode")]
pub struct PromoView {
    /// The code.
    #[schemars(with = "schema::PromoCode")]
    pub code: String,
    /// Always `promo_code`.
    #[schemars(extend("const" = "promo_code"))]
    pub object: String,
    /// The credits that each user gets for it.
    #[schemars(with = "schema::PromoCredits")]
    pub credits: i64,
    /// The number of users who may redeem it.
    #[schemars(with = "schema::Redemptions")]
    pub max_redemptions: u32,
    /// The number of users who have redeemed it.
    #[schemars(with = "schema::Count")]
    pub redeemed: u32,
    /// The time at which it ends.
    #[schemars(with = "Option<schema::Time>")]
    pub expires_at: Option<String>,
    /// The admin who made it.
    #[schemars(with = "schema::UserId")]
    pub created_by: String,
    /// The time at which it was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
}

impl From<&Promo> for PromoView {
    fn from(promo: &Promo) -> Self {
        Self {
            code: promo.code.as_str().to_owned(),
            object: "promo_code".to_owned(),
            credits: promo.credits.get(),
            max_redemptions: promo.max_redemptions,
            redeemed: promo.redeemed,
            expires_at: promo.expires_at.map(time::format),
            created_by: promo.created_by.to_string(),
            created_at: time::format(promo.created_at),
        }
    }
}

/// `POST /credits/redeem`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RedeemCode {
    /// The code, in any case.
    #[schemars(with = "schema::PromoCode")]
    pub code: Option<String>,
}

impl RedeemCode {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming `code`.
    pub fn check(self) -> Result<PromoCode, Refusal> {
        let mut problems = Problems::default();
        let code = problems.required("code", self.code);
        let code = code.and_then(|text| problems.valid(PromoCode::parse(&text)));
        problems.or(code)
    }
}
