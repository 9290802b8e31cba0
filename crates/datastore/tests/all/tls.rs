//! The way to a PostgreSQL across a network: what each `sslmode` takes and refuses, tried on a real server.

use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Certificates, Postgres};

use crate::sql::SHOP;

/// Whether the connection is encrypted, or why there is none.
fn encrypted(
    port: u16,
    host: &str,
    mode: &str,
    roots: Option<&Certificates>,
) -> Result<bool, String> {
    let mut address = format!("postgres://postgres@{host}:{port}/postgres?sslmode={mode}");
    if let Some(certificates) = roots {
        let file = certificates.authority().display().to_string();
        address.push_str(&format!("&sslrootcert={}", file.replace('/', "%2F")));
    }
    let location = Location::parse(&address).map_err(|fault| fault.to_string())?;
    let mut db = location.open(&SHOP).map_err(|fault| fault.to_string())?;
    let sql = "SELECT CAST(ssl AS BIGINT) FROM (SELECT CASE WHEN ssl THEN 1 ELSE 0 END AS ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS me";
    let on = db.query_first(sql, &[], |row| row.int(0));
    Ok(on.map_err(|fault| fault.to_string())? == Some(1))
}

#[test]
fn each_sslmode_takes_what_it_promises_and_refuses_the_rest() {
    let (Some(mut postgres), Some(ours), Some(strangers)) = (
        Postgres::start(),
        Certificates::make(),
        Certificates::make(),
    ) else {
        return;
    };
    let port = postgres.resume_on_tcp(Some(&ours));
    for (host, mode, roots, expected) in [
        ("localhost", "disable", None, Some(false)),
        ("localhost", "prefer", None, Some(true)),
        ("localhost", "require", None, Some(true)),
        ("127.0.0.1", "require", None, Some(true)),
        ("127.0.0.1", "require", Some(&ours), Some(true)),
        ("localhost", "require", Some(&strangers), None),
        ("127.0.0.1", "verify-ca", Some(&ours), Some(true)),
        ("localhost", "verify-ca", Some(&strangers), None),
        ("localhost", "verify-full", Some(&ours), Some(true)),
        // The certificate is made out for another name.
        ("127.0.0.1", "verify-full", Some(&ours), None),
        ("localhost", "verify-full", Some(&strangers), None),
        // No authority that browsers know has signed it.
        ("localhost", "verify-full", None, None),
        ("localhost", "verify-ca", None, None),
    ] {
        let got = encrypted(port, host, mode, roots);
        assert_eq!(
            got.as_ref().ok(),
            expected.as_ref(),
            "{host} {mode} {}: {got:?}",
            roots.is_some()
        );
        if let Err(why) = got {
            assert!(why.contains("certificate"), "{why}");
        }
    }

    let port = postgres.resume_on_tcp(None);
    for (mode, expected) in [
        ("disable", Some(false)),
        ("prefer", Some(false)),
        ("require", None),
        ("verify-full", None),
    ] {
        let got = encrypted(port, "localhost", mode, None);
        assert_eq!(got.as_ref().ok(), expected.as_ref(), "{mode}: {got:?}");
    }
}
