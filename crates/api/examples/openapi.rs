//! Prints the API description: `cargo run -p mamori-api --example openapi > docs/openapi.json`.

fn main() {
    print!("{}", mamori_api::openapi::document_text());
}
