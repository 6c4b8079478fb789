//! The forms of values on the wire, as JSON Schema. Every text in a body names its form with
//! `#[schemars(with = "…")]`, so that the OpenAPI document says the same as the checks.
//!
//! Owns the schema and an example of each form, with the limits of `domain`. Refuses to check anything:
//! that is the task of `check`, whose messages are better.

use std::borrow::Cow;

use domain::accounts::{self, AVATAR_URL_CHARS_MAX, EMAIL_CHARS_MAX, FULL_NAME_CHARS_MAX};
use domain::admin::{AMOUNT_MAX, REASON_CHARS_MAX};
use domain::api_keys::CapPeriod as KeyCapPeriod;
use domain::audit::AuditAction;
use domain::catalogue::{self, NEGATIVE_PROMPT_CHARS_MAX, PRICE_MAX, PROMPT_CHARS_MAX};
use domain::events::EventKind;
use domain::files::{self, SIZE_BYTES_MAX};
use domain::generations::{FailureCode, Intent, MEDIA_EXPIRY_S, NoPreviews, State};
use domain::labels::{
    DESCRIPTION_CHARS_MAX, METADATA_KEYS_MAX, TAG_CHARS_MAX, TAGS_MAX, TITLE_CHARS_MAX,
};
use domain::ledger::EntryKind;
use domain::projects::{self, NAME_CHARS_MAX};
use domain::promos::{CODE_CHARS_MAX, CODE_CHARS_MIN, REDEMPTIONS_MAX};
use domain::reconciliation::BooksError;
use domain::spending::DAYS_MAX;
use domain::webhook_endpoints::URL_CHARS_MAX;
use domain::{
    FieldCode, api_keys, plans, purchases, styles, teams, webhook_deliveries, webhook_endpoints,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::codes::Code;
use crate::credentials::CHALLENGE_BYTES_MAX;
use crate::query::{LIMIT_DEFAULT, LIMIT_MAX};

/// Types that have no values: each one only names a form.
macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

forms! {
    /// `usr_…`
    UserId = id("usr_");
    /// `key_…`
    KeyId = id("key_");
    /// `gen_…`
    GenerationId = id("gen_");
    /// `fil_…`
    FileId = id("fil_");
    /// `prj_…`
    ProjectId = id("prj_");
    /// `prj_…`, or null.
    ProjectIdOrNull = with(id("prj_"), "type", json!(["string", "null"]));
    /// `team_…`
    TeamId = id("team_");
    /// `inv_…`
    InvitationId = id("inv_");
    /// `whe_…`
    WebhookEndpointId = id("whe_");
    /// `evt_…`
    EventId = id("evt_");
    /// `sty_…`
    StyleId = id("sty_");
    /// `qte_…`
    QuoteId = id("qte_");
    /// A ledger entry's id.
    TransactionId = matching("^txn_", "txn_01KG9QZ3M4T5V6W7X8Y9Z0ABCD-capture");
    /// The user who did something, or the platform itself.
    Actor = matching("^(system|usr_[0-9A-Z]{26})$", &id_example("usr_"));

    /// A moment, as answers write it.
    Time = formatted("date-time", "2026-01-31T09:05:07.123Z");
    /// A moment in the future, as requests give it: RFC 3339 in any offset.
    FutureTime = formatted("date-time", "2099-12-31T23:59:59Z");
    /// A month.
    Month = matching("^[0-9]{4}-(0[1-9]|1[0-2])$", "2026-01");
    /// A day.
    Date = formatted("date", "2026-01-31");
    /// An address.
    Url = formatted("uri", "https://example.org/media/fox.jpg");
    /// The greatest length of a page.
    Limit = whole(1, Some(i64::from(LIMIT_MAX)), i64::from(LIMIT_DEFAULT));
    /// The name that a client gives to its request.
    IdempotencyKey = sized(
        matching("^[!-~]([ -~]*[!-~])?$", "5f0c7b1e-9a53-4c4e-8f8e-2d3b1a6c9e10"),
        1,
        255,
    );
    /// The time that the client would wait.
    Prefer = text("wait=25");
    /// The tag of a version of the document.
    EntityTag = text("\"9f86d081884c7d65\"");
    /// A file of the page that shows the document.
    Asset = text("swagger-ui.css");
    /// The name of a file that was delivered.
    MediaName = sized(matching("^[a-z0-9.-]+$", "0.jpg"), 1, 40);
    /// A moment, in seconds since 1970.
    Second = whole(0, None, 1_800_000_000);
    /// `1`, or not given.
    Switch = one_of(&["1"]);
    /// A signature, or a part of the text that it covers.
    SignedPart = json_schema!({"type": "string"});
    /// The number of days to look back.
    Days = whole(1, Some(i64::from(DAYS_MAX)), 30);
    /// The lifetime of media URLs, in seconds.
    Expiry = whole(
        i64::from(*MEDIA_EXPIRY_S.start()),
        Some(i64::from(*MEDIA_EXPIRY_S.end())),
        3_600,
    );
    /// A model's id, as a client may write it.
    AnyModelId = text("flux-dev");
    /// `true` or `false`.
    Flag = json_schema!({"type": "boolean"});
    /// The place where a list continues.
    Cursor = text("eyJrIjoi…");
    /// SHA-256, hexadecimal.
    Sha256 = matching("^[0-9a-f]{64}$", &"9f86d081884c7d65".repeat(4));

    /// A code of [`Code`].
    ProblemCode = one_of(&Code::ALL.map(Code::as_str));
    /// A code of [`FieldCode`].
    FieldProblemCode = one_of(&FieldCode::ALL.map(FieldCode::as_str));
    /// A part of the service.
    Part = one_of(&["ok", "down"]);

    /// Credits in a wallet.
    Credits = whole(0, None, 25);
    /// A change in credits.
    Delta = json_schema!({"type": "integer", "format": "int64", "examples": [-25]});
    /// A count.
    Count = whole(0, None, 3);
    /// The kind of a ledger entry.
    LedgerKind = one_of(&EntryKind::ALL.map(EntryKind::as_str));
    /// The most that a caller agrees to pay.
    Price = whole(0, Some(domain::Credits::MAX.get()), 500);
    /// The number of members that a team may have.
    Seats = whole(1, Some(i64::from(teams::MEMBERS_MAX)), 10);
    /// A member's role.
    TeamRole = one_of(&teams::Role::ALL.map(teams::Role::as_str));
    /// A role that a member can be given.
    RoleToGive = one_of(&["admin", "editor", "contributor", "viewer"]);
    /// The name of a team.
    TeamName = line(1, teams::NAME_CHARS_MAX, "Snow studio");
    /// The token in an invitation's letter.
    InvitationToken = text("it_01KG9QZ3M4T5V6W7X8Y9Z0ABCD_…");
    /// The credits that a member moves into a team.
    TransferAmount = whole(1, Some(domain::Credits::MAX.get()), 500);
    /// A promo code, as it is read.
    PromoCode = sized(matching("^[A-Za-z0-9-]+$", "WELCOME-2026"), CODE_CHARS_MIN, CODE_CHARS_MAX);
    /// The credits that a promo code gives.
    PromoCredits = whole(1, Some(1_000_000), 200);
    /// The number of times that a promo code may be redeemed.
    Redemptions = whole(1, Some(i64::from(REDEMPTIONS_MAX)), 100);
    /// The credits that an admin gives or takes back.
    GrantAmount = with(whole(-AMOUNT_MAX, Some(AMOUNT_MAX), 500), "not", json!({"const": 0}));
    /// The reason for a grant or a refund.
    Reason = line(1, REASON_CHARS_MAX, "Sorry for the outage");
    /// A pack's id.
    PackId = one_of(&purchases::packs().iter().map(|pack| pack.id).collect::<Vec<_>>());
    /// An address for a buyer's browser: with TLS, or on the caller's own machine.
    ReturnUrl = sized(matching("^https?://", "https://example.org/paid"), 0, 2_000);

    /// An e-mail address.
    Email = sized(formatted("email", "ada@example.org"), 0, EMAIL_CHARS_MAX);
    /// A password to be set.
    NewPassword = line(8, 128, "a long pass phrase");
    /// A password to be checked.
    Password = sized(text("a long pass phrase"), 0, 1_024);
    /// The answer to a challenge.
    ChallengeAnswer = sized(text("0.XYZ…"), 0, CHALLENGE_BYTES_MAX);
    /// The name that a user wants to be called by.
    FullName = line(1, FULL_NAME_CHARS_MAX, "Ada Lovelace");
    /// The address of a user's picture.
    AvatarUrl = sized(matching("^https://", "https://example.org/ada.png"), 0, AVATAR_URL_CHARS_MAX);
    /// A plan's name.
    Plan = one_of(&plans::Plan::ALL.map(plans::Plan::as_str));
    /// The users whose calls count together.
    CountedBy = one_of(&["dedicated", "shared"]);
    /// A token that was mailed.
    MailedToken = text("q7Jx…");
    /// A refresh token.
    RefreshToken = text("vr_…");
    /// An access token.
    AccessToken = text("eyJhbGciOiJFZERTQSJ9…");

    /// The name of an API key.
    KeyName = line(1, api_keys::NAME_CHARS_MAX, "Nightly renders");
    /// A scope of an API key.
    Scope = one_of(&accounts::Scope::ALL.map(accounts::Scope::as_str));
    /// The most that an API key may spend.
    Cap = whole(1, Some(domain::Credits::MAX.get()), 5_000);
    /// The period of such a cap.
    CapPeriod = one_of(&KeyCapPeriod::ALL.map(KeyCapPeriod::as_str));
    /// A share in percent.
    Percent = whole(1, Some(100), 80);
    /// An API key itself.
    KeySecret = matching("^vk_", "vk_…");

    /// A model's id.
    ModelId = {
        let ids: Vec<_> = catalogue::models().iter().map(|model| model.id).collect();
        with(one_of(&ids), "examples", json!(["flux-dev"]))
    };
    /// The kind of media that a model makes.
    Kind = one_of(&catalogue::Kind::ALL.map(catalogue::Kind::as_str));
    /// The price of one unit of a model.
    UnitPrice = whole(1, Some(PRICE_MAX), 30);
    /// Whether a model accepts something.
    Takes = one_of(&["required", "optional", "none"]);
    /// A description of the wanted result.
    Prompt = sized(
        matching(r"\S", "A red fox runs through deep snow at dawn"),
        1,
        PROMPT_CHARS_MAX,
    );
    /// Things that must not be in the result.
    NegativePrompt = sized(matching(r"\S", "text, watermark"), 1, NEGATIVE_PROMPT_CHARS_MAX);
    /// A description of a change.
    ChangeDescription = lines(1_000, "Warmer light");
    /// The relation of a generation to its parent.
    GenerationIntent = one_of(&Intent::ALL.map(Intent::as_str));
    /// The progress of a generation.
    Status = {
        let mut names = State::ALL.map(State::status).to_vec();
        names.dedup();
        with(one_of(&names), "examples", json!(["succeeded"]))
    };
    /// The reason why a generation was not delivered.
    Failure = one_of(&FailureCode::ALL.map(FailureCode::as_str));
    /// The reason why there are no small pictures of a file.
    MissingThumbnails = one_of(&NoPreviews::ALL.map(NoPreviews::as_str));
    /// The title of a generation.
    Title = line(1, TITLE_CHARS_MAX, "The fox, final");
    /// Tags, none twice.
    Tags = json_schema!({
        "type": "array",
        "maxItems": TAGS_MAX,
        "uniqueItems": true,
        "items": line(1, TAG_CHARS_MAX, "winter"),
    });

    /// The name of a project.
    ProjectName = line(1, NAME_CHARS_MAX, "Winter campaign");
    /// The description of a project.
    Description = lines(DESCRIPTION_CHARS_MAX, "Stills and clips for the winter campaign");
    /// The visibility of a project.
    Visibility = one_of(&["private", "team-only", "public"]);
    /// The fate of a deleted project's generations.
    Contents = one_of(&projects::Contents::ALL.map(projects::Contents::as_str));
    /// The access of a team to a project that is shared with it.
    AccessLevel = one_of(&projects::AccessLevel::ALL.map(projects::AccessLevel::as_str));
    /// A JSON object of the owner's choice.
    Metadata = json_schema!({
        "type": "object",
        "maxProperties": METADATA_KEYS_MAX,
        "additionalProperties": true,
        "examples": [{"client": "ACME"}],
    });

    /// The name of a style.
    StyleName = line(1, styles::NAME_CHARS_MAX, "Snow and ink");
    /// The description of a style.
    StyleDescription = lines(styles::DESCRIPTION_CHARS_MAX, "For everything in the winter campaign");
    /// A text of a style.
    BlockText = with(lines(styles::BLOCK_CHARS_MAX, "ink and wash on rough paper"), "minLength", json!(1));
    /// Words and phrases, none twice.
    Keywords = json_schema!({
        "type": "array",
        "maxItems": styles::KEYWORDS_MAX,
        "uniqueItems": true,
        "items": line(1, styles::KEYWORD_CHARS_MAX, "snow"),
    });
    /// The tags of a style, none twice.
    StyleTags = json_schema!({
        "type": "array",
        "maxItems": styles::TAGS_MAX,
        "uniqueItems": true,
        "items": line(1, TAG_CHARS_MAX, "winter"),
    });

    /// The purpose of a file.
    Purpose = one_of(&["reference"]);
    /// A file's size in bytes.
    FileSize = json_schema!({
        "type": "integer",
        "minimum": 1,
        "maximum": SIZE_BYTES_MAX,
        "examples": [245_760],
    });
    /// A media type that may be uploaded.
    UploadType = one_of(&files::ContentType::ALL.map(files::ContentType::as_str));

    /// An address that events are sent to.
    WebhookUrl = sized(matching("^https?://", "https://example.org/velro"), 0, URL_CHARS_MAX);
    /// Events, none twice.
    WebhookEvents = json_schema!({
        "type": "array",
        "minItems": 1,
        "uniqueItems": true,
        "items": one_of(&EventKind::ALL.map(EventKind::as_str)),
        "examples": [["generation.succeeded", "generation.failed"]],
    });
    /// An event's type.
    EventType = {
        let names = EventKind::ALL.map(EventKind::as_str);
        one_of(&[&names[..], &[EventKind::Test.as_str()]].concat())
    };
    /// Whether an endpoint gets events.
    WebhookStatus = one_of(&["enabled", "disabled"]);
    /// The reason why an endpoint is disabled.
    DisabledBecause = one_of(&webhook_endpoints::DisabledBecause::ALL.map(|why| why.as_str()));
    /// The outcome of a delivery.
    DeliveryState = one_of(&webhook_deliveries::DeliveryState::ALL.map(|state| state.as_str()));
    /// The secret that signs an endpoint's events.
    WebhookSecret = matching("^whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

    /// An act on an account.
    AuditedAct = one_of(&AuditAction::ALL.map(AuditAction::as_str));
    /// A kind of finding in books.
    BookTrouble = one_of(&BooksError::ALL.map(BooksError::as_str));
}

/// Returns the pattern of an id with this prefix. A ULID is 26 digits of 5 bits, of which the first has
/// only 3.
fn id_pattern(prefix: &str) -> String {
    format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}}$")
}

fn id_example(prefix: &str) -> String {
    format!("{prefix}01KG9QZ3M4T5V6W7X8Y9Z0ABCD")
}

/// Returns the schema of an id with this prefix.
pub(crate) fn id(prefix: &str) -> Schema {
    matching(&id_pattern(prefix), &id_example(prefix))
}

fn text(example: &str) -> Schema {
    json_schema!({"type": "string", "examples": [example]})
}

fn with(mut schema: Schema, keyword: &str, value: Value) -> Schema {
    schema.insert(keyword.to_owned(), value);
    schema
}

fn matching(pattern: &str, example: &str) -> Schema {
    with(text(example), "pattern", json!(pattern))
}

fn formatted(format: &str, example: &str) -> Schema {
    with(text(example), "format", json!(format))
}

fn sized(schema: Schema, min: usize, max: usize) -> Schema {
    with(
        with(schema, "minLength", json!(min)),
        "maxLength",
        json!(max),
    )
}

/// Returns the schema of text without control characters.
fn line(min: usize, max: usize, example: &str) -> Schema {
    sized(matching(r"^[^\x00-\x1f\x7f-\x9f]*$", example), min, max)
}

/// Returns the schema of text whose only control characters are line feeds.
fn lines(max: usize, example: &str) -> Schema {
    sized(
        matching(r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$", example),
        0,
        max,
    )
}

fn one_of(names: &[&str]) -> Schema {
    json_schema!({"type": "string", "enum": names})
}

fn whole(min: i64, max: Option<i64>, example: i64) -> Schema {
    let schema = json_schema!({"type": "integer", "minimum": min, "examples": [example]});
    match max {
        Some(max) => with(schema, "maximum", json!(max)),
        None => schema,
    }
}
