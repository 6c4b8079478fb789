//! The log: a line for each event on standard output, from where Lambda collects it.

use tracing::level_filters::LevelFilter;

/// The settings of a function's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// The least severe events that are written.
    pub(crate) level: LevelFilter,
    /// Whether each event is a JSON object, as Lambda's own log lines are then.
    pub(crate) is_json: bool,
}

/// Starts the log. Lambda adds the time to each line.
pub(crate) fn start(settings: LogSettings) {
    let log = tracing_subscriber::fmt()
        .with_target(false)
        .without_time()
        .with_max_level(settings.level);
    if settings.is_json {
        log.json().init();
    } else {
        log.init();
    }
}
