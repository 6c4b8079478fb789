//! What the provider and Stripe call. Each proves itself by a signature over its bytes.

use domain::callers::Everybody;

use crate::endpoint::{Empty, Endpoint, Nothing, Signed};

/// The provider's callback. Proven by signature, time and the secret in its address, or 401.
pub const FAL: Endpoint<Everybody, Nothing, Signed> = Endpoint::public("POST /webhooks/fal");
/// An event of Stripe's. Proven by signature and time, or 401; what concerns nobody here is taken and forgotten.
pub const STRIPE: Endpoint<Everybody, Empty<200>, Signed> =
    Endpoint::public("POST /webhooks/stripe");
