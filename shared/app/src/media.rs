//! Addresses of media, and the files that they lead to.
//!
//! An address points to our API, and is signed with a secret in its generation's record. So it lasts as
//! long as it says, whatever credentials the function had that made it, and deleting the generation ends
//! it. A request for it is redirected to S3, to an address that ends soon.

use std::time::Duration;

use auth::addresses;
use aws::Fault;
use domain::generations::{Addresses, Generation, SignedAddress};
use domain::{Refusal, Timestamp};
use store::System;

use crate::{App, Error, clock};

/// The longest lifetime of the address in S3: a browser goes on requesting parts of a video from it while
/// it plays.
const STORAGE_EXPIRY: Duration = Duration::from_secs(3_600);

/// Signs the addresses of a generation's files, and of their small pictures, in order. They last until
/// `expires_at`.
pub(crate) fn sign_all(
    generation: &Generation,
    expires_at: Timestamp,
) -> Result<Vec<Addresses<SignedAddress>>, Fault> {
    let secret = generation.media_secret();
    let addresses = generation.addresses(expires_at).into_iter();
    addresses
        .map(|output| output.try_map(|address| addresses::sign(secret, address)))
        .collect::<Result<_, _>>()
        .map_err(Fault::doing("signing an address of media"))
}

/// The purpose of a request for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaUse {
    /// To show the file.
    Show,
    /// To read it in a script of another origin. A browser caches an answer by its address, and S3 sends no
    /// CORS headers if a request names no origin: with one address for both, a file that was shown could
    /// not be read.
    Read,
    /// To save it, under a unique name.
    Save,
    /// To learn its type and size: by HEAD, for which an address in S3 must be signed separately.
    Describe,
}

/// Returns the temporary address of the file that one of our addresses leads to.
///
/// # Errors
/// [`Refusal::NotFound`] if we did not sign it, or the file is deleted; [`Refusal::Expired`] if it has
/// ended.
pub async fn follow(app: &App, signed: &SignedAddress, purpose: MediaUse) -> Result<String, Error> {
    let address = &signed.address;
    let generation = app.store().job(System, &address.generation).await?;
    let generation = generation
        .filter(|generation| addresses::is_signed(generation.media_secret(), signed))
        .ok_or(Refusal::NotFound("media"))?;
    let now = clock::now();
    if address.is_over(now) {
        return Err(Refusal::Expired("address").into());
    }
    let found = generation.file_named(&address.name);
    let file = found.ok_or(Refusal::NotFound("media"))?;
    let (blobs, key) = (app.blobs(), &file.key);
    let expiry = address.expires_at.since(now).min(STORAGE_EXPIRY);
    Ok(match purpose {
        MediaUse::Show => blobs.media_url(key, expiry, None).await?,
        MediaUse::Read => blobs.media_url(key, expiry, Some("inline")).await?,
        MediaUse::Save => {
            let name = generation.saved_as(file.place, &address.name);
            let saved = blobs::attachment(&name);
            blobs.media_url(key, expiry, Some(&saved)).await?
        }
        MediaUse::Describe => blobs.media_head_url(key, expiry).await?,
    })
}
