//! Random schemas and random changes, up and down.
