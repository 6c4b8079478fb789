//! One `cargo local` process: its start, its output with times, and its end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const LOCAL: &str = env!("CARGO_BIN_EXE_local");
/// The time in which a process must start or refuse: it waits when another cargo is building.
const START_DEADLINE: Duration = Duration::from_secs(600);
/// The time that an orderly end may take.
const END_DEADLINE: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(10);
/// The number of output lines that are shown when a test fails.
const LINES_SHOWN: usize = 60;

/// A running local cloud. It is killed when the test is over.
pub struct Process {
    child: Child,
    folder: TempDir,
    lines: Arc<Mutex<Vec<(Instant, String)>>>,
    url: String,
    ready: Instant,
}

/// A command that runs `cargo local` with `arguments`; the functions are built when this returns.
fn command(arguments: &[&str]) -> Command {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| drop(stack::build(false, |_| {}).unwrap()));
    let mut command = Command::new(LOCAL);
    command
        .args(arguments)
        // With the developer's own key, the tests would generate with the real provider.
        .env_remove("FAL_KEY")
        .env_remove("STRIPE_KEY")
        .stdin(Stdio::null());
    command
}

/// Runs `cargo local`, which must end by itself.
pub async fn refused(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    let running = tokio::task::spawn_blocking(move || command.output());
    tokio::time::timeout(START_DEADLINE, running)
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

impl Process {
    /// Starts a cloud with `arguments` on any port, and waits until its ready file is there.
    pub async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready_file = folder.path().join("ready");
        let mut child = command(arguments)
            .args(["--param", "SignUpCreditsAt=registration"])
            .args(["--port", "0", "--ready-file"])
            .arg(&ready_file)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<(Instant, String)>>> = Arc::default();
        let (output, kept) = (child.stdout.take().unwrap(), Arc::clone(&lines));
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.lock().unwrap().push((Instant::now(), line));
            }
        });
        let mut process = Self {
            child,
            folder,
            lines,
            url: String::new(),
            ready: Instant::now(),
        };
        eventually("it is ready", START_DEADLINE, async || {
            let status = process.child.try_wait().unwrap();
            assert!(status.is_none(), "it ended: {}", process.errors());
            ready_file.exists()
        })
        .await;
        process.ready = Instant::now();
        process.url = std::fs::read_to_string(&ready_file).unwrap();
        process
    }

    /// Starts a cloud that keeps its state in `data`.
    pub async fn on(data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().unwrap();
        Self::start(&[&["--data", data], more].concat()).await
    }

    /// The content of the ready file: the API's base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The API's URL without the stage.
    pub fn origin(&self) -> &str {
        self.url.trim_end_matches("/v1")
    }

    /// The path of the ready file, even when it is gone.
    pub fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready")
    }

    /// The time from the line that starts with `text` until the ready file was there.
    pub fn ready_after(&self, text: &str) -> Duration {
        let lines = self.lines.lock().unwrap();
        let (at, _) = lines
            .iter()
            .find(|(_, line)| line.starts_with(text))
            .unwrap();
        self.ready.saturating_duration_since(*at)
    }

    /// The lines that it printed.
    pub fn output(&self) -> String {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// The lines that it and its functions wrote to standard error.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// The processes that it started and that have not ended.
    pub fn children(&self) -> Vec<u32> {
        let parent = self.child.id();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| parent_of(*pid) == Some(parent))
            .collect()
    }

    /// Asks it to end as a service manager does, and returns its exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
        let mut status = None;
        eventually("it ends", END_DEADLINE, async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.and_then(|status| status.code())
    }

    /// Kills it, and returns the processes that it leaves behind.
    pub fn kill(mut self) -> Vec<u32> {
        let children = self.children();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        children
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let errors = self.errors();
            let lines: Vec<&str> = errors.lines().collect();
            let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
            eprintln!("{}\n{}", self.output(), last.join("\n"));
        }
    }
}

/// Waits until `holds` is true; fails when that takes longer than `deadline`.
pub async fn eventually(what: &str, deadline: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(
            started.elapsed() < deadline,
            "it never came to be that {what}"
        );
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Whether a process still runs; one that has ended and was not yet collected does not.
pub fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z" && state != "X")
}

fn parent_of(pid: u32) -> Option<u32> {
    let (state, parent) = stat(pid)?;
    (state != "Z" && state != "X").then_some(parent)
}

/// The state of a process and its parent, which follow the name in parentheses.
fn stat(pid: u32) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit(") ").next()?.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
