//! `cargo local`: builds the functions and serves the template on this machine until it is stopped.
//!
//! Owns the command line, the banner and the ready file. Everything else is the library's.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use stack::{Binaries, Error, Log, Options, Stack, StripeSecrets};
use tokio::signal::unix::{SignalKind, signal};

/// The time in which the functions should show that they start.
const PROBE_BUDGET: Duration = Duration::from_millis(1_200);

const EXAMPLES: &str = "\
Examples:
  cargo local                               serve on port 3000, keep everything in .velro
  cargo local --ephemeral --port 0          a fresh cloud on any free port; nothing is kept
  cargo local --docker                      for `sam local invoke`, which reads .velro/sam-local.json
  cargo local --param UnknownHours=1        with another value for a template parameter
  FAL_KEY=... cargo local                   generate with the real fal.ai instead of the stand-in
  STRIPE_KEY=... STRIPE_WEBHOOK_SECRET=... cargo local
                                            sell with the real Stripe instead of the stand-in";

/// Runs Velro on this machine: builds the functions, reads template.yaml, and serves its API.
#[derive(Parser)]
#[command(name = "cargo local", after_help = EXAMPLES)]
struct Arguments {
    /// The port to serve on; 0 for any free one.
    #[arg(long, default_value_t = 3000, value_name = "N")]
    port: u16,
    /// The folder of the state.
    #[arg(long, default_value = ".velro", value_name = "DIR")]
    data: PathBuf,
    /// Keep nothing.
    #[arg(long, conflicts_with = "data")]
    ephemeral: bool,
    /// Turn off usage plans, stage throttles and limits by address.
    #[arg(long)]
    no_throttle: bool,
    /// Let Docker's containers reach the services, for `sam local invoke`.
    #[arg(long)]
    docker: bool,
    /// The value of a template parameter; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// A file to write the base URL to once everything answers; it is removed at the end.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Build and run optimized binaries.
    #[arg(long)]
    release: bool,
    /// The template to serve.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Show every line that the functions write, metrics included.
    #[arg(long, conflicts_with = "quiet")]
    verbose: bool,
    /// Do not report requests, messages and scheduled runs.
    #[arg(long)]
    quiet: bool,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed, nobody is left to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut options = options(&arguments);
    options.check()?;
    check_port(arguments.port)?;
    if let Some(file) = &arguments.ready_file {
        check_folder_of(file)?;
        // An earlier run's file would say that this run is ready.
        remove(file)?;
    }
    options.binaries = build(arguments.release)?;

    let mut interrupted = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut hung_up = signal(SignalKind::hangup()).map_err(no_signals)?;
    let stopped = async {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    };
    tokio::pin!(stopped);

    let stack = tokio::select! {
        () = &mut stopped => return Ok(()),
        stack = Stack::start(options) => stack?,
    };
    let probed = tokio::select! {
        () = &mut stopped => Err(None),
        probed = stack.probe(PROBE_BUDGET) => probed.map_err(Some),
    };
    if let Err(problem) = probed {
        stack.shutdown().await;
        return problem.map_or(Ok(()), Err);
    }
    if let Some(file) = &arguments.ready_file {
        stack::write_privately(file, stack.url().as_bytes())
            .map_err(|problem| Error::new(format!("cannot write {}: {problem}", file.display())))?;
    }
    say(&banner(&stack, &arguments));
    stopped.await;
    if let Some(file) = &arguments.ready_file {
        remove(file)?;
    }
    stack.shutdown().await;
    Ok(())
}

fn options(arguments: &Arguments) -> Options {
    let usual = || stack::workspace_root().join("template.yaml");
    Options {
        template: arguments.template.clone().unwrap_or_else(usual),
        binaries: Binaries::default(),
        port: arguments.port,
        data: (!arguments.ephemeral).then(|| arguments.data.clone()),
        no_throttle: arguments.no_throttle,
        docker: arguments.docker,
        parameters: arguments
            .parameters
            .iter()
            .cloned()
            .collect::<BTreeMap<_, _>>(),
        log: match (arguments.quiet, arguments.verbose) {
            (true, _) => Log::Silent,
            (false, true) => Log::Verbose,
            (false, false) => Log::Calm,
        },
        retired: Vec::new(),
        fal_key: variable("FAL_KEY"),
        stripe: variable("STRIPE_KEY").map(|key| StripeSecrets {
            key,
            webhook_secret: variable("STRIPE_WEBHOOK_SECRET").unwrap_or_default(),
        }),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Checks that the port is free, before a long build finds out that it is not.
fn check_port(port: u16) -> Result<(), Error> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(problem) if problem.kind() == std::io::ErrorKind::AddrInUse => Err(Error::new(
            format!("port {port} is in use; choose another with --port"),
        )),
        Err(problem) => Err(Error::new(format!(
            "cannot listen on port {port}: {problem}"
        ))),
    }
}

/// Checks that the file's folder exists, for the same reason.
fn check_folder_of(file: &Path) -> Result<(), Error> {
    let folder = match file.parent() {
        Some(folder) if folder != "" => folder,
        Some(_) | None => Path::new("."),
    };
    if folder.is_dir() {
        return Ok(());
    }
    let (file, folder) = (file.display(), folder.display());
    Err(Error::new(format!(
        "cannot write {file}: {folder} is not a folder"
    )))
}

/// Builds the functions, with one line that shows the progress.
fn build(release: bool) -> Result<Binaries, Error> {
    let started = Instant::now();
    let terminal = std::io::stdout().is_terminal();
    let line = |done: usize| {
        format!(
            "Building the functions: {done} crates, {} s",
            started.elapsed().as_secs()
        )
    };
    if !terminal {
        say("Building the functions\n");
    }
    let built = stack::build(release, |done| {
        if terminal {
            say(&format!("\r\x1b[K{}", line(done)));
        }
    });
    if terminal {
        say("\r\x1b[K");
    }
    let built = built?;
    say(&format!(
        "Built the functions in {:.1} s\n",
        started.elapsed().as_secs_f64()
    ));
    Ok(built)
}

fn banner(stack: &Stack, arguments: &Arguments) -> String {
    let url = stack.url();
    let docs = if stack.serves("GET", "/docs") {
        format!("{url}/docs")
    } else {
        format!("{url}/")
    };
    let provider = match stack.fal() {
        Some(fal) => format!(
            "stand-in at {} (set FAL_KEY for the real fal.ai)",
            fal.url()
        ),
        None => "the real fal.ai, with your FAL_KEY".to_owned(),
    };
    let payments = match stack.stripe() {
        Some(stripe) => format!(
            "stand-in at {} (set STRIPE_KEY for the real Stripe)",
            stripe.url()
        ),
        None => "the real Stripe, with your STRIPE_KEY".to_owned(),
    };
    let data = if arguments.ephemeral {
        "nothing is kept".to_owned()
    } else {
        format!("kept in {}", arguments.data.display())
    };
    format!(
        "\nVelro is running. Ctrl-C stops it.\n\n\
         \x20 API       {url}\n\
         \x20 Docs      {docs}\n\
         \x20 Control   {}/_local/functions\n\
         \x20 Provider  {provider}\n\
         \x20 Payments  {payments}\n\
         \x20 Data      {data}\n\n\
         \x20 curl -s {url}/auth/register -H 'content-type: application/json' \\\n\
         \x20   -d '{{\"email\":\"you@example.com\",\"password\":\"a long pass phrase\"}}'\n\n",
        stack.origin()
    )
}

fn remove(file: &Path) -> Result<(), Error> {
    match std::fs::remove_file(file) {
        Ok(()) => Ok(()),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(problem) => Err(Error::new(format!(
            "cannot remove {}: {problem}",
            file.display()
        ))),
    }
}

fn no_signals(problem: std::io::Error) -> Error {
    Error::new(format!("cannot listen for signals: {problem}"))
}

/// Prints a text. Standard output may be closed; the work goes on all the same.
fn say(text: &str) {
    let mut output = std::io::stdout();
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}
