//! Every statement in the sources is one that both databases understand, without a list kept by hand.

use mamori_datastore::testing::on_both;
use mamori_datastore::testing::statements::check;
use mamori_engine::journal::JOURNAL;
use mamori_engine::views::VIEWS;
use std::path::Path;

#[test]
fn every_statement_is_one_that_both_databases_understand() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // All families of the crate; a new one is added here.
    on_both(|location| check(&sources, &[&JOURNAL, &VIEWS], location));
}
