//! The callbacks of the provider and of Stripe. Each is authenticated by a signature over its bytes.

use domain::callers::Everybody;
use serde_json::json;

use crate::codes::Code;
use crate::endpoint::{Empty, Endpoint, Nothing, Signed};
use crate::operation::{Operation, tags};
use crate::schema;

/// The provider's callback. It needs a valid signature, a recent time and the secret in its address, or it
/// gets 401.
pub const FAL: Endpoint<Everybody, Nothing, Signed> = Endpoint::public("POST /webhooks/fal");
/// An event from Stripe. It needs a valid signature and a recent time, or it gets 401. An event that
/// concerns no purchase of ours is accepted and ignored.
pub const STRIPE: Endpoint<Everybody, Empty<200>, Signed> =
    Endpoint::public("POST /webhooks/stripe");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::WEBHOOKS
            .operation(&FAL, "webhooksFal", "The provider's callback")
            .heeds::<schema::SignedPart>(
                "X-Fal-Webhook-Request-Id",
                "The provider's id of the job.",
            )
            .heeds::<schema::SignedPart>("X-Fal-Webhook-User-Id", "Our account there.")
            .heeds::<schema::SignedPart>(
                "X-Fal-Webhook-Timestamp",
                "When it was signed, in Unix seconds.",
            )
            .heeds::<schema::SignedPart>("X-Fal-Webhook-Signature", "Ed25519, hexadecimal.")
            .asks::<schema::SignedPart>("generation", "Our job.")
            .asks::<schema::SignedPart>("token", "Our secret for it.")
            .asks::<schema::SignedPart>("request", "The request that asked for it.")
            .takes_any(|_| json!({"examples": [{"status": "OK"}]}))
            .answers("Accepted.")
            .refuses(&[Code::Unauthorized]),
        tags::WEBHOOKS
            .operation(&STRIPE, "webhooksStripe", "An event of Stripe's")
            .heeds::<schema::SignedPart>(
                "Stripe-Signature",
                "A time and an HMAC over it and the body.",
            )
            .takes_any(|_| json!({"examples": [{"type": "charge.refunded"}]}))
            .answers("Accepted, or ignored.")
            .refuses(&[Code::Unauthorized]),
    ]
}
