//! A local cloud in a process of its own, for tests that end a process the hard way.
//! Arguments: the template, the function's binary, the data folder, the name of each binary.

use std::io::Write;
use std::path::PathBuf;

use stack::{Log, Options, Stack};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut path = || {
        arguments
            .next()
            .map(PathBuf::from)
            .ok_or("an argument is missing")
    };
    let (template, function, data) = (path()?, path()?, path()?);
    let stack = Stack::start(Options {
        template,
        binaries: arguments.map(|name| (name, function.clone())).collect(),
        data: Some(data),
        log: Log::Silent,
        ..Options::default()
    })
    .await?;
    writeln!(std::io::stdout(), "{}", stack.url())?;
    std::future::pending().await
}
