//! SMS and mail: handed over, received as written, refused for a reason.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mamori_connectors::delivery::DeliveryError;
use mamori_connectors::mail::*;
use mamori_connectors::secret::Secret;
use mamori_connectors::sms::*;

use crate::peer::*;

const UNREACHABLE: DeliveryError = DeliveryError::Unreachable { retryable: true };

fn gateway(world: &World, token: &str) -> SmsGateway {
    SmsGateway::new(SmsConfig {
        base_url: world.sandbox.addresses().sms_url.clone(),
        account: SMS_ACCOUNT.to_owned(),
        token: Secret::new(token),
        from: "Mamori".to_owned(),
        patience: quick(),
    })
}

fn mailer(address: SocketAddr) -> Mailer {
    Mailer::new(MailConfig {
        host: address.ip().to_string(),
        port: address.port(),
        security: MailSecurity::None,
        root_certificate_pem: None,
        credentials: None,
        from: (
            "マモリ".to_owned(),
            MailAddress::new("no-reply@mamori.example").unwrap(),
        ),
        hello_name: "mamori.example".to_owned(),
        timeout: Duration::from_secs(5),
    })
    .unwrap()
}

fn mail(to: &str, subject: &str, text: &str) -> Mail {
    Mail {
        to: MailAddress::new(to).unwrap(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        id: "1-7".to_owned(),
        at_micros: now_micros(),
    }
}

fn sora() -> PhoneNumber {
    PhoneNumber::new("+819012345678").unwrap()
}

#[test]
fn an_sms_arrives_with_its_code() {
    let world = World::start();
    let id = gateway(&world, SMS_TOKEN)
        .send(&sora(), "【マモリ】確認コードは 042137 です & 100% 安全")
        .unwrap();
    assert!(id.starts_with("SM"));
    let inbox = world.inbox();
    let fields =
        ["kind", "to", "from", "code", "text"].map(|name| inbox[0][name].as_str().unwrap());
    assert_eq!(
        fields,
        [
            "sms",
            "+819012345678",
            "Mamori",
            "042137",
            "【マモリ】確認コードは 042137 です & 100% 安全"
        ]
    );
    assert_eq!(inbox[0]["at_ms"], NOW_SECONDS * 1_000);
}

#[test]
fn an_sms_is_refused_for_good_for_now_or_for_our_own_fault() {
    let world = World::start();
    let sms = gateway(&world, SMS_TOKEN);
    let too_long = DeliveryError::Rejected {
        code: "text_length".to_owned(),
    };
    assert_eq!(
        sms.send(&sora(), &"あ".repeat(1_601)),
        Err(too_long.clone())
    );
    assert_eq!(sms.send(&sora(), ""), Err(too_long));
    world.faults(r#"{"fail_next_sms": 1}"#);
    assert_eq!(
        sms.send(&sora(), "later"),
        Err(UNREACHABLE),
        "one attempt: the outbox repeats"
    );
    assert!(sms.send(&sora(), "later").is_ok());
    let stranger = gateway(&world, "wrong").send(&sora(), "x");
    assert_eq!(
        stranger,
        Err(DeliveryError::Unreachable { retryable: false })
    );
    assert_eq!(world.inbox().len(), 1);
}

#[test]
fn a_mail_in_japanese_arrives_as_written() {
    let world = World::start();
    let subject = "【マモリ】メールアドレスの確認 — とても長い件名なので途中で折り返されるはずです";
    let text = "そらさん\n\n確認コード: 314159\n.\n..点で始まる行\nFrom: 行頭のFrom\n";
    mailer(world.sandbox.addresses().smtp_address)
        .send(&mail("sora@example.jp", subject, text))
        .unwrap();
    let inbox = world.inbox();
    let fields =
        ["kind", "to", "from", "subject", "code"].map(|name| inbox[0][name].as_str().unwrap());
    assert_eq!(
        fields,
        [
            "mail",
            "sora@example.jp",
            "no-reply@mamori.example",
            subject,
            "314159"
        ]
    );
    assert_eq!(inbox[0]["text"].as_str().unwrap(), text.trim_end());
}

/// Two dots in a row, or one at an end: Japanese carriers gave out such addresses until 2009, and people still have them.
#[test]
fn a_mail_to_an_address_as_old_carriers_gave_it_arrives() {
    let world = World::start();
    for name in ["a..b", ".sora", "sora."] {
        mailer(world.sandbox.addresses().smtp_address)
            .send(&mail(&format!("{name}@docomo.ne.jp"), "Code", "123456"))
            .unwrap();
    }
    let to: Vec<String> = (world.inbox().iter())
        .map(|message| message["to"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        to,
        [
            "\"sora.\"@docomo.ne.jp",
            "\".sora\"@docomo.ne.jp",
            "\"a..b\"@docomo.ne.jp"
        ]
    );
}

#[test]
fn an_english_mail_with_long_lines_and_dots_arrives_as_written() {
    let world = World::start();
    let text = format!(".\n{}\n.hidden\nThe end", "word ".repeat(400).trim_end());
    mailer(world.sandbox.addresses().smtp_address)
        .send(&mail("ann@example.com", "Receipt", &text))
        .unwrap();
    assert_eq!(world.inbox()[0]["text"].as_str().unwrap(), text);
}

#[test]
fn a_mail_server_in_trouble_or_gone_is_worth_another_try() {
    let world = World::start();
    let address = world.sandbox.addresses().smtp_address;
    world.faults(r#"{"fail_next_mail": 1}"#);
    let letter = mail("sora@example.jp", "s", "t");
    assert_eq!(mailer(address).send(&letter), Err(UNREACHABLE));
    assert!(mailer(address).send(&letter).is_ok());
    drop(world);
    assert_eq!(mailer(address).send(&letter), Err(UNREACHABLE));
}

#[test]
fn a_server_that_knows_no_encryption_gets_no_mail_that_needs_it() {
    let world = World::start();
    let address = world.sandbox.addresses().smtp_address;
    let config = MailConfig {
        host: "localhost".to_owned(),
        port: address.port(),
        security: MailSecurity::StartTls,
        root_certificate_pem: None,
        credentials: Some(("user".to_owned(), Secret::new("hunter2"))),
        from: (
            String::new(),
            MailAddress::new("no-reply@mamori.example").unwrap(),
        ),
        hello_name: "mamori.example".to_owned(),
        timeout: Duration::from_secs(5),
    };
    assert!(!format!("{config:?}").contains("hunter2"));
    let refused = Mailer::new(config)
        .unwrap()
        .send(&mail("sora@example.jp", "s", "t"));
    assert!(
        matches!(refused, Err(DeliveryError::Unreachable { .. })),
        "{refused:?}"
    );
    assert!(world.inbox().is_empty());
}

/// Speaks SMTP by hand: sends each line, collects the first digits of each answer.
fn by_hand(address: SocketAddr, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut reader = BufReader::new(stream);
    let mut answers = vec![answer(&mut reader)];
    for line in lines {
        reader.get_mut().write_all(line.as_bytes()).unwrap();
        answers.push(answer(&mut reader));
    }
    answers
}

fn answer(reader: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.get(3..4) != Some("-") {
            return line.get(..3).unwrap_or_default().to_owned();
        }
    }
}

#[test]
fn the_mail_server_keeps_the_order_of_the_conversation() {
    let world = World::start();
    let address = world.sandbox.addresses().smtp_address;
    let answers = by_hand(
        address,
        &[
            "MAIL FROM:<a@example.jp>\r\n",
            "EHLO me\r\n",
            "RCPT TO:<b@example.jp>\r\n",
            "DATA\r\n",
            "MAIL FROM:<>\r\n",
            "RCPT TO:b\r\n",
            "RCPT TO:<b@example.jp>\r\n",
            "NOOP\r\n",
            "RSET\r\n",
            "DATA\r\n",
            "STARTTLS\r\n",
            "QUIT\r\n",
        ],
    );
    assert_eq!(
        answers,
        [
            "220", "503", "250", "503", "503", "250", "501", "250", "250", "250", "503", "502",
            "221"
        ]
    );
}

#[test]
fn a_second_mail_cannot_be_smuggled_behind_a_bare_line_feed() {
    let world = World::start();
    let smuggled = "Subject: one\r\n\r\ntext\n.\nMAIL FROM:<x@example.jp>\r\nRCPT TO:<y@example.jp>\r\nDATA\r\n\r\nevil\r\n.\r\n";
    let address = world.sandbox.addresses().smtp_address;
    let answers = by_hand(
        address,
        &[
            "EHLO me\r\n",
            "MAIL FROM:<a@example.jp>\r\n",
            "RCPT TO:<b@example.jp>\r\n",
            "DATA\r\n",
            smuggled,
        ],
    );
    assert_eq!(answers.last().unwrap(), "250");
    let inbox = world.inbox();
    assert_eq!(
        (inbox.len(), inbox[0]["to"].as_str().unwrap()),
        (1, "b@example.jp")
    );
}

#[test]
fn a_line_without_end_is_cut_off() {
    let world = World::start();
    let mut stream = TcpStream::connect(world.sandbox.addresses().smtp_address).unwrap();
    stream.write_all("EHLO ".as_bytes()).unwrap();
    stream.write_all("x".repeat(5_000).as_bytes()).unwrap();
    let mut said = String::new();
    // The close may come as a reset, because the server leaves the rest unread.
    let _ = stream.read_to_string(&mut said);
    assert!(said.contains("500"), "{said}");
}

#[test]
fn the_inbox_tells_what_comes_and_what_was_missed() {
    let world = World::start();
    let sms = gateway(&world, SMS_TOKEN);
    for text in ["one", "two"] {
        sms.send(&sora(), text).unwrap();
    }
    let url = format!("{}/api/events", world.sandbox.addresses().inbox_url);
    let stream = direct()
        .get(url)
        .header("last-event-id", "1")
        .call()
        .unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(stream.into_body().into_reader())
        .lines()
        .map_while(Result::ok);
    sms.send(&sora(), "three").unwrap();
    for (id, text) in [("id: 2", "two"), ("id: 3", "three")] {
        let event: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        assert!(
            event.contains(&"event: message".to_owned()) && event.contains(&id.to_owned()),
            "{event:?}"
        );
        assert!(
            event
                .iter()
                .any(|line| line.starts_with("data: ") && line.contains(text)),
            "{event:?}"
        );
    }
}

#[test]
fn a_root_certificate_that_is_none_is_found_at_the_start() {
    let config = MailConfig {
        host: "mail.example".to_owned(),
        port: 465,
        security: MailSecurity::Tls,
        root_certificate_pem: Some("certificate".to_owned()),
        credentials: None,
        from: (
            String::new(),
            MailAddress::new("no-reply@mamori.example").unwrap(),
        ),
        hello_name: "mamori.example".to_owned(),
        timeout: Duration::from_secs(5),
    };
    assert_eq!(
        Mailer::new(config).err(),
        Some(MailConfigError::Certificate)
    );
}
