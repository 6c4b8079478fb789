//! Addresses of media, and what they lead to.
//!
//! An address is ours, and is signed with a secret that its generation's record holds. So it lasts as long as
//! it says, whatever credentials the function had that gave it out, and deleting the generation ends it.
//! Whoever follows it is sent on to S3, to an address that ends soon.

use std::time::Duration;

use auth::addresses;
use aws::Fault;
use domain::generations::{Addresses, Generation, SignedAddress};
use domain::{Refusal, Timestamp};
use store::System;

use crate::{App, Error, clock};

/// How long the address in S3 lasts at most: a browser goes on asking it for parts of a video that plays.
const STORAGE_EXPIRY: Duration = Duration::from_secs(3_600);

/// The addresses of what a generation delivered, and of its small pictures, in order, until `expires_at`.
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

/// What somebody follows an address for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To show the file.
    Show,
    /// To read it in a script of another origin. A browser keeps an answer by its address, and S3 says
    /// nothing of origins to a request that names none: from one address, what was shown could not be read.
    Read,
    /// To save it, under a name that tells it apart.
    Save,
    /// To know its type and size: by HEAD, for which an address in S3 must be signed on its own.
    Describe,
}

/// Where the file is for a while that an address of ours leads to.
///
/// # Errors
/// [`Refusal::NotFound`] if it is not ours, or the file is deleted; [`Refusal::Expired`] if it has ended.
pub async fn follow(app: &App, signed: &SignedAddress, purpose: Purpose) -> Result<String, Error> {
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
        Purpose::Show => blobs.media_url(key, expiry, None).await?,
        Purpose::Read => blobs.media_url(key, expiry, Some("inline")).await?,
        Purpose::Save => {
            let name = generation.saved_as(file.place, &address.name);
            let saved = blobs::attachment(&name);
            blobs.media_url(key, expiry, Some(&saved)).await?
        }
        Purpose::Describe => blobs.media_head_url(key, expiry).await?,
    })
}
