//! What a row of the journal holds: the acts of one batch, encoded.
//!
//! | format | content |
//! |---|---|
//! | 1 | events, one after the other: neither who asked nor where one act ends |
//! | 2 | acts, each with its context, the kind of its command, the request's name and its events |
//!
//! Every released format is read for ever; the newest is written. An unknown format or event stops the reader.

use mamori_datastore::fault::Fault;
use mamori_domain::book::DirtyRow;
use mamori_domain::command::CommandKind;
use mamori_domain::context::RequestId;
use mamori_domain::event::{Act, Event};
use mamori_domain::lifecycle::Sealed;
use mamori_domain::world::Timestamp;

/// The first byte of every batch that is written today.
pub const BATCH_FORMAT: u8 = 2;
const FORMAT_WITHOUT_ACTS: u8 = 1;

/// Every so many rows the book's hash goes into the journal, for checkpoints to be compared with.
pub const SEAL_EVERY: u64 = 1_024;

/// A durable row, for projector, hub and meter.
#[derive(Debug)]
pub struct Committed {
    pub seq: u64,
    pub at: Timestamp,
    pub acts: Vec<Act>,
    /// Bytes of the row's batch.
    pub bytes: usize,
    /// With a seal that speaks of this program's book: all rows of the book that changed since the last one, as they stood
    /// before this row.
    pub checkpoint: Option<Vec<DirtyRow>>,
}

impl Committed {
    /// Everything that happened, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.acts.iter().flat_map(|act| &act.events)
    }
    /// Events in this row, of all its acts.
    pub fn event_count(&self) -> usize {
        self.acts.iter().map(|act| act.events.len()).sum()
    }
    /// The row's seal, if there is nothing else in it: the last row of a program that stops.
    pub fn seal_alone(&self) -> Option<&Sealed> {
        let mut events = self.events();
        match (events.next(), events.next()) {
            (Some(Event::Sealed(sealed)), None) => Some(sealed),
            _ => None,
        }
    }
}

/// Starts an empty batch of the newest format.
pub fn begin_batch(batch: &mut Vec<u8>) {
    batch.clear();
    batch.push(BATCH_FORMAT);
}

/// Appends one act to a batch.
pub fn encode_act(batch: &mut Vec<u8>, act: &Act) {
    minicbor::encode(act, batch).expect("memory takes all");
}

/// Reads the acts of a batch.
pub fn decode_batch(batch: &[u8]) -> Result<Vec<Act>, Fault> {
    let unknown = |_| Fault::broken("a journal row holds something this program does not know");
    match batch.split_first() {
        Some((&BATCH_FORMAT, rest)) => sequence(rest).map_err(unknown),
        Some((&FORMAT_WITHOUT_ACTS, rest)) => {
            let events: Vec<Event> = sequence(rest).map_err(unknown)?;
            if events.is_empty() {
                return Ok(Vec::new());
            }
            Ok(vec![Act {
                by: None,
                context: None,
                command: CommandKind::Upkeep,
                request: RequestId::default(),
                events,
            }])
        }
        _ => Err(Fault::broken(
            "a journal row has a format this program does not know",
        )),
    }
}

/// Reads the events of a batch, for a reader to whom it does not matter who asked.
pub fn decode_events(batch: &[u8]) -> Result<Vec<Event>, Fault> {
    let acts = decode_batch(batch)?;
    Ok(acts.into_iter().flat_map(|act| act.events).collect())
}

fn sequence<T: for<'b> minicbor::Decode<'b, ()>>(
    bytes: &[u8],
) -> Result<Vec<T>, minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let mut items = Vec::new();
    while decoder.position() < bytes.len() {
        items.push(decoder.decode()?);
    }
    Ok(items)
}
