//! `loki sandbox`: commands that may do what their policy says, and nothing else.

mod ends;
mod escapes;
mod levels;
mod limits;
mod work;
