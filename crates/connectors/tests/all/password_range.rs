//! A service of leaked passwords, asked over a socket: what it hears, and what becomes of answers that are none.

use std::io::{Read, Write};
use std::net::TcpListener;

use mamori_connectors::password_range::{PasswordRange, RangeUnavailable};
use mamori_sandbox::PasswordRanges;

/// SHA-1 of "password" and of "trombone of gold".
const PASSWORD: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";
const LIKE_IT: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD9";
const OTHER: &str = "0123456789ABCDEF0123456789ABCDEF01234567";

#[test]
fn the_service_hears_five_digits_and_answers_in_one_length() {
    let service = PasswordRanges::start(&[(PASSWORD, 9_659_365)]).expect("a free port");
    let range = PasswordRange::new(service.url());
    assert_eq!(range.seen(PASSWORD), Ok(9_659_365));
    assert_eq!(range.seen(LIKE_IT), Ok(0), "its beginning is the same");
    assert_eq!(range.seen(OTHER), Ok(0));
    // What pads an answer was never seen.
    assert_eq!(
        range.seen(&format!("{}{}", &OTHER[..5], "0".repeat(35))),
        Ok(0)
    );
    let asked = service.asked();
    assert!(asked.iter().all(|one| one.padded && one.prefix.len() == 5));
    assert_eq!(asked[0].prefix, "5BAA6");
}

#[test]
fn what_is_no_list_is_no_answer() {
    for body in ["<html>sign in to this network</html>", "no colon\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let status = if body.is_empty() {
            "503 Busy"
        } else {
            "200 OK"
        };
        let served = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("somebody asks");
            let mut heard = [0; 2_048];
            let length = socket.read(&mut heard).expect("a request");
            let length_of = body.len();
            write!(socket, "HTTP/1.1 {status}\r\nContent-Length: {length_of}\r\nConnection: close\r\n\r\n{body}")
                .expect("an answer");
            String::from_utf8_lossy(&heard[..length]).to_lowercase()
        });
        assert_eq!(
            PasswordRange::new(&url).seen(PASSWORD),
            Err(RangeUnavailable),
            "{body}"
        );
        let heard = served.join().expect("it was asked");
        assert!(!heard.contains("authorization") && !heard.contains(&PASSWORD[5..].to_lowercase()));
    }
    // Nobody listens there.
    assert_eq!(
        PasswordRange::new("http://127.0.0.1:9").seen(PASSWORD),
        Err(RangeUnavailable)
    );
}
