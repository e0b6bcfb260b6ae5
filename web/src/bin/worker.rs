//! The worker's program: computes off the page's thread.

fn main() {
    console_error_panic_hook::set_once();
    if let Err(failure) = web::bridge::serve(web::worker::answer) {
        wasm_bindgen::throw_str(&failure.to_string());
    }
}
