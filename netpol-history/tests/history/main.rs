//! The history file, from outside.

mod document;
mod hostile;
mod round_trip;
mod world;
