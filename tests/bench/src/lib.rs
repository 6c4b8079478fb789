//! The times of requests, whole jobs and starts, beside functions that do as little as possible.
//!
//! ```sh
//! cargo bench --package bench
//! cargo bench --package bench -- --only starts --json figures.json
//! ```
//!
//! builds the release binaries, starts the local cloud in this process, and prints a table for each kind of
//! figure; `--help` names them. `cargo test` measures nothing.
//!
//! # Reading the tables
//!
//! - **Compare rows of one run.** Gateway, Runtime API, database and client share this machine's
//!   cores with the function, so every time contains them. The first row is that floor: a bare
//!   `lambda_http` function behind the same gateway. The difference between a row and the floor is our own:
//!   starting the SDKs, and the calls to DynamoDB and SQS. **CPU** is the function's alone.
//! - **cold start** is the time from sending a request to the last byte of its answer, when the
//!   function's process was ended just before. The binary is in the page cache. On AWS, placing and
//!   unpacking the function comes on top, and less processor time (a 256 MB function has a seventh
//!   of a core once it has started).
//! - **p50, p99** are of the same request again and again on one warm instance, never two at once:
//!   this is latency, not throughput. A percentile is a value that was measured (nearest rank).
//! - **starts, calls** are the numbers of samples. An answer with another status than the expected one, or an
//!   unexpected start, ends the run: no refusal is ever counted.
//! - **binary** is the size of the stripped executable, in millions of bytes.
//! - The authorizer's answer is cached in every row but the one that names it. In that row, each request
//!   comes from a caller that the gateway does not know: the authorizer runs, and is cold whenever the
//!   function is.
//! - A submit opens a job, which workers then take up. Its prompt makes the provider's stand-in
//!   refuse it, so that it ends within milliseconds; the next one is sent only after that. A worker
//!   has the same cores, though, and may begin before the submit has been answered.
//! - **a whole job** is from the submit until its owner, who asks every five milliseconds, sees it succeeded.
//!   The time that the stand-in takes for the picture is part of it, and no part of its CPU: that is of the
//!   four functions, the submit's, the worker's, the webhook's and the one that settles.
//!
//! # Starts
//!
//! The second table speaks to the functions without the gateway, by a Runtime API of its own, and puts TLS
//! before the local AWS, as there is before the real one: an issuer and a certificate on P-256, which is no
//! cheaper to verify than AWS's RSA. The names are looked up. A function has a whole core while it starts.
//! The column at a seventh of a core moves its process into a control group before it is sent its first
//! request: a millisecond of every seven. Where this user may not make such a group, it is empty.
//!
//! This library owns the numbers and the table. It refuses to know the subjects.

mod samples;
mod table;

pub use samples::Samples;
pub use table::{Align, Table, megabytes, milliseconds, thousands};
