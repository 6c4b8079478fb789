//! The thresholds at which an owner of credits is warned, before they run out.

use std::collections::BTreeSet;

use domain::accounts::Scope;
use domain::alerts::{THRESHOLDS_MAX, Watch};
use domain::callers::Caller;
use domain::{Credits, FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::credits;
use crate::endpoint::Endpoint;
use crate::operation::{Operation, tags};
use crate::schema;

/// The thresholds at which the caller is warned about their own wallet.
pub const GET: Endpoint<Caller, AlertsView> = Endpoint::user("GET /credits/alerts", Scope::Read);
/// Sets the thresholds at which the caller is warned about their own wallet.
pub const SET: Endpoint<Caller, AlertsView, SetAlerts> =
    Endpoint::user("PUT /credits/alerts", Scope::Generate);
/// The thresholds at which a team's owner is warned about its wallet.
pub const GET_FOR_TEAM: Endpoint<Caller, AlertsView> =
    Endpoint::user("GET /teams/{team_id}/credits/alerts", Scope::Read);
/// Sets the thresholds at which a team's owner is warned about its wallet.
pub const SET_FOR_TEAM: Endpoint<Caller, AlertsView, SetAlerts> =
    Endpoint::user("PUT /teams/{team_id}/credits/alerts", Scope::AdminTeam);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let once = "A mail warns you within ten minutes, once for each crossing, and again only after the balance has risen or the \
                cap's period has begun anew. A threshold that is not given is not watched.";
    let one = |operation: Operation| operation.names::<schema::TeamId>("team_id", "The team.");
    vec![
        tags::CREDITS
            .operation(&GET, "creditsAlerts", "The warnings about your wallet")
            .answers("The thresholds."),
        tags::CREDITS
            .operation(
                &SET,
                "creditsAlertsSet",
                "Set the warnings about your wallet",
            )
            .says(&format!("{once} Caps are those of your API keys."))
            .answers("The thresholds from now on."),
        one(tags::TEAMS.operation(
            &GET_FOR_TEAM,
            "teamsCreditsAlerts",
            "The warnings about a team's wallet",
        ))
        .says("For every member but viewers.")
        .answers("The thresholds."),
        one(tags::TEAMS.operation(
            &SET_FOR_TEAM,
            "teamsCreditsAlertsSet",
            "Set the warnings about a team's wallet",
        ))
        .says(&format!(
            "For its owner and its admins. {once} Caps are those of members."
        ))
        .answers("The thresholds from now on."),
    ]
}

/// `PUT /credits/alerts`: a threshold that is not there is not watched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SetAlerts {
    /// Balances: a warning is sent when the balance falls below any of them.
    #[schemars(with = "Option<Vec<schema::Cap>>", length(max = THRESHOLDS_MAX), extend("uniqueItems" = true))]
    pub balance_below: Option<Vec<i64>>,
    /// Shares of a cap, in percent: a warning is sent when any of them is reached.
    #[schemars(with = "Option<Vec<schema::Percent>>", length(max = THRESHOLDS_MAX), extend("uniqueItems" = true))]
    pub cap_percent: Option<Vec<i64>>,
}

impl SetAlerts {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<Watch, Refusal> {
        let mut problems = Problems::default();
        let balances = self.balance_below;
        let balance_below = thresholds("balance_below", balances, &mut problems, credits::amount);
        let shares = self.cap_percent;
        let cap_percent = thresholds("cap_percent", shares, &mut problems, percent);
        problems.or(Some(Watch {
            balance_below,
            cap_percent,
        }))
    }
}

/// Checks the thresholds of a field: at most [`THRESHOLDS_MAX`], each valid, none twice. Returns the
/// highest first.
fn thresholds<T: Ord + Copy>(
    field: &str,
    given: Option<Vec<i64>>,
    problems: &mut Problems,
    read: impl Fn(&str, i64) -> Result<T, FieldError>,
) -> Vec<T> {
    let given = given.unwrap_or_default();
    if given.len() > THRESHOLDS_MAX {
        let message = format!("must have at most {THRESHOLDS_MAX}");
        problems.add(field, FieldCode::TooLong, message);
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    for (n, number) in given.into_iter().enumerate() {
        let field = format!("{field}[{n}]");
        let threshold = problems.valid(read(&field, number));
        if threshold.is_some_and(|threshold| !seen.insert(threshold)) {
            problems.add(field, FieldCode::NotAllowed, "is there twice");
        }
    }
    seen.into_iter().rev().collect()
}

fn percent(field: &str, number: i64) -> Result<u8, FieldError> {
    let percent = u8::try_from(number)
        .ok()
        .filter(|it| (1..=100).contains(it));
    let message = "must be a whole number from 1 to 100";
    percent.ok_or_else(|| FieldError::new(field, FieldCode::OutOfRange, message))
}

/// The thresholds at which warnings about a wallet are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Alerts")]
pub struct AlertsView {
    /// Always `alerts`.
    #[schemars(extend("const" = "alerts"))]
    pub object: String,
    /// Balances, the highest first: a warning is sent when the balance falls below any of them.
    #[schemars(with = "Vec<schema::Cap>")]
    pub balance_below: Vec<i64>,
    /// Shares of a cap, in percent, the highest first: a warning is sent when any of them is reached.
    #[schemars(with = "Vec<schema::Percent>")]
    pub cap_percent: Vec<u8>,
}

impl From<Watch> for AlertsView {
    fn from(watch: Watch) -> Self {
        Self {
            object: "alerts".to_owned(),
            balance_below: watch.balance_below.into_iter().map(Credits::get).collect(),
            cap_percent: watch.cap_percent,
        }
    }
}
