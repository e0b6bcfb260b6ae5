//! Which of the two workers this browser can run, and how many it may have.
//!
//! They are the same program; one multiplies matrices with relaxed SIMD's fused multiply-add, which is faster where the
//! processor has it. A browser refuses a module with instructions that it does not know as a whole, so it is asked
//! first, with a module of one function that holds one of them.

use crate::build::{IsRelaxed, worker_script};
use js_sys::{Uint8Array, WebAssembly};

/// A module whose one function adds and multiplies by `f32x4.relaxed_madd`. `bench.js` has the same.
const RELAXED_SIMD_MODULE: [u8; 40] = [
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic, version 1
    0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, // one type: () → v128
    0x03, 0x02, 0x01, 0x00, // one function of it
    0x0a, 0x13, 0x01, 0x11, 0x00, // its code: no locals
    0x41, 0x00, 0xfd, 0x11, 0x41, 0x00, 0xfd, 0x11, 0x41, 0x00, 0xfd, 0x11, // i32x4.splat(0), three times
    0xfd, 0x85, 0x02, 0x0b, // f32x4.relaxed_madd, end
];

/// The script of the fastest worker that this browser can run, relative to the page, so that the page may lie in any
/// folder.
#[must_use]
pub fn worker_script_url() -> String {
    worker_script(if has_relaxed_simd() { IsRelaxed::Yes } else { IsRelaxed::No })
}

/// What the worker is called: `workers=N` on a page that is opened with `?workers=N`, which says how many may share the
/// work at most; else nothing, and the worker looks at the machine.
#[must_use]
pub fn worker_name() -> String {
    let search = web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default();
    let of = |(key, value): (_, _)| (key == "workers").then_some(value);
    let asked = form_urlencoded::parse(search.trim_start_matches('?').as_bytes()).find_map(of);
    let n_workers = asked.and_then(|value| value.parse::<usize>().ok());
    n_workers.map_or(String::new(), |n_workers| format!("workers={n_workers}"))
}

/// Whether this browser knows relaxed SIMD.
fn has_relaxed_simd() -> bool {
    WebAssembly::validate(&Uint8Array::from(&RELAXED_SIMD_MODULE[..])).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// The test would pass for any module that is refused, and the relaxed worker never be chosen.
    #[wasm_bindgen_test]
    fn module_that_asks_for_relaxed_simd_is_well_formed_but_for_that_instruction() {
        let mut module = RELAXED_SIMD_MODULE.to_vec();
        let instruction = module.len() - 4;
        // `v128.bitselect`, three vectors to one as well, padded by a `nop`.
        module.splice(instruction..instruction + 3, [0xfd, 0x52, 0x01]);
        assert!(WebAssembly::validate(&Uint8Array::from(&module[..])).unwrap());
        // A hole in the numbering.
        module.splice(instruction..instruction + 3, [0xfd, 0x9a, 0x01]);
        assert!(!WebAssembly::validate(&Uint8Array::from(&module[..])).unwrap());
    }
}
