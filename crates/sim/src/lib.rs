//! Stories in the shopkeeper's words, a model that knows every right answer, and seeded storms of acts and faults.

pub mod archive;
pub mod crowd;
pub mod model;
pub mod record;
pub mod storm;
pub mod story;
