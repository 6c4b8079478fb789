//! For the provider and for Stripe: no client calls these, and each proves itself by a signature over its bytes.

use serde_json::json;

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{schema, webhooks};

const TABLE: Table = Table { tag: "webhooks" };

pub(super) fn operations() -> Vec<Operation> {
    vec![
        TABLE
            .operation(&webhooks::FAL, "webhooksFal", "The provider's callback")
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
            .answers("Taken.")
            .refuses(&[Code::Unauthorized]),
        TABLE
            .operation(&webhooks::STRIPE, "webhooksStripe", "An event of Stripe's")
            .heeds::<schema::SignedPart>(
                "Stripe-Signature",
                "A time and an HMAC over it and the body.",
            )
            .takes_any(|_| json!({"examples": [{"type": "charge.refunded"}]}))
            .answers("Taken, or of no concern.")
            .refuses(&[Code::Unauthorized]),
    ]
}
