//! One instance of a function: a child process and its own Runtime API.
//!
//! Owns the process from start to end. Refuses to know the number of instances.

use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::api::{Sandbox, Stage, Work};
use super::{FunctionError, Launch};
use crate::http;
use crate::log::Sink;

/// The time in which a function must ask for its first invocation, as on AWS.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time to wait for the last line of a process that ended while starting.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(200);

/// A running instance.
pub(super) struct Instance {
    pub pid: u32,
    pub started: Instant,
    pub invocations: AtomicU64,
    /// The binary that it was started from.
    build: Option<Build>,
    work: mpsc::Sender<Work>,
    stage: watch::Receiver<Stage>,
    /// Cancelled to end the process.
    stop: CancellationToken,
    /// Cancelled once the process is gone.
    gone: CancellationToken,
}

/// The end of an instance's invocation.
pub(super) enum Outcome {
    Replied(Result<Bytes, FunctionError>),
    /// The process ended before it received the payload: another instance may take it.
    NotTaken,
    /// The process ended while it worked.
    Crashed(String),
    TimedOut,
}

impl Instance {
    /// Starts a process; it is not ready yet when this returns.
    pub(super) async fn start(
        launch: &Launch,
        log: &Sink,
        token: &CancellationToken,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        // Read first: if the binary is replaced in between, the instance is replaced once too often.
        let build = Build::at(&launch.path);
        let mut child = command(launch, listener.local_addr()?.port()).spawn()?;
        let pid = child.id().unwrap_or_default();

        let (work, work_receiver) = mpsc::channel(1);
        let (stage_sender, stage) = watch::channel(Stage::Starting);
        let sandbox = Sandbox::new(work_receiver, stage_sender, launch.arn.clone());
        let (stop, gone) = (token.child_token(), CancellationToken::new());
        let served = Arc::clone(&sandbox);
        // The API is there for as long as the process is: one that is being killed must not log that it has
        // gone away.
        let server = http::serve(listener, gone.clone(), move |_peer, request| {
            Arc::clone(&served).handle(request)
        });
        tokio::spawn(server);

        let last_words = drain(&mut child, &launch.name, log);
        let end = gone.clone().drop_guard();
        let watched = watch_process(child, sandbox, stop.clone(), last_words);
        tokio::spawn(async move {
            watched.await;
            drop(end);
        });
        let invocations = AtomicU64::new(0);
        Ok(Self {
            pid,
            started: Instant::now(),
            invocations,
            build,
            work,
            stage,
            stop,
            gone,
        })
    }

    /// Waits until the function asks for work.
    pub(super) async fn ready(&self) -> Result<(), FunctionError> {
        let mut stage = self.stage.clone();
        let settled = stage.wait_for(|stage| *stage != Stage::Starting);
        let Ok(settled) = tokio::time::timeout(INIT_TIMEOUT, settled).await else {
            let message = format!("it did not get ready within {} s", INIT_TIMEOUT.as_secs());
            return Err(FunctionError::new("Runtime.InitTimeout", message));
        };
        match settled.map(|stage| stage.clone()) {
            Ok(Stage::Starting | Stage::Ready) => Ok(()),
            Ok(Stage::Failed(error)) => Err(error),
            Ok(Stage::Ended(reason)) => Err(FunctionError::new("Runtime.ExitError", reason)),
            Err(_) => Err(FunctionError::new("Runtime.ExitError", "it was stopped")),
        }
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.stop.is_cancelled() && matches!(*self.stage.borrow(), Stage::Starting | Stage::Ready)
    }

    /// Whether the binary at `path` is the one that it was started from. One that is missing is being
    /// written by a build that has not ended.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        Build::at(path).is_none_or(|build| self.build == Some(build))
    }

    /// Whether the process is gone altogether.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Gives the function one payload and waits for its answer.
    pub(super) async fn invoke(
        &self,
        request_id: &str,
        payload: Bytes,
        timeout: Duration,
    ) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        let work = Work {
            request_id: request_id.to_owned(),
            payload,
            timeout,
            taken: Arc::clone(&taken),
            reply,
        };
        self.invocations.fetch_add(1, Ordering::Relaxed);
        if self.work.send(work).await.is_err() {
            return Outcome::NotTaken;
        }
        let mut stage = self.stage.clone();
        tokio::select! {
            biased;
            Ok(outcome) = answer => Outcome::Replied(outcome),
            ended = stage.wait_for(|stage| matches!(stage, Stage::Ended(_) | Stage::Failed(_))) => {
                if !taken.load(Ordering::Acquire) {
                    return Outcome::NotTaken;
                }
                match ended.map(|stage| stage.clone()) {
                    Ok(Stage::Ended(reason)) => Outcome::Crashed(reason),
                    Ok(Stage::Failed(error)) => Outcome::Crashed(error.error_message),
                    Ok(Stage::Starting | Stage::Ready) | Err(_) => {
                        Outcome::Crashed("it was stopped".to_owned())
                    }
                }
            }
            () = tokio::time::sleep(timeout) => Outcome::TimedOut,
        }
    }

    /// Kills the process.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(&self) {
        self.stop();
        self.gone.cancelled().await;
    }
}

/// The identity of a binary: cargo writes a new file for each build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Build {
    inode: u64,
    modified_s: i64,
    modified_ns: i64,
    size: u64,
}

impl Build {
    /// The build at `path`; `None` if nothing is there.
    fn at(path: &Path) -> Option<Self> {
        let file = path.metadata().ok()?;
        Some(Self {
            inode: file.ino(),
            modified_s: file.mtime(),
            modified_ns: file.mtime_nsec(),
            size: file.size(),
        })
    }
}

fn command(launch: &Launch, port: u16) -> Command {
    let mut command = Command::new(&launch.path);
    command
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C in the terminal is meant for the local cloud, which then ends its functions itself.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(folder) = launch.path.parent() {
        command.current_dir(folder);
    }
    command
}

/// Passes on a process's output. Once it has ended, returns the last line of its errors, or of its output if
/// it wrote no errors.
fn drain(
    child: &mut Child,
    name: &str,
    log: &Sink,
) -> impl Future<Output = Option<String>> + Send + use<> {
    let (name, log) = (name.to_owned(), log.clone());
    let output = child.stdout.take();
    let output = output.map(|output| tokio::spawn(log.clone().drain(name.clone(), output)));
    let errors = child.stderr.take();
    let errors = errors.map(|errors| tokio::spawn(log.drain(name, errors)));
    async move {
        for stream in [errors, output].into_iter().flatten() {
            if let Ok(Some(words)) = stream.await {
                return Some(words);
            }
        }
        None
    }
}

/// Waits for the end of the process, and tells the sandbox.
async fn watch_process(
    mut child: Child,
    sandbox: Arc<Sandbox>,
    stop: CancellationToken,
    last_words: impl Future<Output = Option<String>>,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = stop.cancelled() => {
            // It fails only for a process that has ended already.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let mut reason = match status {
        Ok(status) => describe(status),
        Err(problem) => problem.to_string(),
    };
    if !stop.is_cancelled() {
        let words = tokio::time::timeout(LAST_WORDS_TIMEOUT, last_words).await;
        if let Ok(Some(words)) = words {
            let words = words.trim_end();
            reason = format!("{reason}: {}", words.chars().take(500).collect::<String>());
        }
    }
    sandbox.end(reason);
    stop.cancel();
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(9)) => "Runtime exited with error: signal: killed".to_owned(),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {signal}"),
        (None, None) => "Runtime exited".to_owned(),
    }
}
