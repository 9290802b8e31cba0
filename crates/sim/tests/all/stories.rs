use mamori_datastore::keys::MasterKey;
use mamori_datastore::sql::Location;
use mamori_datastore::testing::{Postgres, Scratch};
use mamori_engine::audit::audit;
use mamori_engine::journal::{JournalReader, JournalRow};
use mamori_sim::story::Stage;

fn play(name: &str, story: &str, store: &str, location: Location) {
    let mut stage = Stage::open(location).unwrap();
    match stage.play(story) {
        Ok(lines) => assert!(lines > 5),
        Err(what) => panic!("{name}.story on {store}, {what}"),
    }
}

macro_rules! stories {
    ($($name:ident)*) => {
        const STORIES: &[(&str, &str)] = &[
            $((stringify!($name), include_str!(concat!("../../stories/", stringify!($name), ".story"))),)*
        ];

        mod embedded {
            $(
                #[test]
                fn $name() {
                    let story = include_str!(concat!("../../stories/", stringify!($name), ".story"));
                    let scratch = super::Scratch::new(stringify!($name));
                    super::play(stringify!($name), story, "the embedded store", scratch.location());
                }
            )*
        }
    };
}

stories! { acts cancel charge cooling device freeze hold permission refund restart retry session supervisor tills top_up }

/// In one test, so that one PostgreSQL serves them all.
#[test]
fn every_story_on_postgres() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    for (name, story) in STORIES {
        play(name, story, "PostgreSQL", postgres.database());
    }
}

/// A write that meets a serialisation failure is sent again: the shopkeeper sees nothing of it.
#[test]
fn every_story_on_a_postgres_whose_transactions_get_into_each_others_way() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    for (name, story) in STORIES {
        let (database, location) = postgres.contended_database();
        play(name, story, "a contended PostgreSQL", location.clone());
        assert!(
            postgres.conflicts(&database) > 3,
            "{name}: nothing was in the way"
        );
        let master = MasterKey::from_bytes([5; 32]);
        let report = audit(&location, &master, &mut |_, _| {}).unwrap();
        assert!(report.is_clean(), "{name}: {:?}", report.findings);
        // A conflict is no unknown outcome: the same row was sent again, and no empty one stands in its place.
        let rows = JournalReader::open(&location, 0).unwrap().read(1, 10_000);
        let empty = |row: &JournalRow| row.batch.len() <= 1;
        assert!(!rows.unwrap().iter().any(empty), "{name}");
    }
}

#[test]
fn every_story_is_played() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/stories");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            file.unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .replace(".story", "")
        })
        .collect();
    files.sort();
    assert_eq!(
        files,
        STORIES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
}

#[test]
fn a_wrong_story_is_found_out() {
    let scratch = Scratch::new("wrong");
    let mut stage = Stage::open(scratch.location()).unwrap();
    stage.play("sora signs up\nhouse gives sora 100").unwrap();
    for wrong in [
        "sora looks -> frozen",
        "sora looks -> ok, sora 99",
        "sora dances",
        "till-1 charges Z 5",
        "riku looks",
        "acts of sora -> open_wallet by sora, credit by operator",
        "acts of sora -> open_wallet by sign-up",
        "acts by sora -> freeze of sora",
    ] {
        assert!(stage.play(wrong).is_err(), "{wrong}");
    }
}
