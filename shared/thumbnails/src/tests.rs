//! What each kind of file gives. Owns no rule of its own.

mod hostile;
mod samples;
mod stills;
mod videos;
