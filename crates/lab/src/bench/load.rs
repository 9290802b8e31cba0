//! The load generator: one thread, one poller, raw sockets, because every microsecond it takes is taken from the server beside it.
//!
//! Each request is made fresh: its own merchant payment id and nonce, the current second, a random wallet, a random till, signed
//! (OPA-Auth: MD5 of the body, HMAC-SHA256 of the request line). An answer counts as good only if it says so *and* names the id it
//! answers; everything else is counted under its status and code.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use mamori::world::{Clock, Failure};
use md5::{Digest, Md5};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use sha2::Sha256;

use super::histogram::Histogram;

/// How the next request is timed.
#[derive(Clone, Copy, Debug)]
pub enum Arrivals {
    /// Every connection sends its next request when it has its answer.
    Closed,
    /// So many requests a second, whatever the answers do; latency counts from the intended instant, waiting for a free connection
    /// included, so a stalled server cannot hide the requests it kept from being sent.
    Open { per_second: u64 },
}

/// Who pays whom, and with which key.
#[derive(Clone, Debug)]
pub struct Parties {
    pub address: SocketAddr,
    /// The merchant's API key.
    pub api_key: String,
    pub api_secret: String,
    /// `X-ASSUME-MERCHANT`.
    pub merchant: String,
    /// Store and till as the request names them.
    pub tills: Vec<(String, String)>,
    /// Wallets, numbered from 0; one is picked at random for each payment.
    pub wallets: u64,
    /// The user authorisation of a wallet, by its number.
    pub authorization: fn(u64) -> u128,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Connections, kept open.
    pub connections: usize,
    /// Closed or open loop.
    pub arrivals: Arrivals,
    /// Sent before anything is counted, in microseconds.
    pub warm_up_micros: u64,
    /// The counted part, in microseconds.
    pub measured_micros: u64,
    /// Seed of the choices: wallets, tills, amounts, ids.
    pub seed: u64,
}

/// What a run tells its caller while it goes on.
pub enum Moment {
    /// The counted part begins.
    Begins,
    /// About five times a second: microseconds since the counted part began.
    Goes(u64),
    /// The counted part ended.
    Ends,
}

#[derive(Clone, Default)]
pub struct Tally {
    /// Good answers in the counted part.
    pub good: u64,
    /// All answers of the whole run, good or not.
    pub answered: u64,
    /// Everything else, by status and code, over the whole run.
    pub others: BTreeMap<String, u64>,
    /// Latencies of good answers in the counted part.
    pub latency: Histogram,
    /// Length of the counted part in microseconds.
    pub elapsed_micros: u64,
}

impl Tally {
    /// Good answers a second.
    pub fn per_second(&self) -> f64 {
        self.good as f64 * 1e6 / self.elapsed_micros.max(1) as f64
    }
}

/// A small generator of choices (SplitMix64): not secret, only spread.
pub struct Choices(u64);

impl Choices {
    /// Starts from a seed.
    pub fn from_seed(seed: u64) -> Choices {
        Choices(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Makes requests into a buffer.
struct Writer<'a> {
    parties: &'a Parties,
    keyed: Hmac<Sha256>,
    choices: Choices,
    /// Set once per run from the seed, so that ids of two runs never meet.
    run: u32,
    count: u64,
    body: Vec<u8>,
}

const PATH: &str = "/v2/payments";
const CONTENT_TYPE: &str = "application/json";

fn push_hex(out: &mut Vec<u8>, value: u64, digits: u32) {
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(value >> (digit * 4)) as usize & 15]);
    }
}

fn push_decimal(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0_u8; 20];
    let (mut at, mut rest) = (digits.len(), value);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn push_uuid(out: &mut Vec<u8>, value: u128) {
    let (high, low) = ((value >> 64) as u64, value as u64);
    push_hex(out, high >> 32, 8);
    out.push(b'-');
    push_hex(out, high >> 16, 4);
    out.push(b'-');
    push_hex(out, high, 4);
    out.push(b'-');
    push_hex(out, low >> 48, 4);
    out.push(b'-');
    push_hex(out, low, 12);
}

/// The merchant payment id of a request: fixed length, so that an answer is searched for it quickly.
type Id = [u8; 26];

impl Writer<'_> {
    fn write(&mut self, out: &mut Vec<u8>, wall_seconds: u64) -> Id {
        let parties = self.parties;
        self.count += 1;
        let mut id = Vec::with_capacity(26);
        id.extend_from_slice(b"b-");
        push_hex(&mut id, u64::from(self.run), 8);
        push_hex(&mut id, self.count, 16);

        let authorization = (parties.authorization)(self.choices.below(parties.wallets.max(1)));
        let (store, till) = &parties.tills[self.choices.below(parties.tills.len() as u64) as usize];
        let body = &mut self.body;
        body.clear();
        body.extend_from_slice(b"{\"merchantPaymentId\":\"");
        body.extend_from_slice(&id);
        body.extend_from_slice(b"\",\"userAuthorizationId\":\"");
        push_uuid(body, authorization);
        body.extend_from_slice(b"\",\"amount\":{\"amount\":");
        push_decimal(body, 1 + self.choices.below(300));
        body.extend_from_slice(b",\"currency\":\"JPY\"},\"storeId\":\"");
        body.extend_from_slice(store.as_bytes());
        body.extend_from_slice(b"\",\"terminalId\":\"");
        body.extend_from_slice(till.as_bytes());
        body.extend_from_slice(
            b"\",\"orderDescription\":\"onigiri, tea and a newspaper\",\"requestedAt\":",
        );
        push_decimal(body, wall_seconds);
        body.push(b'}');

        let mut base64 = [0_u8; 44];
        let mut hash = Md5::new();
        hash.update(CONTENT_TYPE.as_bytes());
        hash.update(&*body);
        let body_hash = encoded(&hash.finalize(), &mut base64).to_owned();
        let mut signed = Vec::with_capacity(128);
        signed.extend_from_slice(PATH.as_bytes());
        signed.extend_from_slice(b"\nPOST\n");
        let nonce_at = signed.len();
        push_hex(&mut signed, u64::from(self.run) << 32 ^ self.count, 16);
        let nonce_end = signed.len();
        signed.push(b'\n');
        push_decimal(&mut signed, wall_seconds);
        let epoch_end = signed.len();
        signed.push(b'\n');
        signed.extend_from_slice(CONTENT_TYPE.as_bytes());
        signed.push(b'\n');
        signed.extend_from_slice(body_hash.as_bytes());
        let mut keyed = self.keyed.clone();
        keyed.update(&signed);

        out.extend_from_slice(
            b"POST /v2/payments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: hmac OPA-Auth:",
        );
        out.extend_from_slice(parties.api_key.as_bytes());
        out.push(b':');
        out.extend_from_slice(encoded(&keyed.finalize().into_bytes(), &mut base64).as_bytes());
        out.push(b':');
        out.extend_from_slice(&signed[nonce_at..nonce_end]);
        out.push(b':');
        out.extend_from_slice(&signed[nonce_end + 1..epoch_end]);
        out.push(b':');
        out.extend_from_slice(body_hash.as_bytes());
        out.extend_from_slice(b"\r\nContent-Type: application/json\r\nX-ASSUME-MERCHANT: ");
        out.extend_from_slice(parties.merchant.as_bytes());
        out.extend_from_slice(b"\r\nContent-Length: ");
        push_decimal(out, body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
        id.try_into().expect("2 + 8 + 16 letters")
    }
}

fn encoded<'a>(bytes: &[u8], into: &'a mut [u8]) -> &'a str {
    let length = BASE64
        .encode_slice(bytes, into)
        .expect("32 bytes are 44 letters");
    std::str::from_utf8(&into[..length]).expect("base64 is ASCII")
}

struct Line {
    socket: TcpStream,
    unsent: Vec<u8>,
    received: Vec<u8>,
    filled: usize,
    intended_micros: u64,
    id: Id,
    waiting: bool,
}

impl Line {
    fn open(address: SocketAddr) -> io::Result<Line> {
        // Connected blocking, before the run: a refused connection is an error at once, not a missing answer later.
        let socket = std::net::TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Line {
            socket: TcpStream::from_std(socket),
            unsent: Vec::with_capacity(1024),
            received: vec![0; 8 * 1024],
            filled: 0,
            intended_micros: 0,
            id: [0; 26],
            waiting: false,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) if sent == self.unsent.len() => self.unsent.clear(),
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there; true when a whole answer lies in `received[..filled]`.
    fn answered(&mut self) -> io::Result<bool> {
        loop {
            if self.filled == self.received.len() {
                self.received.resize(self.received.len() * 2, 0);
            }
            let room = self.received.len() - self.filled;
            match self.socket.read(&mut self.received[self.filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.filled += read;
                    // A short read has emptied the socket; asking again would only cost a system call.
                    if read < room {
                        return Ok(Answer::parse(&self.received[..self.filled]).is_some());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Answer::parse(&self.received[..self.filled]).is_some());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The parts of an answer that the generator looks at.
struct Answer<'a> {
    status: &'a [u8],
    body: &'a [u8],
}

impl Answer<'_> {
    /// `None` until the whole answer is there. Only answers with a Content-Length are understood: the server sends no others here.
    fn parse(bytes: &[u8]) -> Option<Answer<'_>> {
        let head_end = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
        let mut length = 0;
        for line in bytes[..head_end].split(|byte| *byte == b'\n') {
            if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
                length = line[15..]
                    .iter()
                    .filter(|byte| byte.is_ascii_digit())
                    .fold(0, |sum, byte| sum * 10 + usize::from(byte - b'0'));
            }
        }
        let body = bytes.get(head_end..head_end + length)?;
        Some(Answer {
            status: bytes.get(9..12)?,
            body,
        })
    }

    /// Empty for a good answer, otherwise what was wrong with it.
    fn fault(&self, id: &Id, echoes_id: bool) -> Option<String> {
        let code = memchr::memmem::find(self.body, b"\"code\":\"").map(|at| &self.body[at + 8..]);
        let code = code
            .and_then(|rest| rest.split(|byte| *byte == b'"').next())
            .unwrap_or(b"no code");
        if self.status != b"200" || code != b"SUCCESS" {
            return Some(format!(
                "{} {}",
                String::from_utf8_lossy(self.status),
                String::from_utf8_lossy(code)
            ));
        }
        if echoes_id && memchr::memmem::find(self.body, id).is_none() {
            return Some("200 SUCCESS for another payment".to_owned());
        }
        None
    }
}

/// Runs a plan against a server. `echoes_id` asks every answer to name its payment; only the bare floor, whose answer is fixed, does not.
pub fn run(
    parties: &Parties,
    plan: Plan,
    echoes_id: bool,
    clock: Clock,
    mut told: impl FnMut(Moment),
) -> Result<Tally, Failure> {
    let mut run = Run::connect(parties, plan, echoes_id, clock)?;
    let mut events = Events::with_capacity(plan.connections.max(16));
    let (mut began, mut next_tick) = (false, run.counted_from);
    loop {
        let now = (clock.monotonic_micros)();
        if now >= run.counted_from && !began {
            began = true;
            told(Moment::Begins);
        }
        if now >= run.counted_to {
            run.tally.elapsed_micros = now - run.counted_from;
            told(Moment::Ends);
            break;
        }
        if now >= next_tick {
            next_tick = now + 200_000;
            told(Moment::Goes(now - run.counted_from));
        }
        let pause = run.send_what_is_due(now)?;
        run.wait(&mut events, pause)?;
        for event in &events {
            run.take(event)?;
        }
        if run.lost > 10_000 {
            return Err("the server keeps closing connections".into());
        }
    }
    if run.lost > 0 {
        run.tally
            .others
            .insert("connection lost".to_owned(), run.lost);
    }
    Ok(run.tally)
}

/// A run under way.
struct Run<'a> {
    writer: Writer<'a>,
    arrivals: Arrivals,
    echoes_id: bool,
    clock: Clock,
    poll: Poll,
    lines: Vec<Line>,
    /// Connections that wait for no answer, by number.
    free: Vec<usize>,
    begin: u64,
    counted_from: u64,
    counted_to: u64,
    /// Requests of an open loop that were due so far.
    due: u64,
    /// Connections that broke.
    lost: u64,
    tally: Tally,
}

impl<'a> Run<'a> {
    fn connect(
        parties: &'a Parties,
        plan: Plan,
        echoes_id: bool,
        clock: Clock,
    ) -> Result<Run<'a>, Failure> {
        let mut choices = Choices::from_seed(plan.seed);
        let run = choices.next() as u32;
        let keyed = Hmac::<Sha256>::new_from_slice(parties.api_secret.as_bytes())?;
        let writer = Writer {
            parties,
            keyed,
            choices,
            run,
            count: 0,
            body: Vec::with_capacity(512),
        };
        let poll = Poll::new()?;
        let mut lines = Vec::with_capacity(plan.connections);
        for number in 0..plan.connections {
            lines.push(open(number, parties.address, &poll)?);
        }
        let begin = (clock.monotonic_micros)();
        let counted_from = begin + plan.warm_up_micros;
        Ok(Run {
            writer,
            arrivals: plan.arrivals,
            echoes_id,
            clock,
            poll,
            free: (0..lines.len()).rev().collect(),
            lines,
            begin,
            counted_from,
            counted_to: counted_from + plan.measured_micros,
            due: 0,
            lost: 0,
            tally: Tally::default(),
        })
    }

    /// Sends what is due on whatever connection is free. Answers how long the next request of an open loop has still time, if a
    /// connection waits for it.
    fn send_what_is_due(&mut self, now: u64) -> Result<Option<u64>, Failure> {
        let wall_seconds = ((self.clock.wall_micros)() / 1_000_000) as u64;
        while let Some(number) = self.free.last().copied() {
            let intended = match self.arrivals {
                Arrivals::Closed => (self.clock.monotonic_micros)(),
                Arrivals::Open { per_second } => {
                    let after = u128::from(self.due) * 1_000_000 / u128::from(per_second.max(1));
                    let intended = self.begin + after as u64;
                    if intended > now {
                        return Ok(Some(intended - now));
                    }
                    self.due += 1;
                    intended
                }
            };
            self.free.pop();
            let line = &mut self.lines[number];
            line.id = self.writer.write(&mut line.unsent, wall_seconds);
            line.intended_micros = intended;
            line.waiting = true;
            if line.flush().is_err() {
                self.lose(number)?;
            }
        }
        Ok(None)
    }

    /// Waits for answers. The poller counts in milliseconds; for an open loop that is too coarse, and turning without a pause would
    /// eat the server's core.
    fn wait(&mut self, events: &mut Events, pause: Option<u64>) -> io::Result<()> {
        let waited = match pause {
            Some(micros) => {
                std::thread::sleep(Duration::from_micros(micros.min(100)));
                self.poll.poll(events, Some(Duration::ZERO))
            }
            None => self.poll.poll(events, Some(Duration::from_millis(100))),
        };
        match waited {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }

    /// Takes what a connection has: nothing yet, an answer, or its end.
    fn take(&mut self, event: &Event) -> Result<(), Failure> {
        let number = event.token().0;
        let line = &mut self.lines[number];
        if !line.waiting {
            // A server closes idle connections; the next request gets a new one.
            if event.is_read_closed() {
                *line = open(number, self.writer.parties.address, &self.poll)?;
            }
            return Ok(());
        }
        let done = if event.is_writable() && !line.unsent.is_empty() {
            line.flush()
        } else {
            Ok(())
        };
        match done.and_then(|()| line.answered()) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.count(number);
                Ok(())
            }
            Err(_) => self.lose(number),
        }
    }

    /// Counts the whole answer that a connection holds, and frees it.
    fn count(&mut self, number: usize) {
        let line = &mut self.lines[number];
        let answer = Answer::parse(&line.received[..line.filled]).expect("answered said so");
        self.tally.answered += 1;
        match answer.fault(&line.id, self.echoes_id) {
            Some(fault) => *self.tally.others.entry(fault).or_default() += 1,
            None => {
                let now = (self.clock.monotonic_micros)();
                if now >= self.counted_from && now < self.counted_to {
                    self.tally.good += 1;
                    self.tally
                        .latency
                        .record(now.saturating_sub(line.intended_micros));
                }
            }
        }
        line.filled = 0;
        line.waiting = false;
        self.free.push(number);
    }

    /// A connection broke: another takes its place.
    fn lose(&mut self, number: usize) -> Result<(), Failure> {
        self.lost += 1;
        self.lines[number] = open(number, self.writer.parties.address, &self.poll)?;
        self.free.push(number);
        Ok(())
    }
}

/// A new connection that the poller watches under this number.
fn open(number: usize, address: SocketAddr, poll: &Poll) -> Result<Line, Failure> {
    let mut line = Line::open(address)?;
    poll.registry().register(
        &mut line.socket,
        Token(number),
        Interest::READABLE | Interest::WRITABLE,
    )?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mamori_api::auth::{Accepted, Credentials, SignedRequest, SigningKey};

    fn parties() -> Parties {
        Parties {
            address: ([127, 0, 0, 1], 1).into(),
            api_key: "test_key".into(),
            api_secret: "test_secret".into(),
            merchant: "1".into(),
            tills: vec![("s".into(), "t".into())],
            wallets: 10,
            authorization: u128::from,
        }
    }

    #[test]
    fn a_request_is_signed_as_the_official_clients_sign() {
        let parties = parties();
        let keyed = Hmac::<Sha256>::new_from_slice(b"test_secret").unwrap();
        let mut writer = Writer {
            parties: &parties,
            keyed,
            choices: Choices::from_seed(1),
            run: 7,
            count: 0,
            body: Vec::new(),
        };
        let mut bytes = Vec::new();
        let id = writer.write(&mut bytes, 1_700_000_000);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(std::str::from_utf8(&id).unwrap()));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(header("Content-Length:"), body.len().to_string());
        let authorization = header("Authorization:");
        let request = SignedRequest {
            method: "POST",
            path: PATH,
            query: None,
            content_type: Some(CONTENT_TYPE.as_bytes()),
            body: body.as_bytes(),
        };
        let now_micros = 1_700_000_010_000_000;
        let key = SigningKey::new("test_secret");
        let credentials = Credentials::parse(authorization.as_bytes()).unwrap();
        assert_eq!(
            credentials.verify(&key, Accepted::BOTH, &request, now_micros),
            Ok(())
        );
    }

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert!(Answer::parse(&whole[..whole.len() - 1]).is_none());
        assert_eq!(Answer::parse(whole).unwrap().body, b"hello");
    }

    #[test]
    fn refusals_and_answers_for_others_are_not_good() {
        let id = *b"b-000000070000000000000001";
        let answer = |status: &'static str, body: &'static str| Answer {
            status: status.as_bytes(),
            body: body.as_bytes(),
        };
        let good = answer(
            "200",
            "{\"resultInfo\":{\"code\":\"SUCCESS\"},\"data\":{\"merchantPaymentId\":\"b-000000070000000000000001\"}}",
        );
        assert_eq!(good.fault(&id, true), None);
        let refused = answer("400", "{\"resultInfo\":{\"code\":\"NO_SUFFICIENT_FUND\"}}");
        assert_eq!(
            refused.fault(&id, true).as_deref(),
            Some("400 NO_SUFFICIENT_FUND")
        );
        let other = answer(
            "200",
            "{\"resultInfo\":{\"code\":\"SUCCESS\"},\"data\":{\"merchantPaymentId\":\"b-1\"}}",
        );
        assert_eq!(
            other.fault(&id, true).as_deref(),
            Some("200 SUCCESS for another payment")
        );
    }
}
