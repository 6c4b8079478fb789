//! The queues that drive jobs, mail and usage-plan keys. Owns the form of messages on the wire, and sending
//! them; refuses to know who receives them, and what a job is: a message names a generation, whose state is
//! in DynamoDB.

mod as_text;
pub mod correlation;
mod outcome;

use std::collections::HashMap;
use std::time::Duration;

use aws::{Fault, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use domain::Timestamp;
use domain::accounts::Email;
use domain::ids::{EventId, GenerationId, InvitationId, TeamId, Tenant, UserId, WebhookEndpointId};
use domain::lanes::Lane;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

pub use outcome::{WireMedia, WireOutcome, WirePiece};

/// The most messages in one batch of SQS.
pub const BATCH_MAX: usize = 10;
/// The longest delay of a message in SQS (`DelaySeconds`).
pub const DELAY_MAX: Duration = Duration::from_secs(900);

/// The addresses of the queues.
#[derive(Clone, Debug)]
pub struct Queues {
    /// Image and audio jobs to submit.
    pub image_url: String,
    /// Video jobs to submit.
    pub video_url: String,
    /// Jobs with news: a report of the provider, or a reason to ask for one.
    pub settle_url: String,
    /// Jobs that the sweep found due. They wait behind each other, so that news does not wait behind them.
    pub look_url: String,
    /// Letters to write.
    pub mail_url: String,
    /// Users whose usage-plan keys must be looked at.
    pub keys_url: String,
    /// Webhook endpoints that must be told something.
    pub deliver_url: String,
    /// Generations whose small pictures must be made.
    pub preview_url: String,
}

/// "Submit this job."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The job.
    #[serde(with = "as_text")]
    pub generation_id: GenerationId,
}

/// "Look at this job", with the provider's report, if there is one.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The job.
    #[serde(with = "as_text")]
    pub generation_id: GenerationId,
    /// The report in a verified webhook.
    pub word: Option<ProviderReport>,
    /// The time to which the sweep put the job's next look off when it sent this, in milliseconds since the
    /// Unix epoch.
    pub leased_until_ms: Option<i64>,
}

/// The report of a verified webhook about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderReport {
    /// The provider's id of the job.
    pub request_id: String,
    /// The outcome.
    pub outcome: WireOutcome,
}

/// "Write this letter." It names the recipient, but holds no token: the worker makes the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SendMail {
    /// The letter that verifies an e-mail.
    VerifyEmail {
        /// The user.
        #[serde(with = "as_text")]
        user_id: UserId,
    },
    /// The letter that invites somebody into a team.
    Invitation {
        /// The team.
        #[serde(with = "as_text")]
        team_id: TeamId,
        /// The invitation.
        #[serde(with = "as_text")]
        invitation_id: InvitationId,
        /// The version of the invitation, which each sending increments.
        version: u64,
    },
    /// The letter that tells the owner of a wallet that credits run out.
    Alert {
        /// The id of the alert's note.
        note: String,
    },
    /// The letter that tells the managers of a webhook endpoint that it was disabled.
    WebhookDisabled {
        /// The endpoint.
        #[serde(with = "as_text")]
        endpoint_id: WebhookEndpointId,
    },
    /// The letter that lets a user choose another password, if there is an account.
    ResetPassword {
        /// The e-mail that was given.
        #[serde(with = "as_text")]
        email: Email,
    },
}

/// "Look at usage-plan keys."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LookAtKeys {
    /// At the keys of a user who has a note, which ends when that is done.
    Noted {
        /// The user.
        #[serde(with = "as_text")]
        user_id: UserId,
        /// When the note is due, in milliseconds since the Unix epoch.
        due_at_ms: i64,
    },
    /// At the keys of a user who called.
    Seen {
        /// The user.
        #[serde(with = "as_text")]
        user_id: UserId,
    },
    /// At the shared keys of the plans.
    Shared,
}

/// "Tell this webhook endpoint."
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// The endpoint.
    #[serde(with = "as_text")]
    pub endpoint_id: WebhookEndpointId,
    /// The event to tell. Without one, the endpoint is gone, and its deliveries must be deleted.
    pub event_id: Option<EventText>,
}

/// "Make small pictures of this generation's files."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// The generation.
    #[serde(with = "as_text")]
    pub generation_id: GenerationId,
}

/// The id of an event on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventText(#[serde(with = "as_text")] pub EventId);

/// A client that sends messages.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    queues: Queues,
}

impl Queue {
    /// Makes a client for `queues`.
    #[must_use]
    pub fn new(config: &SdkConfig, queues: Queues) -> Self {
        Self {
            client: Client::new(config),
            queues,
        }
    }

    /// Asks a worker to submit a job. The tenant is the group in the fair queue: many jobs of one tenant
    /// wait behind each other.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it. The sweep then finds the job by its due time.
    pub async fn submit(
        &self,
        lane: Lane,
        tenant: &Tenant,
        generation: &GenerationId,
    ) -> Result<(), Fault> {
        let message = Submit {
            generation_id: generation.clone(),
        };
        let url = match lane {
            Lane::Image => &self.queues.image_url,
            Lane::Video => &self.queues.video_url,
        };
        self.client
            .send_message()
            .queue_url(url)
            .message_group_id(tenant.as_str())
            .message_body(encode(&message)?)
            .set_message_attributes(attributes())
            .send()
            .await
            .map_err(Fault::doing("sending a job to its submit queue"))?;
        Ok(())
    }

    /// Asks the settle worker to look at a job, with the provider's report if there is one.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it.
    pub async fn settle(&self, message: &Settle) -> Result<(), Fault> {
        self.client
            .send_message()
            .queue_url(&self.queues.settle_url)
            .message_body(encode(message)?)
            .set_message_attributes(attributes())
            .send()
            .await
            .map_err(Fault::doing("sending a job to the settle queue"))?;
        Ok(())
    }

    /// Asks the settle worker to look at all of these jobs, ten a call. Each is leased until its time.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take all of them. The others are due again after their lease.
    pub async fn look_at_all(&self, leased: &[(GenerationId, Timestamp)]) -> Result<(), Fault> {
        for batch in leased.chunks(BATCH_MAX) {
            let mut entries = Vec::with_capacity(batch.len());
            for (n, (generation, until)) in batch.iter().enumerate() {
                let body = encode(&Settle {
                    generation_id: generation.clone(),
                    word: None,
                    leased_until_ms: Some(until.ms()),
                })?;
                entries.push(
                    SendMessageBatchRequestEntry::builder()
                        .id(n.to_string())
                        .message_body(body)
                        .build()
                        .map_err(Fault::doing("building a batch for the look queue"))?,
                );
            }
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.queues.look_url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(Fault::doing("sending due jobs to the look queue"))?;
            if let Some(failed) = sent.failed().first() {
                return Err(Fault::new(
                    "sending due jobs to the look queue",
                    failed.code().to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Returns the number of jobs that wait for a look or are being looked at: approximately, as SQS
    /// counts.
    ///
    /// # Errors
    /// A [`Fault`] if SQS does not answer.
    pub async fn looks_waiting(&self) -> Result<u32, Fault> {
        use aws_sdk_sqs::types::QueueAttributeName::{
            ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
        };
        let doing = "counting the look queue";
        let found = self
            .client
            .get_queue_attributes()
            .queue_url(&self.queues.look_url)
            .attribute_names(ApproximateNumberOfMessages)
            .attribute_names(ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let counts = found.attributes.unwrap_or_default();
        let mut waiting: u32 = 0;
        for name in [
            ApproximateNumberOfMessages,
            ApproximateNumberOfMessagesNotVisible,
        ] {
            let count = counts.get(&name).map_or("0", String::as_str);
            waiting = waiting.saturating_add(count.parse().map_err(Fault::doing(doing))?);
        }
        Ok(waiting)
    }

    /// Asks the mail worker to write a letter.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it.
    pub async fn send_mail(&self, message: &SendMail) -> Result<(), Fault> {
        self.client
            .send_message()
            .queue_url(&self.queues.mail_url)
            .message_body(encode(message)?)
            .set_message_attributes(attributes())
            .send()
            .await
            .map_err(Fault::doing("sending a letter to its queue"))?;
        Ok(())
    }

    /// Asks the key worker to look at keys.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it.
    pub async fn look_at_keys(&self, message: &LookAtKeys) -> Result<(), Fault> {
        self.client
            .send_message()
            .queue_url(&self.queues.keys_url)
            .message_body(encode(message)?)
            .send()
            .await
            .map_err(Fault::doing("sending a message to the key queue"))?;
        Ok(())
    }

    /// Asks the delivery worker to tell an endpoint of an event, `delay` from now (15 minutes at most). The
    /// tenant is the group in the fair queue: deliveries to a tenant's slow receivers wait behind each
    /// other.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it. The sweep then finds the delivery by its due time.
    pub async fn deliver(
        &self,
        tenant: &Tenant,
        endpoint: &WebhookEndpointId,
        event: &EventId,
        delay: Duration,
    ) -> Result<(), Fault> {
        let message = Deliver {
            endpoint_id: endpoint.clone(),
            event_id: Some(EventText(event.clone())),
        };
        let delay_s = delay.min(DELAY_MAX).as_secs();
        self.client
            .send_message()
            .queue_url(&self.queues.deliver_url)
            .message_group_id(tenant.as_str())
            .delay_seconds(i32::try_from(delay_s).unwrap_or_default())
            .message_body(encode(&message)?)
            .set_message_attributes(attributes())
            .send()
            .await
            .map_err(Fault::doing("sending a webhook to its queue"))?;
        Ok(())
    }

    /// Asks the delivery worker to look at all of these, ten a call. The endpoint is the group in the fair
    /// queue.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take all of them. The others are due again.
    pub async fn deliver_all(
        &self,
        due: &[(WebhookEndpointId, Option<EventId>)],
    ) -> Result<(), Fault> {
        let doing = "sending due webhooks to their queue";
        for batch in due.chunks(BATCH_MAX) {
            let mut entries = Vec::with_capacity(batch.len());
            for (n, (endpoint, event)) in batch.iter().enumerate() {
                let body = encode(&Deliver {
                    endpoint_id: endpoint.clone(),
                    event_id: event.clone().map(EventText),
                })?;
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(n.to_string())
                    .message_group_id(endpoint.as_str())
                    .message_body(body);
                entries.push(entry.build().map_err(Fault::doing(doing))?);
            }
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.queues.deliver_url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(Fault::doing(doing))?;
            if let Some(failed) = sent.failed().first() {
                return Err(Fault::new(doing, format!("SQS refused: {}", failed.code())));
            }
        }
        Ok(())
    }

    /// Asks the preview worker for small pictures. The tenant is the group in the fair queue: many files of
    /// one tenant wait behind each other.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it. The sweep then finds the generation by its due time.
    pub async fn preview(&self, tenant: &Tenant, id: &GenerationId) -> Result<(), Fault> {
        let message = Preview {
            generation_id: id.clone(),
        };
        self.client
            .send_message()
            .queue_url(&self.queues.preview_url)
            .message_group_id(tenant.as_str())
            .message_body(encode(&message)?)
            .set_message_attributes(attributes())
            .send()
            .await
            .map_err(Fault::doing("sending a message to the preview queue"))?;
        Ok(())
    }

    /// Hides a received message for `seconds` from now, so that its retry comes then.
    ///
    /// # Errors
    /// A [`Fault`] if SQS refused. The message then comes back when its visibility ends.
    pub async fn retry_in(
        &self,
        lane: Lane,
        receipt_handle: &str,
        seconds: i32,
    ) -> Result<(), Fault> {
        let url = match lane {
            Lane::Image => &self.queues.image_url,
            Lane::Video => &self.queues.video_url,
        };
        self.client
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(seconds)
            .send()
            .await
            .map_err(Fault::doing("shortening a message's visibility"))?;
        Ok(())
    }

    /// Whether the settle queue answers.
    ///
    /// # Errors
    /// A [`Fault`] if it does not.
    pub async fn check(&self) -> Result<(), Fault> {
        self.client
            .get_queue_attributes()
            .queue_url(&self.queues.settle_url)
            .attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(Fault::doing("asking for a queue's attributes"))?;
        Ok(())
    }
}

fn attributes() -> Option<HashMap<String, MessageAttributeValue>> {
    let attribute = correlation::attribute()?;
    Some(HashMap::from([(
        correlation::ATTRIBUTE.to_owned(),
        attribute,
    )]))
}

fn encode(message: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(message).map_err(Fault::doing("writing a message"))
}
