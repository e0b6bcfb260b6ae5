//! What the visitor chose, kept in the part of the address after `#`, so that a link rebuilds it.
//!
//! The address is the one place where it is kept: a control changes the address, and the page follows the address.

use crate::failure::Failure;
use shared::seed::Seed;
use web_sys::UrlSearchParams;

/// Everything a link carries, as text: the page shows what was typed even where it is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The corruption plan.
    pub plan: String,
    /// The seed of the model and its corruption.
    pub seed: String,
}

impl Default for State {
    fn default() -> Self {
        Self { plan: "kaiming@bottom:0.5".to_owned(), seed: "1".to_owned() }
    }
}

impl State {
    /// Reads `#plan=kaiming@bottom:0.5&seed=7`; what is absent takes its default, what is unknown is left alone.
    #[must_use]
    pub fn from_hash(hash: &str) -> Self {
        let Self { plan, seed } = Self::default();
        let text = hash.strip_prefix('#').unwrap_or(hash);
        // In this encoding a plus sign means a blank, but a plan may hold one.
        let Ok(fields) = UrlSearchParams::new_with_str(&text.replace('+', "%2B")) else {
            // Parsing never fails by the URL standard; should a browser refuse all the same, the address counts as empty.
            return Self { plan, seed };
        };
        Self { plan: fields.get("plan").unwrap_or(plan), seed: fields.get("seed").unwrap_or(seed) }
    }

    /// The address part that [`State::from_hash`] reads back, with its `#`.
    #[must_use]
    pub fn to_hash(&self) -> String {
        format!("#plan={}&seed={}", encode(&self.plan), encode(&self.seed))
    }

    /// The seed as a number.
    ///
    /// # Errors
    /// [`Failure::BadSeed`] when it is not a whole number of 64 bits.
    pub fn seed(&self) -> Result<Seed, Failure> {
        self.seed.trim().parse().map(Seed).map_err(|_| Failure::BadSeed { text: self.seed.clone() })
    }
}

/// Percent-encodes `text`, but for the punctuation of plans, which a fragment may hold: links stay readable.
fn encode(text: &str) -> String {
    let encoded = String::from(js_sys::encode_uri_component(text));
    [("%40", "@"), ("%3A", ":"), ("%3B", ";"), ("%2C", ","), ("%2F", "/")]
        .iter()
        .fold(encoded, |text, (code, character)| text.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn state(plan: &str, seed: &str) -> State {
        State { plan: plan.to_owned(), seed: seed.to_owned() }
    }

    #[wasm_bindgen_test]
    fn address_reads_back_what_was_written_also_where_it_is_wrong() {
        for state in
            [state("gaussian:0.3@all;zero:0.1@top:0.5/ffn", "18446744073709551615"), state("a&b=c +%40#", "-1")]
        {
            assert_eq!(State::from_hash(&state.to_hash()), state);
        }
    }

    #[wasm_bindgen_test]
    fn plan_stays_readable_in_the_address() {
        let hash = state("bitflip:1e-6,exponent@layers:0-2/attention.query", "7").to_hash();
        assert_eq!(hash, "#plan=bitflip:1e-6,exponent@layers:0-2/attention.query&seed=7");
    }

    #[wasm_bindgen_test]
    fn what_the_address_leaves_out_takes_its_default_and_unknown_fields_are_left_alone() {
        for hash in ["", "#", "#theme=dark", "#seedling=4"] {
            assert_eq!(State::from_hash(hash), State::default(), "{hash}");
        }
        assert_eq!(State::from_hash("#theme=dark&seed=4"), state(&State::default().plan, "4"));
    }

    #[wasm_bindgen_test]
    fn plus_sign_typed_into_the_address_stays_a_plus_sign() {
        assert_eq!(State::from_hash("#plan=zero:1e+0@all&seed=1"), state("zero:1e+0@all", "1"));
    }

    #[wasm_bindgen_test]
    fn seed_that_is_no_whole_number_is_named_as_it_was_typed() {
        for text in ["-1", "1.5", "", "18446744073709551616", "a b"] {
            assert_eq!(state("", text).seed(), Err(Failure::BadSeed { text: text.to_owned() }));
        }
        assert_eq!(state("", " 12 ").seed(), Ok(Seed(12)));
    }
}
