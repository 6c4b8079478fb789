//! Runs functions as AWS Lambda does: their real binaries, fed through the Runtime API.
//!
//! Owns processes and invocations. Refuses to know a function's callers and the meaning of the payload.

mod api;
mod instance;
mod pool;

pub use pool::{Concurrency, Pool};

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The start of a function.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The binary's name, which is the function's name everywhere on this machine.
    pub name: String,
    /// The binary.
    pub path: PathBuf,
    /// The function's ARN.
    pub arn: String,
    /// Its environment, except for the Runtime API's address.
    pub environment: Vec<(String, String)>,
    /// The time that one invocation may take.
    pub timeout: Duration,
}

/// A function's report of its failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// The description of the problem.
    #[serde(default)]
    pub error_message: String,
    /// The error's type.
    #[serde(default)]
    pub error_type: String,
}

impl FunctionError {
    fn new(error_type: &str, error_message: impl Into<String>) -> Self {
        Self {
            error_message: error_message.into(),
            error_type: error_type.to_owned(),
        }
    }
}

/// A reason for which an invocation has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The function answered with an error, crashed, did not start or ran out of time.
    Function(FunctionError),
    /// Too many invocations wait in line.
    Throttled,
    /// The local cloud is stopping.
    Stopping,
}

impl Failure {
    /// The failure in words.
    pub fn message(&self) -> &str {
        match self {
            Self::Function(error) => &error.error_message,
            Self::Throttled => "too many invocations wait in line",
            Self::Stopping => "the local cloud is stopping",
        }
    }
}
