//! `loki sandbox`: commands that may do what their policy says, and nothing else.

mod ends;
mod escapes;
mod gain;
mod levels;
mod limits;
mod processes;
mod work;
