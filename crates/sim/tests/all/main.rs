//! The simulator, the stories, and the proof that both would notice.

mod double_spend;
mod stores;
mod stories;
mod storms;
