//! SES: mail is accepted, and kept to be read instead of sent.
//!
//! Owns the outbox and its bound. Refuses to deliver anything.

use hyper::StatusCode;
use rusqlite::{Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::{now_ms, rfc3339_ms};
use crate::sqlite::Sqlite;
use crate::wire::{Refusal, Reply, input, json_reply};
use crate::{Error, Mail};

/// The path at which SES v2 takes mail.
pub(crate) const PATH: &str = "/v2/email/outbound-emails";
const MAILS_KEPT_MAX: u32 = 1_000;
const RECIPIENTS_MAX: usize = 50;

/// The mail that was accepted. Clones share it.
#[derive(Clone)]
pub(crate) struct Outbox {
    sqlite: Sqlite,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    #[serde(default)]
    from_email_address: String,
    #[serde(default)]
    destination: Destination,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Part,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Part>,
    html: Option<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    data: String,
}

impl Outbox {
    pub(crate) fn open(sqlite: Sqlite) -> Self {
        Self { sqlite }
    }

    /// Answers `SendEmail`.
    pub(crate) async fn handle(&self, body: &[u8]) -> Reply {
        match self.accept(body).await {
            Ok(body) => json_reply(StatusCode::OK, &body),
            Err(refusal) => refusal.reply(),
        }
    }

    /// The kept mails, newest last; none when the file cannot be read.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.sqlite
            .run_here(|t| read(t).map_err(Error::from))
            .unwrap_or_default()
    }

    async fn accept(&self, body: &[u8]) -> Result<Value, Refusal> {
        let mail: SendEmail = input(body)?;
        let refuse = |message: &str| Err(Refusal::of("BadRequestException", message));
        if mail.from_email_address.is_empty() {
            return refuse("Missing From address.");
        }
        if !mail.from_email_address.contains('@') {
            return refuse("Missing final '@domain'");
        }
        // Nobody can own a domain below `invalid` (RFC 2606), so nobody has verified one.
        let from = mail.from_email_address.trim_end_matches('>');
        if from.ends_with(".invalid") {
            let message = format!(
                "Email address is not verified. The following identities failed the check in region US-EAST-1: {from}"
            );
            return Err(Refusal::of("MessageRejected", &message));
        }
        let Some(simple) = mail.content.simple else {
            return refuse("Only simple content is supported here.");
        };
        if simple.body.text.is_none() && simple.body.html.is_none() {
            return refuse("The body needs text or HTML.");
        }
        let mut to = mail.destination.to_addresses;
        to.extend(mail.destination.cc_addresses);
        to.extend(mail.destination.bcc_addresses);
        if !(1..=RECIPIENTS_MAX).contains(&to.len()) || to.iter().any(|a| !a.contains('@')) {
            return refuse("The destination needs 1 to 50 addresses.");
        }
        let data = |part: Option<Part>| part.map(|part| part.data).unwrap_or_default();
        let (text, html) = (data(simple.body.text), data(simple.body.html));
        let subject = simple.subject.data;
        self.sqlite
            .run(move |t| write(t, &to, &subject, &text, &html))
            .await?;
        Ok(json!({ "MessageId": uuid::Uuid::new_v4().to_string() }))
    }
}

fn write(
    t: &Transaction<'_>,
    to: &[String],
    subject: &str,
    text: &str,
    html: &str,
) -> Result<(), Refusal> {
    t.prepare_cached(
        "INSERT INTO mail (recipients, subject, text, html, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        json!(to).to_string(),
        subject,
        text,
        html,
        now_ms()
    ])?;
    t.prepare_cached("DELETE FROM mail WHERE id <= ?1 - ?2")?
        .execute(params![t.last_insert_rowid(), MAILS_KEPT_MAX])?;
    Ok(())
}

fn read(t: &Transaction<'_>) -> rusqlite::Result<Vec<Mail>> {
    let mut statement = t.prepare_cached(
        "SELECT recipients, subject, text, html, created_ms FROM mail ORDER BY id",
    )?;
    let mails = statement.query_map([], |row| {
        let recipients: String = row.get(0)?;
        Ok(Mail {
            to: serde_json::from_str(&recipients).unwrap_or_default(),
            subject: row.get(1)?,
            text: row.get(2)?,
            html: row.get(3)?,
            created_at: rfc3339_ms(row.get(4)?),
        })
    })?;
    mails.collect()
}
