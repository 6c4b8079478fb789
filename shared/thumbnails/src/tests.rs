//! The result for each kind of file. Owns no rule of its own.

mod hostile;
mod samples;
mod stills;
mod videos;
