//! SSM parameters: names, values and versions.
//!
//! Owns `GetParameter`, `GetParameters` and `PutParameter`. Refuses to know the use of a value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::now_ms;
use crate::sqlite::Sqlite;
use crate::wire::{Refusal, Reply, input, json_reply};
use crate::{Config, Error};

const NAMES_MAX: usize = 10;
const VALUE_BYTES_MAX: usize = 8_192;
const SECURE: &str = "SecureString";

/// The parameters. Clones share them.
#[derive(Clone)]
pub(crate) struct Parameters {
    sqlite: Sqlite,
    arn_prefix: String,
}

struct Parameter {
    name: String,
    kind: String,
    value: String,
    version: i64,
    modified_ms: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    #[serde(default)]
    name: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    name: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(default)]
    overwrite: bool,
}

impl Parameters {
    pub(crate) fn open(sqlite: Sqlite, config: &Config) -> Self {
        let arn_prefix = format!(
            "arn:aws:ssm:{}:{}:parameter",
            config.region, config.account_id
        );
        Self { sqlite, arn_prefix }
    }

    /// Answers one operation, named as in `X-Amz-Target`.
    pub(crate) async fn handle(&self, operation: &str, body: &[u8]) -> Reply {
        let outcome = match operation {
            "GetParameter" => self.get_one(body).await,
            "GetParameters" => self.get_many(body).await,
            "PutParameter" => self.put(body).await,
            other => Err(Refusal::of(
                "UnsupportedOperationException",
                format!("The operation {other} is not supported here."),
            )),
        };
        match outcome {
            Ok(body) => json_reply(StatusCode::OK, &body),
            Err(refusal) => refusal.reply(),
        }
    }

    /// Stores a secure parameter, replacing any older value.
    pub(crate) async fn store(&self, name: &str, value: &str) -> Result<(), Error> {
        let (name, value) = (name.to_owned(), value.to_owned());
        let work = move |t: &Transaction<'_>| write(t, &name, SECURE, &value);
        self.sqlite.run(work).await.map(|_version| ())
    }

    /// A parameter's value, decrypted.
    pub(crate) async fn value(&self, name: &str) -> Option<String> {
        let name = name.to_owned();
        let found = self
            .sqlite
            .run(move |t| Ok::<_, Error>(read(t, &name)?))
            .await;
        found.ok().flatten().map(|parameter| parameter.value)
    }

    async fn get_one(&self, body: &[u8]) -> Result<Value, Refusal> {
        let get: Get = input(body)?;
        let name = get.name.clone();
        let found = self
            .sqlite
            .run(move |t| Ok::<_, Refusal>(read(t, &name)?))
            .await?;
        match found {
            Some(found) => Ok(json!({ "Parameter": self.json(found, get.with_decryption) })),
            None => Err(Refusal::of(
                "ParameterNotFound",
                format!("The parameter {} does not exist.", get.name),
            )),
        }
    }

    async fn get_many(&self, body: &[u8]) -> Result<Value, Refusal> {
        let get: Get = input(body)?;
        if !(1..=NAMES_MAX).contains(&get.names.len()) {
            return Err(Refusal::of(
                "ValidationException",
                "Names must hold 1 to 10 names.",
            ));
        }
        let names = get.names;
        let found = self
            .sqlite
            .run(move |t| {
                let read = |name: String| Ok((read(t, &name)?, name));
                names
                    .into_iter()
                    .map(read)
                    .collect::<Result<Vec<_>, Refusal>>()
            })
            .await?;
        let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
        for (parameter, name) in found {
            match parameter {
                Some(parameter) => parameters.push(self.json(parameter, get.with_decryption)),
                None => invalid.push(name),
            }
        }
        Ok(json!({ "Parameters": parameters, "InvalidParameters": invalid }))
    }

    async fn put(&self, body: &[u8]) -> Result<Value, Refusal> {
        let put: Put = input(body)?;
        if put.name.is_empty() || put.value.is_empty() || put.value.len() > VALUE_BYTES_MAX {
            let message = "A parameter needs a name and a value of 1 to 8192 bytes.";
            return Err(Refusal::of("ValidationException", message));
        }
        let version = self
            .sqlite
            .run(move |t| {
                let existing = read(t, &put.name)?;
                if existing.is_some() && !put.overwrite {
                    let message = "The parameter already exists. To overwrite this value, set the \
                                   overwrite option in the request to true.";
                    return Err(Refusal::of("ParameterAlreadyExists", message));
                }
                let kind = put.kind.or(existing.map(|existing| existing.kind));
                let kind = kind.unwrap_or_else(|| "String".to_owned());
                if !["String", "StringList", SECURE].contains(&kind.as_str()) {
                    return Err(Refusal::of(
                        "UnsupportedParameterType",
                        format!("Type {kind}."),
                    ));
                }
                Ok(write(t, &put.name, &kind, &put.value)?)
            })
            .await?;
        Ok(json!({ "Version": version, "Tier": "Standard" }))
    }

    fn json(&self, parameter: Parameter, with_decryption: bool) -> Value {
        let is_hidden = parameter.kind == SECURE && !with_decryption;
        let slash = if parameter.name.starts_with('/') {
            ""
        } else {
            "/"
        };
        json!({
            "Name": parameter.name,
            "Type": parameter.kind,
            "Value": if is_hidden { concealed(&parameter.value) } else { parameter.value },
            "Version": parameter.version,
            "LastModifiedDate": parameter.modified_ms / 1_000,
            "ARN": format!("{}{slash}{}", self.arn_prefix, parameter.name),
            "DataType": "text",
        })
    }
}

/// A stand-in for the ciphertext: a caller who forgets `WithDecryption` must not get the value.
fn concealed(value: &str) -> String {
    STANDARD.encode(Sha256::digest(value.as_bytes()))
}

fn read(t: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Parameter>> {
    t.prepare_cached(
        "SELECT name, kind, value, version, modified_ms FROM parameter WHERE name = ?1",
    )?
    .query_row([name], |row| {
        Ok(Parameter {
            name: row.get(0)?,
            kind: row.get(1)?,
            value: row.get(2)?,
            version: row.get(3)?,
            modified_ms: row.get(4)?,
        })
    })
    .optional()
}

fn write(t: &Transaction<'_>, name: &str, kind: &str, value: &str) -> Result<i64, Error> {
    let version = t
        .prepare_cached(
            "INSERT INTO parameter (name, kind, value, version, modified_ms)
             VALUES (?1, ?2, ?3, 1, ?4)
             ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, value = excluded.value,
                 version = version + 1, modified_ms = excluded.modified_ms
             RETURNING version",
        )?
        .query_row(params![name, kind, value, now_ms()], |row| row.get(0))?;
    Ok(version)
}
