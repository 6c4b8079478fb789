//! The provider's callback. Everyone with an account at the provider can make it sign a callback to any
//! address, so a valid signature is not enough: the address must also carry the secret that was made for
//! this one submit.

use domain::Refusal;
use domain::ids::GenerationId;
use provider::webhook::WebhookRejection;
use queue::{ProviderReport, Settle, correlation};
use sha2::{Digest as _, Sha256};
use store::System;
use subtle::ConstantTimeEq as _;

pub use provider::webhook::SignedHeaders;

use crate::{App, Error, clock};

/// A callback as it came.
#[derive(Debug)]
pub struct Callback<'a> {
    /// The signature's headers.
    pub headers: SignedHeaders,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// The job that the address names.
    pub generation: Option<GenerationId>,
    /// The secret in the address.
    pub token: String,
    /// The request that the job was submitted for, as the address says.
    pub first_request_id: String,
}

/// Checks a callback and passes its report on to the settle worker. Nothing is changed here, so a repeated
/// one is harmless.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the signature, the time, the job or the secret is not valid.
pub async fn fal(app: &App, callback: Callback<'_>) -> Result<(), Error> {
    let now = clock::now();
    let verified = app
        .fal_verifier()?
        .verify(&callback.headers, callback.body, now.seconds())
        .await;
    let verified = match verified {
        Ok(verified) => verified,
        Err(WebhookRejection::Denied) => return Err(Refusal::Unauthorized.into()),
        Err(WebhookRejection::KeysUnavailable(why)) => {
            tracing::error!(
                why,
                "the provider's keys cannot be fetched, so no webhook can be believed"
            );
            return Err(Refusal::Busy.into());
        }
    };
    let generation = callback.generation.ok_or(Refusal::Unauthorized)?;
    let job = app
        .store()
        .job(System, &generation)
        .await?
        .ok_or(Refusal::Unauthorized)?;
    let digest = hex::encode(Sha256::digest(callback.token.as_bytes()));
    if !bool::from(digest.as_bytes().ct_eq(job.webhook_digest.as_bytes())) {
        return Err(Refusal::Unauthorized.into());
    }
    if !job.awaits_outcome() {
        return Ok(());
    }
    let word = verified.outcome.map(|outcome| ProviderReport {
        request_id: verified.request_id,
        outcome: outcome.into(),
    });
    let message = Settle {
        generation_id: job.id.clone(),
        word,
        leased_until_ms: None,
    };
    let told = app.queue().settle(&message);
    correlation::on_behalf_of(callback.first_request_id, told).await?;
    Ok(())
}
