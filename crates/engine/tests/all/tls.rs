//! A payment across a network, to a PostgreSQL that proves who it is.

use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Certificates, Postgres};
use mamori_domain::pay::Payer;

use crate::engine::{SORA, balance, charge, done, open, shop_with_sora};

#[test]
fn a_payment_is_kept_across_an_encrypted_way() {
    let (Some(mut postgres), Some(certificates)) = (Postgres::start(), Certificates::make()) else {
        return;
    };
    let port = postgres.resume_on_tcp(Some(&certificates));
    let address = format!(
        "host=localhost port={port} user=postgres dbname=postgres sslmode=verify-full sslrootcert={}",
        certificates.authority().display()
    );
    let location = Location::parse(&address).expect("a valid address");
    let engine = open(&location);
    let wallet = shop_with_sora(&engine);
    done(&engine, charge("p-1", Payer::Authorization(SORA), 1_200));
    engine.stop();
    let engine = open(&location);
    assert_eq!(balance(&engine, wallet), 8_800);
    engine.stop();
}
