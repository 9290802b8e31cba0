//! Formats of payment codes: what a phone shows, what a scanner reads, what a merchant prints.
//!
//! - [`payment_code`]: our one-time code of 24 digits, which a till scans from the customer's phone;
//! - [`barcode`], [`qr`]: the same as Code 128 and QR pictures;
//! - [`scan`]: what a scanned string is, decided before anything is sent anywhere;
//! - [`emvco_mpm`]: merchant-presented QR payloads (EMVCo, with the JPQR profile);
//! - [`emvco_cpm`]: consumer-presented QR payloads (EMVCo BER-TLV, with the JPQR form).
//!
//! This crate depends on nothing of ours, does no I/O, and never panics on what it is given. A consumer code is a bearer
//! token while it lives: types that hold one show it masked in `Debug`.

pub mod barcode;
pub mod emvco_cpm;
pub mod emvco_mpm;
pub mod payment_code;
mod picture;
pub mod qr;
pub mod rates;
pub mod scan;
