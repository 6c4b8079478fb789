//! Starts of functions that reach AWS over TLS, step by step, beside the least function that reads an item.
//!
//! Owns the choice of functions and their events. Refuses to know the gateway: it is not asked.

mod sandbox;
mod throttle;
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bench::{Align, Samples, Table, milliseconds, thousands};
use bytes::Bytes;
use serde_json::{Value, json};
use stack::{Binaries, Error, workspace_root};

use self::sandbox::{Function, Start, start};
use self::throttle::Throttle;
use self::tls::TlsFront;
use crate::cloud::{Cloud, because};
use crate::figures::times;

/// The starts of each function, at a whole core and again at a share of one.
const STARTS: usize = 40;
/// The least that reads one item.
const BARE: &str = "bare read";

/// A signed-in user, and something of theirs.
pub struct Subject {
    /// Their id.
    pub user: String,
    /// Their access token.
    pub token: String,
    /// A generation of theirs.
    pub generation: String,
}

/// The results for one function.
pub struct Row {
    name: &'static str,
    whole: Vec<Start>,
    share: Vec<Start>,
}

/// Starts each function again and again, in turn, so that a busy minute of this machine falls on all.
pub async fn measure(
    cloud: &Cloud,
    binaries: &Binaries,
    subject: &Subject,
) -> Result<Vec<Row>, Error> {
    let front = TlsFront::open(cloud.folder(), cloud.aws().port()).await?;
    let functions = functions(cloud, binaries, subject, &front)?;
    let throttle = Throttle::new();
    let mut rows: Vec<Row> = functions
        .iter()
        .map(|function| Row {
            name: function.name,
            whole: Vec::with_capacity(STARTS),
            share: Vec::with_capacity(STARTS),
        })
        .collect();
    for _ in 0..STARTS {
        for (function, row) in functions.iter().zip(&mut rows) {
            row.whole.push(start(function, None).await?);
            if let Some(throttle) = &throttle {
                row.share.push(start(function, Some(throttle)).await?);
            }
        }
    }
    Ok(rows)
}

/// Writes the rows as a table.
pub fn table(rows: &[Row]) -> Table<6> {
    let right = Align::Right;
    let mut table = Table::new([Align::Left, right, right, right, right, right]);
    let head = [
        ["over TLS", "init", "first", "both", "first at", ""],
        ["", "p50", "p50", "p50", "1/7 core", "starts"],
    ];
    for row in head {
        table.push(row.map(str::to_owned));
    }
    for row in rows {
        let shown = |samples: Option<Samples>| match samples {
            Some(samples) => milliseconds(samples.median(), 1),
            None => "-".to_owned(),
        };
        table.push([
            row.name.to_owned(),
            shown(row.samples(|start| start.init)),
            shown(row.samples(|start| start.first)),
            shown(row.samples(|start| start.init + start.first)),
            shown(row.share()),
            thousands(row.whole.len()),
        ]);
    }
    table
}

impl Row {
    fn samples(&self, step: impl Fn(&Start) -> std::time::Duration) -> Option<Samples> {
        Samples::new(self.whole.iter().map(step).collect())
    }

    /// The first answers at a share of a core; none where this user may not make a control group.
    fn share(&self) -> Option<Samples> {
        Samples::new(self.share.iter().map(|start| start.first).collect())
    }

    /// The row for programs.
    pub fn json(&self) -> Value {
        let of = |samples: Option<Samples>| samples.as_ref().map(times);
        json!({
            "name": self.name,
            "init": of(self.samples(|start| start.init)),
            "first": of(self.samples(|start| start.first)),
            "both": of(self.samples(|start| start.init + start.first)),
            "first_at_a_seventh_of_a_core": of(self.share()),
        })
    }
}

fn functions(
    cloud: &Cloud,
    binaries: &Binaries,
    subject: &Subject,
    front: &TlsFront,
) -> Result<Vec<Function>, Error> {
    let environments = cloud.environments()?;
    let ours = |name: &'static str, binary: &str, id: &str, answer_has, event| {
        let path = binaries.get(binary).map(Path::to_owned);
        let path = path.ok_or_else(|| Error::new(format!("{binary} has no binary")))?;
        let declared = environments.get(id).cloned().unwrap_or_default();
        Ok(Function {
            name,
            path,
            environment: environment(declared, front),
            event,
            answer_has,
        })
    };
    let get = |sample: &str, path: Value| -> Result<Bytes, Error> {
        let mut event = sample_event(sample)?;
        event["requestContext"]["authorizer"]["principalId"] = json!(subject.user);
        event["pathParameters"] = path;
        Ok(Bytes::from(event.to_string()))
    };
    let mut authorized = sample_event("accounts-authorize")?;
    authorized["headers"]["Authorization"] = json!(format!("Bearer {}", subject.token));
    let credits = get("credits-balance", Value::Null)?;
    let generation = get(
        "generations-get",
        json!({ "generation_id": subject.generation }),
    )?;
    let is_ok = r#""statusCode":200"#;
    let balance = ours(
        "GET /credits",
        "credits-balance",
        "CreditsBalance",
        is_ok,
        credits.clone(),
    )?;
    let table = balance.environment.get("CREDITS_TABLE").cloned();
    let mut bare = environment(BTreeMap::new(), front);
    bare.insert("TABLE".to_owned(), table.unwrap_or_default());
    Ok(vec![
        Function {
            name: BARE,
            path: PathBuf::from(env!("CARGO_BIN_EXE_bare-read")),
            environment: bare,
            event: credits,
            answer_has: is_ok,
        },
        balance,
        ours(
            "GET /generations/{id}",
            "generations-get",
            "GenerationsGet",
            is_ok,
            generation,
        )?,
        ours(
            "the authorizer",
            "accounts-authorize",
            "AccountsAuthorize",
            r#""Effect":"Allow""#,
            Bytes::from(authorized.to_string()),
        )?,
    ])
}

/// The variables that the template `declared`, and those that Lambda sets besides, with AWS behind TLS.
fn environment(
    mut declared: BTreeMap<String, String>,
    front: &TlsFront,
) -> BTreeMap<String, String> {
    let roots = front.roots.display().to_string();
    let own = [
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_ENDPOINT_URL", &front.endpoint),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "local-secret"),
        ("SSL_CERT_FILE", &roots),
    ];
    declared.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    declared
}

fn sample_event(function: &str) -> Result<Value, Error> {
    let path = workspace_root().join(format!("events/{function}.json"));
    let text = read(&path)?;
    serde_json::from_str(&text).map_err(because("a sample event is not JSON"))
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(because("a sample event cannot be read"))
}
