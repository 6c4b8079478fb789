//! Measuring each invocation of a function.

use std::sync::atomic::{AtomicBool, Ordering};

use app::metrics::{self, Invocation};
use app::{App, clock};
use domain::Timestamp;

/// Whether nothing was done in this process yet.
static IS_COLD: AtomicBool = AtomicBool::new(true);

/// An invocation under way.
pub(crate) struct Measure {
    app: &'static App,
    began_at: Timestamp,
    is_cold: bool,
}

impl Measure {
    /// An invocation begins.
    pub(crate) fn begin(app: &'static App) -> Self {
        Self {
            app,
            began_at: clock::now(),
            is_cold: IS_COLD.swap(false, Ordering::Relaxed),
        }
    }

    /// It ends, having come to this.
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
