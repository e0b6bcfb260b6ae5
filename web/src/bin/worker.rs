//! The worker's program: computes off the page's thread.

fn main() {
    if let Err(failure) = web::worker::run() {
        wasm_bindgen::throw_str(&failure.to_string());
    }
}
