//! Addresses of media: their written form, and the answer to a request for one.

use domain::callers::Everybody;
use domain::generations::{MediaAddress, MediaName, SignedAddress};
use domain::ids::GenerationId;
use domain::{Refusal, Timestamp};

use crate::codes::Code;
use crate::endpoint::{Empty, Endpoint};
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;

/// Redirects to one file that a generation delivered.
pub const GET: Endpoint<Everybody, Empty<302>> =
    Endpoint::public("GET /media/{generation_id}/{name}");

/// The last second that an address can name: the end of the year 9999.
const SECOND_MAX: i64 = 253_402_300_799;
/// The longest text that is considered as a signature: a real one has 43 characters.
const SIGNATURE_CHARS_MAX: usize = 64;

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::GENERATIONS
            .operation(&GET, "mediaGet", "A file that was delivered")
            .says(
                "The addresses in `outputs` and `/media` lead here. They work without a credential, until they end. The \
                 answer is a redirect to a temporary address of the bytes: follow it, and keep this address. HEAD is \
                 redirected, too.",
            )
            .names::<schema::GenerationId>("generation_id", "The generation's id.")
            .names::<schema::MediaName>("name", "The file's name.")
            .requires::<schema::Second>("exp", "The second since 1970 at which the address ends.")
            .requires::<schema::SignedPart>("sig", "The signature.")
            .asks::<schema::Switch>("download", "1 makes a browser save the file, under a unique name.")
            .answers("The temporary address of the bytes.")
            .with(vec!["Location"])
            .refuses(&[Code::Forbidden]),
    ]
}

/// Writes an address for the API at `base_url`.
#[must_use]
pub fn url(signed: &SignedAddress, base_url: &str) -> String {
    let SignedAddress { address, signature } = signed;
    let MediaAddress {
        generation,
        name,
        expires_at,
    } = address;
    let (name, ends_at_s) = (name.as_str(), expires_at.seconds());
    format!("{base_url}/media/{generation}/{name}?exp={ends_at_s}&sig={signature}")
}

/// A request for a media address, checked.
#[derive(Debug)]
pub struct MediaRequest {
    /// The address.
    pub signed: SignedAddress,
    /// Whether the browser is to save the file, instead of showing it.
    pub is_saved: bool,
}

/// Reads the query of an address of a file of `generation`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is missing or wrong.
pub fn check(
    generation: GenerationId,
    name: MediaName,
    mut query: Query,
) -> Result<MediaRequest, Refusal> {
    let expires_at = query.required("exp", "the second at which the address ends", second);
    let signature = query.required("sig", "a signature", |text| {
        (text.len() <= SIGNATURE_CHARS_MAX).then(|| text.to_owned())
    });
    let is_saved = query.value("download", "1", |text| (text == "1").then_some(true));
    let (expires_at, signature) = query.finish_required(expires_at.zip(signature))?;
    let address = MediaAddress {
        generation,
        name,
        expires_at,
    };
    Ok(MediaRequest {
        signed: SignedAddress { address, signature },
        is_saved: is_saved.unwrap_or(false),
    })
}

fn second(text: &str) -> Option<Timestamp> {
    let second: i64 = text.parse().ok()?;
    (0..=SECOND_MAX)
        .contains(&second)
        .then(|| Timestamp::from_ms(second * 1_000))
}
