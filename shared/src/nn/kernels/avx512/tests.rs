//! Products where the processor has AVX-512.

use super::super::product::tests::{check_blocked_products, check_non_finite_values, check_small_products};
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

#[test]
fn a_non_finite_value_reaches_its_own_row_or_column_only() {
    if !is_available() {
        eprintln!("skipped: this processor has no AVX-512");
        return;
    }
    check_non_finite_values::<Avx512>();
}
