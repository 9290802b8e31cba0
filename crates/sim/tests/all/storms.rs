use mamori_sim::storm::{Plan, Sabotage, one_book, storm};

fn plan(acts: u64) -> Plan {
    Plan {
        acts,
        seed: 7,
        sabotage: None,
    }
}

#[test]
fn a_storm_finds_nothing() {
    let tally = storm(plan(200_000), 2, |_| {}).unwrap_or_else(|finding| panic!("{finding}"));
    assert!(
        tally.faults > 500 && tally.starts > 20 && tally.looked_up > 1_000,
        "{tally:?}"
    );
    assert!(tally.approved > tally.refused / 2, "{tally:?}");
}

#[test]
fn a_seed_replays_a_storm_bit_for_bit() {
    let first = one_book(3, 20_000, None).unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!(one_book(3, 20_000, None).unwrap(), first);
    assert_ne!(one_book(4, 20_000, None).unwrap().trace, first.trace);
}

/// A simulator that finds nothing proves nothing, unless it finds what is there.
#[test]
fn every_broken_rule_is_found() {
    for sabotage in [
        Sabotage::ForgottenRefunds,
        Sabotage::ForgottenKeys,
        Sabotage::LyingDisk,
        Sabotage::HastyLookUp,
        Sabotage::TurnedBit,
        Sabotage::BorrowedName,
    ] {
        let found = (0..8).find_map(|seed| one_book(seed, 100_000, Some(sabotage)).err());
        let finding = found.unwrap_or_else(|| panic!("{sabotage:?} was not noticed"));
        println!("{sabotage:?}: {finding}");
    }
}
