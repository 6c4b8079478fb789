//! The share of a core that Lambda gives to a function of 256 MB once it has started.
//!
//! Owns a control group of Linux. Refuses to know the process in it.

use std::fs;
use std::path::PathBuf;

/// Lambda gives a whole core at 1,769 MB, and of it in proportion to the memory
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>): 256 MB get a seventh.
const PERIOD_US: u32 = 7_000;
/// The processor time in each period. The kernel takes no less.
const QUOTA_US: u32 = 1_000;

/// A control group whose processes share a seventh of a core. Dropping it removes it.
pub struct Throttle {
    folder: PathBuf,
}

impl Throttle {
    /// Makes the group, in either version of the interface; `None` where this user may not.
    pub fn new() -> Option<Self> {
        let name = format!("velro-bench-{}", std::process::id());
        let versions = [("/sys/fs/cgroup/cpu", false), ("/sys/fs/cgroup", true)];
        versions.into_iter().find_map(|(parent, is_second)| {
            let folder = PathBuf::from(parent).join(&name);
            fs::create_dir(&folder).ok()?;
            let throttle = Self { folder };
            let is_set = match is_second {
                true => throttle.write("cpu.max", &format!("{QUOTA_US} {PERIOD_US}")),
                false => {
                    throttle.write("cpu.cfs_period_us", &PERIOD_US.to_string())
                        && throttle.write("cpu.cfs_quota_us", &QUOTA_US.to_string())
                }
            };
            is_set.then_some(throttle)
        })
    }

    /// Moves a process with all its threads into the group. Tells whether it is there.
    pub fn confine(&self, process: u32) -> bool {
        self.write("cgroup.procs", &process.to_string())
    }

    fn write(&self, file: &str, value: &str) -> bool {
        fs::write(self.folder.join(file), value).is_ok()
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // Only an empty group can be removed, and every process in it has been waited for.
        let _ = fs::remove_dir(&self.folder);
    }
}
