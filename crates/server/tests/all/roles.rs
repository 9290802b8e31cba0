//! What operators may do: the table of docs/roles.md, tried role by role at every route of the console.

use axum::http::StatusCode;
use mamori_registry::{Permission, Role, Surface};
use mamori_server::route_table::{Demand, Route};
use mamori_server::routes;
use serde_json::json;

use crate::authenticator::Authenticator;
use crate::house::{Browser, House, shown};

const PAGE: &str = include_str!("../../../../docs/roles.md");

/// Routes of the console that are open to whoever is not in yet, or wants to be out.
const OPEN: [&str; 5] = [
    "/api/operators/finish",
    "/api/operators/redeem",
    "/api/sign-in/finish",
    "/api/sign-in/start",
    "/api/sign-out",
];

/// The cells of the rows of a table of the page whose first cell begins so.
fn rows(first: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let begins = |line: &&str| line.starts_with(&format!("| `{first}"));
    PAGE.lines().filter(begins).map(cells).collect()
}

fn permission_of(route: &Route) -> Option<(Permission, bool)> {
    match route.demand {
        Demand::Operator(permission) => Some((permission, false)),
        Demand::OperatorWithPasskey(permission) => Some((permission, true)),
        _ => None,
    }
}

#[test]
fn the_page_says_what_each_role_may_do() {
    let told: Vec<(String, Vec<bool>)> = (rows("").into_iter())
        .filter(|row| row.len() == 2 + Role::ALL.len())
        .map(|row| {
            let marks = row[2..].iter().map(|mark| mark == "●").collect();
            (row[0].trim_matches('`').to_owned(), marks)
        })
        .collect();
    let true_ones: Vec<(String, Vec<bool>)> = (Permission::ALL.iter())
        .map(|permission| {
            let marks = Role::ALL.iter().map(|role| role.may(*permission)).collect();
            (permission.word().to_owned(), marks)
        })
        .collect();
    assert_eq!(told, true_ones);
}

#[test]
fn every_route_of_the_console_names_its_permission_and_the_page_tells_it() {
    let routes = routes::console();
    let mut open = Vec::new();
    let mut named = Vec::new();
    for route in routes.table() {
        match permission_of(route) {
            None => {
                assert_eq!(route.demand, Demand::Anybody, "{}", route.path);
                open.push(&*route.path);
            }
            Some((permission, with_passkey)) => named.push(vec![
                format!("`{} {}`", route.method, route.path),
                format!("`{}`", permission.word()),
                if with_passkey { "●" } else { "" }.to_owned(),
            ]),
        }
    }
    open.sort_unstable();
    assert_eq!(open, OPEN);
    named.sort();
    let mut told: Vec<_> = [rows("GET "), rows("POST ")].concat();
    told.sort();
    assert_eq!(told, named);
}

#[test]
fn a_role_is_refused_at_every_route_that_its_table_does_not_allow_and_at_no_other() {
    let house = House::new();
    house.open_shop();
    for (number, role) in (1..).zip(Role::ALL) {
        let (mut console, _) = house.operator_as(number, role);
        for route in routes::console().table() {
            let Some((permission, _)) = permission_of(route) else {
                continue;
            };
            let path = route.path.replace("{id}", "1");
            let reply = match route.method {
                "POST" => console.post(&path, json!({})),
                _ => console.get(&path),
            };
            assert_ne!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
            let refused =
                (reply.status, reply.refusal()) == (StatusCode::FORBIDDEN, "not_your_role");
            assert_eq!(
                refused,
                !role.may(permission),
                "{} at {} {path}: {} {}",
                role.word(),
                route.method,
                reply.status,
                reply.body
            );
        }
    }
}

/// The id of the one who is called so.
fn id_of(browser: &mut Browser, name: &str) -> String {
    let shown = browser.get("/api/operators").ok();
    let mut list = shown["operators"].as_array().expect("a list").iter();
    let found = list.find(|one| one["name"] == name).expect("listed");
    found["operator"].as_str().expect("an id").to_owned()
}

fn give(
    console: &mut Browser,
    key: &mut Authenticator,
    operator: &str,
    role: &str,
) -> crate::house::Answer {
    let asked = json!({ "operator": operator, "role": role });
    console.post_fresh("/api/operators/role", asked, key)
}

#[test]
fn a_page_learns_what_its_operator_may_do() {
    let house = House::new();
    let (mut viewer, _) = house.operator_as(1, Role::Viewer);
    let me = viewer.get("/api/me").ok();
    assert_eq!(me["role"], "viewer");
    assert_eq!(
        me["may"],
        json!(["enter_console", "see_house", "see_payments"])
    );
}

#[test]
fn a_role_that_is_taken_away_counts_from_the_next_request_on() {
    let house = House::new();
    let ((mut admin, mut key), (mut helper, mut helper_key)) =
        (house.operator(1), house.operator(2));
    let id = id_of(&mut admin, "運用 2");
    house.pass(60);
    // Mid-way through an act that the role allows still.
    let asked = json!({ "name": "はる", "role": "viewer" });
    let begun = helper.post("/api/operators/invite", asked.clone()).ok();
    let credential = helper_key.get(&begun["request"]);
    give(&mut admin, &mut key, &id, "support").ok();
    let late = helper.post(
        "/api/operators/invite",
        shown(asked, &begun["step_up"], credential),
    );
    assert_eq!(
        (late.status, late.refusal()),
        (StatusCode::FORBIDDEN, "not_your_role")
    );
    assert_eq!(
        helper.get("/api/me").ok()["role"],
        "support",
        "the session lives"
    );
    let keys = helper.post("/api/api-keys", json!({ "merchant_id": 1 }));
    assert_eq!(keys.refusal(), "not_your_role");
    let acts = admin.get("/api/acts").ok();
    assert_eq!(acts["acts"][0]["what"], "set_role");
    assert_eq!(acts["acts"][0]["about"]["name"], "運用 2");
}

#[test]
fn nobody_changes_the_own_role_and_the_last_admin_stays_one() {
    let house = House::new();
    let ((mut admin, mut key), (mut other, mut other_key)) =
        (house.operator(1), house.operator_as(2, Role::Support));
    let (own, support) = (id_of(&mut admin, "運用 1"), id_of(&mut admin, "運用 2"));
    house.pass(60);
    let refused = give(&mut admin, &mut key, &own, "viewer");
    assert_eq!(refused.refusal(), "own_role");
    let removed = json!({ "operator": own });
    let last = admin.post_fresh("/api/operators/remove", removed, &mut key);
    assert_eq!(
        last.refusal(),
        "last_admin",
        "support cannot invite anybody"
    );
    house.pass(60);
    give(&mut admin, &mut key, &support, "admin").ok();
    house.pass(60);
    give(&mut other, &mut other_key, &own, "finance").ok();
    assert_eq!(admin.get("/api/me").ok()["role"], "finance");
    house.pass(60);
    let removed = json!({ "operator": support });
    let refused = other.post_fresh("/api/operators/remove", removed, &mut other_key);
    assert_eq!(refused.refusal(), "last_admin");
}

#[test]
fn an_invitation_carries_its_role_and_only_one_that_there_is() {
    let house = House::new();
    let (mut admin, mut key) = house.operator(1);
    let unknown = admin.post(
        "/api/operators/invite",
        json!({ "name": "はる", "role": "owner" }),
    );
    assert_eq!(unknown.body["field"], "role");
    house.pass(60);
    // What was agreed to is the role that was shown.
    let begun = (admin.post(
        "/api/operators/invite",
        json!({ "name": "はる", "role": "viewer" }),
    ))
    .ok();
    let more = shown(
        json!({ "name": "はる", "role": "admin" }),
        &begun["step_up"],
        key.get(&begun["request"]),
    );
    let more = admin.post("/api/operators/invite", more);
    assert_eq!(more.refusal(), "passkey_refused");
    house.pass(60);
    let invited = admin.post_fresh(
        "/api/operators/invite",
        json!({ "name": "はる", "role": "viewer" }),
        &mut key,
    );
    let link = invited.ok()["link"].as_str().expect("a link").to_owned();
    let (mut console, mut own) = (
        house.browser(Surface::Console),
        Authenticator::security_key(crate::house::CONSOLE),
    );
    let begun = console.post("/api/operators/redeem", json!({ "link": link }));
    let credential = own.create(&begun.ok()["creation"]);
    console
        .post(
            "/api/operators/finish",
            json!({ "link": link, "credential": credential }),
        )
        .ok();
    assert_eq!(console.get("/api/me").ok()["role"], "viewer");
}
