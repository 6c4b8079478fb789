//! The queues that drive jobs, mail and usage-plan keys. Owns the messages' form on the wire and sending them; refuses to know who receives
//! them or what a job is: a message names a generation, and its state lives in DynamoDB.

pub mod correlation;

use std::collections::HashMap;

use aws::{Fault, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use domain::generations::{Failure, FailureCode, Media, Outcome};
use domain::ids::{GenerationId, Tenant};
use serde::{Deserialize, Serialize};

/// How many messages SQS takes in one batch.
pub const BATCH_MAX: usize = 10;

/// Where each queue is.
#[derive(Clone, Debug)]
pub struct Queues {
    /// Images and audio to submit.
    pub image_url: String,
    /// Videos to submit.
    pub video_url: String,
    /// Jobs to look at, with or without word from the provider.
    pub settle_url: String,
    /// Letters to write.
    pub mail_url: String,
    /// Users whose usage-plan keys must be looked at.
    pub keys_url: String,
}

/// Which submit queue: long videos never wait behind images, nor images behind videos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Quick things.
    Image,
    /// Slow things.
    Video,
}

/// "Submit this job."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The job.
    pub generation_id: String,
}

/// "Look at this job", with what the provider said of it, if it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// The job.
    pub generation_id: String,
    /// What a verified webhook said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Word>,
}

/// What a verified webhook said of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// The provider's id for it.
    pub request_id: String,
    /// How it ended.
    pub outcome: WireOutcome,
}

/// [`Outcome`] on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WireOutcome {
    /// It made these.
    Succeeded(Vec<WireMedia>),
    /// It failed: a code of [`FailureCode`], and why.
    Failed {
        /// The stable code.
        code: String,
        /// One sentence.
        message: String,
    },
}

/// [`Media`] on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireMedia {
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

/// "Write this letter." It names whom to write to, and holds no token: the worker makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SendMail {
    /// The one that verifies an e-mail.
    VerifyEmail {
        /// Whose.
        user_id: String,
    },
    /// The one that lets somebody choose another password, if there is somebody.
    ResetPassword {
        /// The e-mail that was given.
        email: String,
    },
}

/// "Look at the usage-plan keys of this user." It names a note, which ends when that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookAtKeys {
    /// Whose.
    pub user_id: String,
    /// When the note is due, in milliseconds since the Unix epoch.
    pub due_at_ms: i64,
}

impl From<Outcome> for WireOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded(media) => Self::Succeeded(
                media
                    .into_iter()
                    .map(
                        |Media {
                             url,
                             content_type,
                             width,
                             height,
                         }| WireMedia {
                            url,
                            content_type,
                            width,
                            height,
                        },
                    )
                    .collect(),
            ),
            Outcome::Failed(Failure { code, message }) => Self::Failed {
                code: code.as_str().to_owned(),
                message,
            },
        }
    }
}

impl From<WireOutcome> for Outcome {
    fn from(outcome: WireOutcome) -> Self {
        match outcome {
            WireOutcome::Succeeded(media) => Self::Succeeded(
                media
                    .into_iter()
                    .map(
                        |WireMedia {
                             url,
                             content_type,
                             width,
                             height,
                         }| Media {
                            url,
                            content_type,
                            width,
                            height,
                        },
                    )
                    .collect(),
            ),
            WireOutcome::Failed { code, message } => {
                // A code that only a newer version knows is still a failure at the provider.
                Self::Failed(Failure::new(
                    FailureCode::parse(&code).unwrap_or(FailureCode::ProviderError),
                    message,
                ))
            }
        }
    }
}

/// Sends messages.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    queues: Queues,
}

impl Queue {
    /// A sender to `queues`.
    #[must_use]
    pub fn new(config: &SdkConfig, queues: Queues) -> Self {
        Self {
            client: Client::new(config),
            queues,
        }
    }

    /// Asks a worker to submit a job. The tenant is the fair queue's group: one tenant's flood waits behind itself.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it; the sweep finds the job by its due time then.
    pub async fn submit(
        &self,
        lane: Lane,
        tenant: &Tenant,
        generation: &GenerationId,
    ) -> Result<(), Fault> {
        let message = Submit {
            generation_id: generation.to_string(),
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

    /// Asks the settle worker to look at a job, with the provider's word if there is one.
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

    /// Asks the settle worker to look at all of these jobs, ten a call.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take all of them; those that it did not take are due still.
    pub async fn settle_all(&self, generations: &[GenerationId]) -> Result<(), Fault> {
        for batch in generations.chunks(BATCH_MAX) {
            let mut entries = Vec::with_capacity(batch.len());
            for (n, generation) in batch.iter().enumerate() {
                let body = encode(&Settle {
                    generation_id: generation.to_string(),
                    word: None,
                })?;
                entries.push(
                    SendMessageBatchRequestEntry::builder()
                        .id(n.to_string())
                        .message_body(body)
                        .build()
                        .map_err(Fault::doing("building a batch for the settle queue"))?,
                );
            }
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.queues.settle_url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(Fault::doing("sending due jobs to the settle queue"))?;
            if let Some(failed) = sent.failed().first() {
                return Err(Fault::new(
                    "sending due jobs to the settle queue",
                    failed.code().to_owned(),
                ));
            }
        }
        Ok(())
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

    /// Asks the key worker to look at the keys of a user.
    ///
    /// # Errors
    /// A [`Fault`] if SQS did not take it; the sweep finds the note then.
    pub async fn look_at_keys(&self, message: &LookAtKeys) -> Result<(), Fault> {
        self.client
            .send_message()
            .queue_url(&self.queues.keys_url)
            .message_body(encode(message)?)
            .send()
            .await
            .map_err(Fault::doing("sending a user to the key queue"))?;
        Ok(())
    }

    /// Hides a received message for `seconds` more (or less), so that its retry comes then.
    ///
    /// # Errors
    /// A [`Fault`] if SQS refused; the message then comes back when its visibility ends.
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
