//! A provider of external IDs over a socket: what is taken from it, and each way in which it may be pretended or be wrong.

use mamori_connectors::openid::{
    ClientProof, OpenIdAnswer, OpenIdConfig, OpenIdProblem, OpenIdProvider, OpenIdRequest,
};
use mamori_connectors::openid_token::TokenProblem;
use mamori_connectors::secret::Secret;
use mamori_sandbox::{OpenIdFault, OpenIdPeer, OpenIdPeerConfig};

const NOW: i64 = 1_900_000_000;
const VERIFIER: &str = "a-verifier-that-is-forty-three-letters-long";
const SECRET: &str = "a secret: with + and %";

fn peer() -> OpenIdPeer {
    OpenIdPeer::start(OpenIdPeerConfig {
        port: 0,
        client_id: "wallet of tests".into(),
        client_secret: SECRET.into(),
        seed: [5; 32],
        clock: || NOW * 1_000_000,
    })
    .expect("a free port")
}

fn config(peer: &OpenIdPeer) -> OpenIdConfig {
    OpenIdConfig {
        issuer: peer.issuer().into(),
        client_id: "wallet of tests".into(),
        proof: ClientProof::Secret(Secret::new(SECRET)),
        redirect_uri: "https://wallet.example.jp/external-id".into(),
        max_age: None,
        allow_loopback_http: true,
    }
}

fn request(verifier: &str) -> OpenIdRequest<'_> {
    OpenIdRequest {
        state: "state",
        nonce: "nonce",
        verifier,
    }
}

/// What the browser brings back of a person's visit.
fn visit(peer: &OpenIdPeer, provider: &OpenIdProvider, who: &str) -> Vec<(String, String)> {
    let address = provider.authorization_url(&request(VERIFIER), NOW);
    let back = peer.answer(&address.expect("a provider that is there"), who);
    form_urlencoded::parse(back.expect("a good request").as_bytes())
        .into_owned()
        .collect()
}

fn of<'a>(back: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = back.iter().find(|(one, _)| one == name);
    found.map(|(_, value)| &**value)
}

fn subject(
    provider: &OpenIdProvider,
    back: &[(String, String)],
    now: i64,
) -> Result<String, OpenIdProblem> {
    let answer = OpenIdAnswer {
        code: of(back, "code").unwrap_or_default(),
        issuer: of(back, "iss"),
    };
    provider.subject(&answer, &request(VERIFIER), now)
}

#[test]
fn who_came_back_is_known_by_the_subject_and_nothing_else() {
    let peer = peer();
    let provider = OpenIdProvider::new(config(&peer));
    let address = provider.authorization_url(&request(VERIFIER), NOW);
    let address = address.expect("a provider that is there");
    assert!(address.contains("scope=openid&") && !address.contains(VERIFIER));
    let back = visit(&peer, &provider, "7100001");
    assert_eq!(of(&back, "state"), Some("state"));
    assert_eq!(subject(&provider, &back, NOW), Ok("7100001".into()));
    assert_eq!(
        subject(&provider, &back, NOW),
        Err(OpenIdProblem::CodeRefused),
        "a code is good once"
    );
}

#[test]
fn each_wrong_token_is_refused_for_its_own_reason() {
    let peer = peer();
    let provider = OpenIdProvider::new(config(&peer));
    for (fault, problem) in [
        (OpenIdFault::Unsigned, TokenProblem::Algorithm),
        (OpenIdFault::SignedWithPublicKey, TokenProblem::Algorithm),
        (OpenIdFault::UnpublishedKey, TokenProblem::UnknownKey),
        (OpenIdFault::OtherKey, TokenProblem::Signature),
        (OpenIdFault::OtherIssuer, TokenProblem::Issuer),
        (OpenIdFault::OtherAudience, TokenProblem::Audience),
        (OpenIdFault::OtherParty, TokenProblem::AuthorizedParty),
        (OpenIdFault::OtherNonce, TokenProblem::Nonce),
        (OpenIdFault::NoNonce, TokenProblem::Nonce),
        (OpenIdFault::Expired, TokenProblem::Expired),
        (OpenIdFault::FromTheFuture, TokenProblem::IssuedAt),
        (OpenIdFault::OtherAccessToken, TokenProblem::AccessToken),
        (OpenIdFault::NoSubject, TokenProblem::Subject),
    ] {
        let back = visit(&peer, &provider, "7100001");
        peer.fail_next(fault);
        assert_eq!(
            subject(&provider, &back, NOW),
            Err(OpenIdProblem::Token(problem)),
            "{fault:?}"
        );
        let back = visit(&peer, &provider, "7100001");
        assert_eq!(subject(&provider, &back, NOW), Ok("7100001".into()));
    }
}

#[test]
fn the_answer_of_another_provider_is_not_even_exchanged() {
    let peer = peer();
    let provider = OpenIdProvider::new(config(&peer));
    for (fault, problem) in [
        (OpenIdFault::OtherIssuerInAnswer, OpenIdProblem::OtherIssuer),
        (OpenIdFault::NoIssuerInAnswer, OpenIdProblem::NoIssuer),
    ] {
        peer.fail_next(fault);
        let mut back = visit(&peer, &provider, "7100001");
        assert_eq!(subject(&provider, &back, NOW), Err(problem));
        // The code was kept from the provider: with the right name it is still good.
        back.retain(|(name, _)| name != "iss");
        back.push(("iss".into(), peer.issuer().into()));
        assert_eq!(subject(&provider, &back, NOW), Ok("7100001".into()));
    }
    peer.fail_next(OpenIdFault::OtherIssuerInDiscovery);
    let fresh = OpenIdProvider::new(config(&peer));
    let asked = fresh.authorization_url(&request(VERIFIER), NOW);
    assert_eq!(asked, Err(OpenIdProblem::Discovery("issuer")));
}

#[test]
fn a_code_is_worth_nothing_with_another_verifier_secret_or_address() {
    let peer = peer();
    let provider = OpenIdProvider::new(config(&peer));
    let refused = |config: OpenIdConfig, verifier: &str| {
        let back = visit(&peer, &provider, "7100001");
        let answer = OpenIdAnswer {
            code: of(&back, "code").expect("a code"),
            issuer: of(&back, "iss"),
        };
        OpenIdProvider::new(config).subject(&answer, &request(verifier), NOW)
    };
    let good = config(&peer);
    assert_eq!(refused(good.clone(), VERIFIER), Ok("7100001".into()));
    assert_eq!(
        refused(good.clone(), &"b".repeat(43)),
        Err(OpenIdProblem::CodeRefused)
    );
    let other_address = OpenIdConfig {
        redirect_uri: "https://elsewhere.example/external-id".into(),
        ..good.clone()
    };
    assert_eq!(
        refused(other_address, VERIFIER),
        Err(OpenIdProblem::CodeRefused)
    );
    let other_secret = OpenIdConfig {
        proof: ClientProof::Secret(Secret::new("guessed")),
        ..good
    };
    assert_eq!(
        refused(other_secret, VERIFIER),
        Err(OpenIdProblem::CodeRefused)
    );
}

#[test]
fn a_new_key_is_looked_for_once_a_minute_and_an_old_one_is_forgotten() {
    let peer = peer();
    let provider = OpenIdProvider::new(config(&peer));
    let sign_in = |now| subject(&provider, &visit(&peer, &provider, "7100001"), now);
    assert!(sign_in(NOW).is_ok());
    peer.rotate();
    assert!(sign_in(NOW + 1).is_ok(), "at once");
    peer.rotate();
    assert_eq!(
        sign_in(NOW + 60),
        Err(OpenIdProblem::Token(TokenProblem::UnknownKey)),
        "a flood of invented keys asks the provider nothing"
    );
    assert!(sign_in(NOW + 61).is_ok());
}

#[test]
fn secrets_travel_to_this_machine_in_clear_only_where_that_was_said() {
    let peer = peer();
    let live = OpenIdProvider::new(OpenIdConfig {
        allow_loopback_http: false,
        ..config(&peer)
    });
    let asked = live.authorization_url(&request(VERIFIER), NOW);
    assert_eq!(asked, Err(OpenIdProblem::Discovery("issuer")));
    let elsewhere = OpenIdProvider::new(OpenIdConfig {
        issuer: "http://id.example".into(),
        ..config(&peer)
    });
    let asked = elsewhere.authorization_url(&request(VERIFIER), NOW);
    assert_eq!(asked, Err(OpenIdProblem::Discovery("issuer")));
    assert!(!format!("{:?}", config(&peer)).contains(SECRET));
}
