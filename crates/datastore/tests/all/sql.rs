//! The small face over two databases: the same statements, the same answers, the same faults.

use std::cell::Cell;

use mamori_datastore::fault::Fault;
use mamori_datastore::sql::{Column, Db, Durability, Family, Location, Migration, Param};
use mamori_datastore::testing::on_both;
use mamori_datastore::testing::{Postgres, Scratch};

pub const SHOP: Family = Family {
    name: "shop",
    file: "shop.sqlite",
    durability: Durability::Control,
    migrations: &[Migration {
        name: "goods",
        sql: "CREATE TABLE goods (id BIGINT PRIMARY KEY, name TEXT, mark BYTEA, price BIGINT NOT NULL);",
    }],
};

const SHOP_OF_TOMORROW: Family = Family {
    migrations: &[
        Migration {
            name: "goods",
            sql: SHOP.migrations[0].sql,
        },
        Migration {
            name: "stock",
            sql: "CREATE TABLE stock (id BIGINT PRIMARY KEY);",
        },
    ],
    ..SHOP
};

const ADD: &str = "INSERT INTO goods (id, name, mark, price) VALUES ($1, $2, $3, $4)";

fn count(location: &Location) -> i64 {
    let mut db = location.open_read(&SHOP).unwrap();
    db.query_first("SELECT COUNT(*) FROM goods", &[], |row| row.int(0))
        .unwrap()
        .unwrap()
}

#[test]
fn what_goes_in_comes_out() {
    on_both(|location| {
        let mut db = location.open(&SHOP).unwrap();
        let tea = [
            Param::Int(1),
            Param::Text("お茶"),
            Param::Blob(&[0, 255]),
            Param::Int(i64::MAX),
        ];
        assert_eq!(db.execute(ADD, &tea).unwrap(), 1);
        db.execute(
            ADD,
            &[Param::Int(2), Param::Null, Param::Null, Param::Int(-1)],
        )
        .unwrap();
        let rows = db
            .query(
                "SELECT id, name, mark, price, EXISTS (SELECT 1) FROM goods ORDER BY id",
                &[],
                |row| {
                    let name = row.opt_text(1).map(str::to_owned);
                    (
                        row.int(0),
                        name,
                        row.opt_blob(2).map(<[u8]>::to_vec),
                        row.int(3),
                        row.flag(4),
                    )
                },
            )
            .unwrap();
        assert_eq!(
            rows[0],
            (
                1,
                Some("お茶".to_owned()),
                Some(vec![0, 255]),
                i64::MAX,
                true
            )
        );
        assert_eq!(rows[1], (2, None, None, -1, true));
    });
}

#[test]
fn many_rows_go_in_by_columns_and_meet_what_is_there() {
    on_both(|location| {
        let mut db = location.open(&SHOP).unwrap();
        let names = ["id", "name", "mark", "price"];
        let add = |db: &mut Db, ids: &[i64], price: i64, or: &str| {
            let labels: Vec<Option<&str>> = ids
                .iter()
                .map(|id| (id % 2 == 0).then_some("even"))
                .collect();
            let marks: Vec<&[u8]> = ids.iter().map(|_| &[7_u8, 7][..]).collect();
            let prices = vec![price; ids.len()];
            db.transaction(|tx| {
                let columns = [
                    Column::Int(ids),
                    Column::TextOrNull(&labels),
                    Column::Blob(&marks),
                    Column::Int(&prices),
                ];
                tx.insert_many_or("goods", &names, &columns, or)
            })
        };
        let ids: Vec<i64> = (0..1_000).collect();
        assert_eq!(add(&mut db, &ids, 10, "").unwrap(), 1_000);
        assert_eq!(add(&mut db, &[], 10, "").unwrap(), 0);
        assert!(add(&mut db, &[5], 10, "").unwrap_err().is_duplicate());
        assert_eq!(
            add(&mut db, &[5, 1_000], 10, "ON CONFLICT (id) DO NOTHING").unwrap(),
            1
        );
        let sums = "ON CONFLICT (id) DO UPDATE SET price = goods.price + excluded.price";
        add(&mut db, &[5, 1_001], 90, sums).unwrap();
        let total = "SELECT CAST(SUM(price) AS BIGINT), COUNT(name) FROM goods";
        let sums = db
            .query_first(total, &[], |row| (row.int(0), row.int(1)))
            .unwrap();
        assert_eq!(sums, Some((10 * 1_001 + 90 + 90, 501)));
    });
}

#[test]
fn a_transaction_is_durable_as_a_whole_or_not_at_all() {
    on_both(|location| {
        let mut db = location.open(&SHOP).unwrap();
        let add = |id: i64| [Param::Int(id), Param::Null, Param::Null, Param::Int(0)];

        db.transaction(|tx| tx.execute(ADD, &add(1))).unwrap();
        assert_eq!(count(location), 1);

        // The closure says no.
        let refused: Result<(), Fault> = db.transaction(|tx| {
            tx.execute(ADD, &add(2))?;
            Err(Fault::broken("changed its mind"))
        });
        assert!(refused.is_err());

        // The closure swallows a failure: nothing of it may be committed, on either database.
        let swallowed = db.transaction(|tx| {
            tx.execute(ADD, &add(3))?;
            let _ = tx.execute(ADD, &add(1));
            Ok(())
        });
        assert!(swallowed.is_err());

        // The closure panics.
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            db.transaction(|tx| -> Result<(), Fault> {
                tx.execute(ADD, &add(4))?;
                panic!("a bug of ours")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(count(location), 1);

        // And the connection is as good as before.
        db.transaction(|tx| tx.execute(ADD, &add(5))).unwrap();
        assert_eq!(count(location), 2);
    });
}

#[test]
fn a_snapshot_does_not_move_and_cannot_write() {
    on_both(|location| {
        let mut writer = location.open(&SHOP).unwrap();
        let mut reader = location.open_read(&SHOP).unwrap();
        let total = "SELECT COUNT(*) FROM goods";
        let seen = reader
            .snapshot(|tx| {
                let before = tx.query_first(total, &[], |row| row.int(0))?;
                writer.execute(
                    ADD,
                    &[Param::Int(1), Param::Null, Param::Null, Param::Int(0)],
                )?;
                let after = tx.query_first(total, &[], |row| row.int(0))?;
                Ok((before, after))
            })
            .unwrap();
        assert_eq!(seen, (Some(0), Some(0)));
        let written = reader.execute(
            ADD,
            &[Param::Int(2), Param::Null, Param::Null, Param::Int(0)],
        );
        assert!(written.is_err());
        assert_eq!(count(location), 1);
    });
}

#[test]
fn a_cell_of_another_kind_is_a_fault_and_never_a_panic() {
    on_both(|location| {
        let mut db = location.open(&SHOP).unwrap();
        db.execute(
            ADD,
            &[
                Param::Int(1),
                Param::Text("tea"),
                Param::Null,
                Param::Int(0),
            ],
        )
        .unwrap();
        assert!(
            db.query("SELECT name FROM goods", &[], |row| row.int(0))
                .is_err()
        );
        assert!(
            db.query("SELECT mark FROM goods", &[], |row| row.blob(0).len())
                .is_err()
        );
        assert!(
            db.query("SELECT id FROM goods", &[], |row| row.int(9))
                .is_err()
        );
        assert!(
            db.query("SELECT id FROM goods", &[], |row| row.int(0))
                .is_ok()
        );
    });
}

#[test]
fn a_fault_never_tells_a_value() {
    on_both(|location| {
        let mut db = location.open(&SHOP).unwrap();
        let secret = [
            Param::Int(4_242_424_242),
            Param::Text("hanako@example.jp"),
            Param::Null,
            Param::Int(0),
        ];
        db.execute(ADD, &secret).unwrap();
        let fault = db.execute(ADD, &secret).unwrap_err();
        assert!(fault.is_duplicate());
        let shown = format!("{fault} {fault:?}");
        assert!(
            !shown.contains("4242424242") && !shown.contains("hanako"),
            "{shown}"
        );
    });
}

#[test]
fn two_writers_on_the_same_rows_both_get_through() {
    on_both(|location| {
        let mut db = location.open(&SHOP).unwrap();
        db.execute(
            ADD,
            &[Param::Int(1), Param::Null, Param::Null, Param::Int(0)],
        )
        .unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut db = location.open(&SHOP).unwrap();
                    for _ in 0..50 {
                        db.transaction(|tx| {
                            let get = "SELECT price FROM goods WHERE id = $1";
                            let price = tx
                                .query_first(get, &[Param::Int(1)], |row| row.int(0))?
                                .unwrap_or(0);
                            let put = "UPDATE goods SET price = $1 WHERE id = $2";
                            tx.execute(put, &[Param::Int(price + 1), Param::Int(1)])
                        })
                        .unwrap();
                    }
                });
            }
        });
        let price = db
            .query_first("SELECT price FROM goods", &[], |row| row.int(0))
            .unwrap();
        assert_eq!(price, Some(100));
    });
}

#[test]
fn a_conflict_runs_the_whole_closure_again() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let mut db = postgres.database().open(&SHOP).unwrap();
    make_function(&mut db, "conflict", "RAISE EXCEPTION serialization_failure");
    let runs = Cell::new(0);
    let answer = db.transaction(|tx| {
        runs.set(runs.get() + 1);
        tx.execute(
            ADD,
            &[Param::Int(1), Param::Null, Param::Null, Param::Int(0)],
        )?;
        if runs.get() < 3 {
            tx.query("SELECT conflict()", &[], |_| ())?;
        }
        Ok(runs.get())
    });
    assert_eq!(answer.unwrap(), 3);
}

#[test]
fn a_connection_lost_in_commit_is_an_unknown_outcome_and_before_it_is_not() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let mut db = postgres.database().open(&SHOP).unwrap();
    make_function(
        &mut db,
        "vanish",
        "PERFORM pg_terminate_backend(pg_backend_pid())",
    );
    let add = [Param::Int(1), Param::Null, Param::Null, Param::Int(0)];

    let lost = db.transaction(|tx| {
        tx.execute(ADD, &add)?;
        tx.query("SELECT vanish()", &[], |_| ()).map(|_| ())
    });
    let lost = lost.unwrap_err();
    assert!(
        lost.is_retryable() && !lost.is_unknown_outcome(),
        "{lost:?}"
    );

    // A deferred trigger strikes inside COMMIT.
    db.execute(
        "CREATE FUNCTION vanish_late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM vanish(); RETURN NULL; END'",
        &[],
    )
    .unwrap();
    db.execute(
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON goods DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION vanish_late()",
        &[],
    )
    .unwrap();
    let lost = db.transaction(|tx| tx.execute(ADD, &add)).unwrap_err();
    assert!(lost.is_unknown_outcome(), "{lost:?}");
    let lost = db.execute(ADD, &add).unwrap_err();
    assert!(lost.is_unknown_outcome(), "{lost:?}");

    // The next call finds a new connection.
    db.execute("DROP TRIGGER late ON goods", &[]).unwrap();
    assert_eq!(db.execute(ADD, &add).unwrap(), 1);
}

fn make_function(db: &mut Db, name: &str, body: &str) {
    let sql = format!(
        "CREATE FUNCTION {name}() RETURNS BIGINT LANGUAGE plpgsql AS 'BEGIN {body}; RETURN 0; END'"
    );
    db.execute(&sql, &[]).unwrap();
}

#[test]
fn a_server_that_forgets_to_sync_is_refused() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database();
    let mut db = location.open(&SHOP).unwrap();
    assert!(
        db.warnings()
            .unwrap()
            .iter()
            .any(|warning| warning.contains("synchronous standby"))
    );
    postgres.resume_with(&["fsync=off"]);
    let fault = location.open(&SHOP).map(|_| ()).unwrap_err();
    assert!(fault.to_string().contains("fsync=off") && !fault.is_retryable());
}

#[test]
fn a_server_that_is_away_is_a_retryable_fault_and_comes_back_by_itself() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database();
    let mut db = location.open(&SHOP).unwrap();
    db.execute(
        ADD,
        &[Param::Int(1), Param::Null, Param::Null, Param::Int(0)],
    )
    .unwrap();
    postgres.kill();
    let away = db
        .query("SELECT COUNT(*) FROM goods", &[], |row| row.int(0))
        .unwrap_err();
    assert!(away.is_retryable(), "{away:?}");
    postgres.resume();
    assert_eq!(
        db.query("SELECT COUNT(*) FROM goods", &[], |row| row.int(0))
            .unwrap(),
        [1]
    );
}

#[test]
fn an_older_program_refuses_a_newer_store_and_leaves_it_alone() {
    on_both(|location| {
        drop(location.open(&SHOP).unwrap());
        drop(location.open(&SHOP_OF_TOMORROW).unwrap());
        for opened in [location.open(&SHOP), location.open_read(&SHOP)] {
            let fault = opened.map(|_| ()).unwrap_err();
            assert!(fault.is_newer_store() && !fault.is_retryable(), "{fault:?}");
        }
        drop(location.open(&SHOP_OF_TOMORROW).unwrap());
    });
}

#[test]
fn a_migration_that_changed_after_its_release_is_refused() {
    const REWRITTEN: Family = Family {
        migrations: &[Migration {
            name: "goods",
            sql: "CREATE TABLE goods (id BIGINT PRIMARY KEY);",
        }],
        ..SHOP
    };
    on_both(|location| {
        drop(location.open(&SHOP).unwrap());
        assert!(location.open(&REWRITTEN).is_err());
    });
}

#[test]
fn eight_programs_that_start_together_migrate_once() {
    on_both(|location| {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| location.open(&SHOP_OF_TOMORROW).map(|_| ()).unwrap());
            }
        });
        let mut db = location.open(&SHOP_OF_TOMORROW).unwrap();
        let steps = "SELECT COUNT(*) FROM schema_versions";
        assert_eq!(db.query(steps, &[], |row| row.int(0)).unwrap(), [2]);
    });
}

#[test]
fn an_address_with_a_password_is_never_shown() {
    let location = Location::parse("postgres://mamori:hunter2@db.example:5432/mamori").unwrap();
    assert!(!format!("{location:?}").contains("hunter2"));
    let fault =
        Location::parse("postgres://mamori:hunter2@db.example:notaport/mamori").unwrap_err();
    assert!(!format!("{fault:?}").contains("hunter2"));
}

#[test]
fn an_embedded_file_that_is_no_database_is_a_fault() {
    let scratch = Scratch::new("garbage");
    std::fs::write(scratch.path().join(SHOP.file), [0x55; 8_192]).unwrap();
    assert!(scratch.location().open(&SHOP).is_err());
}
