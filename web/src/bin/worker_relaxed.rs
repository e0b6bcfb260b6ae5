//! The worker's program for browsers with relaxed SIMD: the same but for the feature that it is built with.

fn main() {
    if let Err(failure) = web::worker::run() {
        wasm_bindgen::throw_str(&failure.to_string());
    }
}
