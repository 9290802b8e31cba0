#!/usr/bin/env bash
# lettre 0.11.23 (crates.io): `Address` accepts a quoted local part, as RFC 5321 allows it and as addresses of Japanese mobile carriers with two
# dots in a row need it. In a message with such a recipient and another one, `Message::builder()` builds without an error, but the quoted
# recipient is missing from the `To` header and from the envelope that is derived from it: the mail is never sent to that person, and nothing
# says so. Alone it is an error (MissingTo) that names another reason. An explicit envelope is the way out.
# Seen:
#   "taro..yamada" alone: error MissingTo
#   "taro..yamada" beside another: envelope ["hanako@c.example"]
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir "$work/src"; cd "$work"
cat > Cargo.toml <<'TOML'
[package]
name = "quoted"
version = "0.1.0"
edition = "2021"
[dependencies]
lettre = { version = "=0.11.23", default-features = false, features = ["builder"] }
TOML
cat > src/main.rs <<'RUST'
use lettre::{message::Mailbox, Address, Message};

fn main() {
    let quoted = Address::new("\"taro..yamada\"", "docomo.example").expect("the address itself is accepted");
    for beside_another in [false, true] {
        let mut mail = Message::builder()
            .from("shop@b.example".parse().unwrap())
            .to(Mailbox::new(None, quoted.clone()));
        if beside_another {
            mail = mail.to("hanako@c.example".parse().unwrap());
        }
        let place = if beside_another { "beside another" } else { "alone" };
        match mail.body(String::new()) {
            Ok(mail) => {
                let to: Vec<String> = mail.envelope().to().iter().map(ToString::to_string).collect();
                println!("\"taro..yamada\" {place}: envelope {to:?}");
            }
            Err(error) => println!("\"taro..yamada\" {place}: error {error:?}"),
        }
    }
}
RUST
seen=$(cargo run --quiet)
echo "$seen"
expected='"taro..yamada" alone: error MissingTo
"taro..yamada" beside another: envelope ["hanako@c.example"]'
[ "$seen" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
