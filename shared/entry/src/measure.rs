//! Measuring each invocation of a function.

use std::sync::atomic::{AtomicBool, Ordering};

use app::metrics::{self, Invocation};
use app::{App, clock};
use domain::Timestamp;

/// Whether this process has had no invocation yet.
static IS_COLD: AtomicBool = AtomicBool::new(true);

/// The measurement of an invocation under way.
pub(crate) struct Measure {
    app: &'static App,
    began_at: Timestamp,
    is_cold: bool,
}

impl Measure {
    /// Begins to measure an invocation.
    pub(crate) fn begin(app: &'static App) -> Self {
        Self {
            app,
            began_at: clock::now(),
            is_cold: IS_COLD.swap(false, Ordering::Relaxed),
        }
    }

    /// Ends the measurement, with the number of requests and of those that failed.
    pub(crate) fn end(self, request_id: &str, requests: u32, errors: u32) {
        let invocation = Invocation {
            request_id,
            requests,
            errors,
            began_at: self.began_at,
            is_cold: self.is_cold,
        };
        metrics::invocation(self.app, &invocation);
    }
}
