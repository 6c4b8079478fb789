//! The faults that keep a local cloud from starting.

use std::path::PathBuf;
use std::time::Duration;

use stack::{Binaries, Options, Stack};

use crate::harness::{Cloud, FUNCTION, binaries, options};

async fn problem(options: Options) -> String {
    Stack::start(options).await.err().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_template_or_parameter_is_named() {
    let missing = Options {
        template: PathBuf::from("no/such.yaml"),
        ..options()
    };
    assert!(
        problem(missing)
            .await
            .starts_with("cannot read no/such.yaml")
    );

    let colour = |value: &str| [("Colour".to_owned(), value.to_owned())].into();
    let wrong = Options {
        parameters: colour("red"),
        ..options()
    };
    assert_eq!(
        problem(wrong).await,
        "the parameter Colour must be one of green, blue"
    );
    // This value adds a function whose binary does not exist.
    let missing = Options {
        parameters: colour("blue"),
        ..options()
    };
    assert_eq!(
        problem(missing).await,
        "the template's function Secondly needs the binary not-built, which no package builds"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_cannot_be_run_is_named() {
    let not_runnable = crate::harness::template();
    let broken: Binaries = crate::harness::BINARIES
        .iter()
        .map(|name| {
            let path = if *name == "main" {
                not_runnable.clone()
            } else {
                PathBuf::from(FUNCTION)
            };
            ((*name).to_owned(), path)
        })
        .collect();
    let sentence = problem(Options {
        binaries: broken,
        ..options()
    })
    .await;
    assert!(
        sentence.starts_with("the template's function Main needs"),
        "{sentence}"
    );
    assert!(
        sentence.ends_with("template.yaml, which cannot be run"),
        "{sentence}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_the_function_that_does_not_start() {
    let cloud = Cloud::start_with(Options {
        binaries: binaries(),
        ..options()
    })
    .await;
    let sentence = cloud
        .stack
        .probe(Duration::from_secs(10))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        sentence,
        "the function never-starts does not start: \
         Runtime exited with error: exit status 7: a variable is missing"
    );
    assert_eq!(cloud.function("main").await["cold_starts"], 0);
}
