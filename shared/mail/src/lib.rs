//! Mail to users: the texts of letters, and sending them with SES. Owns both; refuses to know why a letter
//! is sent, and to choose its recipient.

mod letter;

use aws::{Fault, SdkConfig};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use domain::accounts::Email;

pub use letter::{Letter, RenderedLetter, Warning, WebhookDisabled};

/// A client that sends letters.
#[derive(Clone, Debug)]
pub struct Mail {
    client: Client,
    settings: MailSettings,
}

/// The sender of letters, and the target of their links.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The address that letters come from.
    pub sender: String,
    /// The address of the pages that letters link to; `None` if there are no such pages.
    pub app_url: Option<String>,
    /// The configuration set that letters are sent with. Addresses that bounced or complained get no more
    /// letters.
    pub configuration_set: String,
}

impl Mail {
    /// Makes a client; nothing is sent yet.
    #[must_use]
    pub fn new(config: &SdkConfig, settings: MailSettings) -> Self {
        Self {
            client: Client::new(config),
            settings,
        }
    }

    /// Sends a letter to one address. Sending it again sends it twice: SES has no idempotency key.
    ///
    /// # Errors
    /// A [`Fault`] if SES did not take it. It never holds the letter.
    pub async fn send(&self, to: &Email, letter: Letter<'_>) -> Result<(), Fault> {
        let written = letter.write(self.settings.app_url.as_deref());
        let content = content(written).map_err(Fault::doing("writing a letter"))?;
        self.client
            .send_email()
            .from_email_address(&self.settings.sender)
            .configuration_set_name(&self.settings.configuration_set)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(content)
            .send()
            .await
            .map_err(Fault::doing("sending a letter"))?;
        Ok(())
    }
}

fn content(written: RenderedLetter) -> Result<EmailContent, BuildError> {
    let utf8 = |data: String| Content::builder().data(data).charset("UTF-8").build();
    let body = Body::builder()
        .text(utf8(written.text)?)
        .html(utf8(written.html)?)
        .build();
    let message = Message::builder()
        .subject(utf8(written.subject.to_owned())?)
        .body(body)
        .build();
    Ok(EmailContent::builder().simple(message).build())
}
