//! The faults that functions logged. A test that does not expect them fails at its end.

use std::sync::atomic::{AtomicBool, Ordering};

use stack::Sink;

/// Fails a test at its end if a function logged a fault that the test does not expect.
pub(super) struct Watch {
    log: Sink,
    expects_faults: AtomicBool,
}

impl Watch {
    pub(super) fn over(log: &Sink) -> Self {
        Self {
            log: log.clone(),
            expects_faults: AtomicBool::new(false),
        }
    }

    pub(super) fn expects_faults(&self) {
        self.expects_faults.store(true, Ordering::Relaxed);
    }

    pub(super) fn faults(&self) -> Vec<String> {
        faults_in(&self.log)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.expects_faults.load(Ordering::Relaxed) || std::thread::panicking() {
            return;
        }
        let faults = self.faults();
        assert!(
            faults.is_empty(),
            "the test left faults behind: {faults:#?}"
        );
    }
}

/// The lines that the functions logged about faults.
fn faults_in(log: &Sink) -> Vec<String> {
    let is_fault = |line: &String| line.contains("\"ERROR\"") || line.contains(" ERROR ");
    // The first is the word with which the authorizer makes API Gateway answer 401. The second is about a
    // message that is tried again after the machine stood still for eight seconds, as it may while it writes
    // freshly built files. A fault in an answer to a client is never usual.
    let is_usual = |line: &String| {
        let stood_still = [
            "a message comes back",
            "request has timed out: operation timeout",
        ];
        line.ends_with("\"Unauthorized\"") || stood_still.iter().all(|words| line.contains(words))
    };
    let lines = log.lines().into_iter();
    lines
        .filter(|line| is_fault(line) && !is_usual(line))
        .collect()
}
