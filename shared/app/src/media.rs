//! Addresses of media, and what they lead to.
//!
//! An address is ours, and is signed with a secret that its generation's record holds. So it lasts as long as
//! it says, whatever credentials the function had that gave it out, and deleting the generation ends it.
//! Whoever follows it is sent on to S3, to an address that ends soon.

use std::time::Duration;

use auth::addresses;
use aws::Fault;
use domain::generations::{Generation, Output, SignedAddress};
use domain::{Refusal, Timestamp};
use store::System;

use crate::{App, Error, clock};

/// How long the address in S3 lasts at most: a browser goes on asking it for parts of a video that plays.
const STORAGE_EXPIRY: Duration = Duration::from_secs(3_600);

/// The addresses of what a generation delivered, in order, until `expires_at`.
pub(crate) fn sign_all(
    generation: &Generation,
    expires_at: Timestamp,
) -> Result<Vec<SignedAddress>, Fault> {
    let secret = generation.media_secret();
    let addresses = generation.addresses(expires_at).into_iter();
    addresses
        .map(|address| addresses::sign(secret, address))
        .collect::<Result<_, _>>()
        .map_err(Fault::doing("signing an address of media"))
}

/// A file that an address leads to.
#[derive(Debug)]
pub struct MediaFound {
    /// The file.
    pub output: Output,
    saved_as: String,
    ends_at: Timestamp,
}

/// What an address leads to.
///
/// # Errors
/// [`Refusal::NotFound`] if it is not ours, or the file is deleted; [`Refusal::Expired`] if it has ended.
pub async fn find(app: &App, signed: &SignedAddress) -> Result<MediaFound, Error> {
    let address = &signed.address;
    let generation = app.store().job(System, &address.generation).await?;
    let generation = generation
        .filter(|generation| addresses::is_signed(generation.media_secret(), signed))
        .ok_or(Refusal::NotFound("media"))?;
    if address.is_over(clock::now()) {
        return Err(Refusal::Expired("address").into());
    }
    let (place, output) = generation
        .output_named(&address.name)
        .ok_or(Refusal::NotFound("media"))?;
    Ok(MediaFound {
        output: output.clone(),
        saved_as: generation.saved_as(place, &address.name),
        ends_at: address.expires_at,
    })
}

impl MediaFound {
    /// Where its bytes are for a while: to be shown, or to be saved under a name of its own.
    ///
    /// # Errors
    /// A fault if there is nothing to sign with.
    pub async fn stored_at(&self, app: &App, is_saved: bool) -> Result<String, Error> {
        let expiry = self.ends_at.since(clock::now()).min(STORAGE_EXPIRY);
        let saved_as = is_saved.then_some(self.saved_as.as_str());
        let url = app.blobs().media_url(&self.output.key, expiry, saved_as);
        Ok(url.await?)
    }
}
