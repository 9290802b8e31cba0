//! Verifies, parses and renders one payment again and again: `time target/release/examples/wire_rate 1000000`.
//!
//! Divide the user time by the count. It has no clock of its own, like everything outside the binary.

use mamori_api::auth::{Accepted, Credentials, Scheme, SignedRequest, SigningKey, sign};
use mamori_api::nonce::NonceMemory;
use mamori_api::opa::envelope::{PaymentStatus, PaymentView, ResultCode, write_payment};
use mamori_api::opa::payment::CreateCpmPayment;

fn main() {
    let count: u64 = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    let scheme = if std::env::args().nth(2).as_deref() == Some("mamori") {
        Scheme::Mamori
    } else {
        Scheme::Opa
    };
    let body = br#"{"merchantPaymentId":"bench-0001-00000001","code":"900000000123456789012345","amount":{"amount":250,"currency":"JPY"},"storeId":"1","terminalId":"1","orderDescription":"\u8336","requestedAt":1700000000}"#;
    let (key, epoch) = (
        SigningKey::new("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"),
        1_700_000_000,
    );
    let request = SignedRequest {
        method: "POST",
        path: "/v2/cpm/payments",
        query: None,
        content_type: Some(b"application/json"),
        body,
    };
    let header = sign(
        scheme,
        "k_0123456789",
        &key,
        &request,
        "11111111-2222-4333-8444-555555555555",
        epoch,
    );
    let nonces = NonceMemory::new(4_000_000, epoch, [1; 16]);
    let mut out = Vec::new();
    let mut accepted = 0_u64;
    for turn in 0..count {
        let now_micros = epoch * 1_000_000;
        let Ok(credentials) = Credentials::parse(header.as_bytes()) else {
            continue;
        };
        let signed = credentials
            .verify(&key, Accepted::BOTH, &request, now_micros)
            .is_ok();
        nonces.remember(
            credentials.api_key,
            &turn.to_string(),
            epoch,
            credentials.mac(),
            now_micros,
        );
        let Ok(payment) = CreateCpmPayment::parse(body, 1_000_000) else {
            continue;
        };
        out.clear();
        write_payment(
            &mut out,
            ResultCode::Success,
            &PaymentView {
                payment_id: turn,
                status: PaymentStatus::Completed,
                accepted_at_seconds: epoch,
                merchant_payment_id: &payment.merchant_payment_id,
                user_authorization_id: None,
                amount_yen: payment.amount_yen,
                requested_at_seconds: payment.requested_at_seconds.unwrap_or(0),
                expires_at_seconds: None,
                canceled_at_seconds: None,
                store_id: Some(&payment.store_id),
                terminal_id: Some(&payment.terminal_id),
                order_receipt_number: None,
                order_description: payment.order_description.as_deref(),
                refunds: &[],
                capture: None,
                revert: None,
            },
        );
        accepted += u64::from(signed && !out.is_empty());
    }
    println!("{accepted} of {count} accepted");
}
