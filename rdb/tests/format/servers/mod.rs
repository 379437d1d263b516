//! Files that Redis and Valkey wrote, and files that they have to load.

mod data;
mod peer;
mod there_and_back;
