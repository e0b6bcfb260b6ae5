//! Products where the processor has AVX-512.

use super::super::product::tests::{check_blocked_products, check_small_products};
use super::{Avx512, is_available};

#[test]
fn products_equal_the_definition() {
    if !is_available() {
        eprintln!("skipped: this processor has no AVX-512");
        return;
    }
    check_small_products::<Avx512>();
    check_blocked_products::<Avx512>();
}
