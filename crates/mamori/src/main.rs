//! The `mamori` program.

fn main() {
    println!("mamori {}", env!("CARGO_PKG_VERSION"));
}
