mod errors;
mod grammar;
mod round_trip;
