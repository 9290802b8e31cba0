//! Sends messages out: SMS through the gateway, mail through the mail server, retried for a while, never in a request's way.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use mamori_connectors::mail::{Mail, MailAddress, Mailer};
use mamori_connectors::sms::{PhoneNumber, SmsGateway};
use mamori_engine::fault::Fault;
use mamori_server::messages::{Message, MessageKind, Messenger};

use crate::world::Clock;

/// Messages that may wait. A one-time code is dead in ten minutes: a longer queue would only deliver dead ones.
const WAITING_MESSAGES: usize = 1_000;
/// How often one message is tried, and the pause before the next try; doubles.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// Starts the thread that delivers, and gives back where to hand messages in.
pub fn deliver(sms: SmsGateway, mail: Mailer, clock: Clock) -> std::io::Result<Arc<Messenger>> {
    let (to, messages) = sync_channel::<Message>(WAITING_MESSAGES);
    std::thread::Builder::new().name("messages".into()).spawn(move || {
        // Nobody ever sends here: its time-outs are the pauses.
        let (_quiet, pause) = sync_channel::<()>(0);
        let mut count = 0u64;
        while let Ok(message) = messages.recv() {
            count += 1;
            for attempt in 0..TRIES {
                match send(&sms, &mail, &message, count, clock) {
                    Ok(()) => break,
                    Err(reason) if attempt + 1 == TRIES => {
                        tracing::error!(reason, kind = ?message.kind, "a message was given up");
                    }
                    Err(reason) => {
                        tracing::warn!(reason, kind = ?message.kind, attempt, "a message is tried again");
                        if let Err(RecvTimeoutError::Disconnected) = pause.recv_timeout(PAUSE * 2u32.pow(attempt)) {
                            return;
                        }
                    }
                }
            }
        }
    })?;
    Ok(Arc::new(move |message| hand_in(&to, message)))
}

fn hand_in(to: &SyncSender<Message>, message: Message) -> Result<(), Fault> {
    to.try_send(message)
        .map_err(|_| Fault::retryable("too many messages wait to be sent"))
}

fn send(
    sms: &SmsGateway,
    mail: &Mailer,
    message: &Message,
    count: u64,
    clock: Clock,
) -> Result<(), &'static str> {
    match message.kind {
        MessageKind::Sms => {
            let to = PhoneNumber::new(&message.to).ok_or("not a telephone number")?;
            sms.send(&to, &message.text)
                .map(drop)
                .map_err(|_| "the SMS service did not take it")
        }
        MessageKind::Mail => {
            let to = MailAddress::new(&message.to).ok_or("not a mail address")?;
            let at_micros = (clock.wall_micros)();
            mail.send(&Mail {
                to,
                subject: message.subject.clone(),
                text: message.text.clone(),
                id: format!("{at_micros}.{count}"),
                at_micros,
            })
            .map_err(|_| "the mail server did not take it")
        }
    }
}
