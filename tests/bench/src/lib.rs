//! The times of a read and a submit, cold and warm, beside a function that does nothing.
//!
//! ```sh
//! cargo bench --package bench
//! ```
//!
//! builds the release binaries, starts the local cloud in this process, and measures each row of one
//! table through its gateway over real HTTP. It takes about a minute after the build. `cargo test`
//! measures nothing.
//!
//! # Reading the table
//!
//! - **Compare rows of one run.** Gateway, Runtime API, database and client share this machine's
//!   cores with the function, so every number contains them. The first row is that floor: a bare
//!   `lambda_http` function behind the same gateway. The difference between a row and the floor is our own:
//!   starting the SDKs, and the calls to DynamoDB and SQS.
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
//!
//! This library owns the numbers and the table. It refuses to know the subjects.

mod samples;
mod table;

pub use samples::Samples;
pub use table::{Align, Table, megabytes, milliseconds, thousands};
