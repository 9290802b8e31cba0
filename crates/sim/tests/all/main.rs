//! The simulator, the stories, and the proof that both would notice.

mod storms;
