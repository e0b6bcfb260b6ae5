//! The innermost loop, for the vectors of any processor: some rows times a panel of vectors, kept in registers.

/// Makes [`Microkernel`](super::product::Microkernel) of a type that has [`Vectors`](super::vector_pack::Vectors), with tiles
/// of up to as many rows as `heights` counts and as many vectors as `vectors` counts, from 0; and the tests of it.
///
/// A function with these instructions is compiled for them only as a whole, so the tiles of two processors cannot share one
/// that is generic over their vectors. What differs is written as code: `splat` reads one element through a pointer and
/// puts it into every lane, `multiply_add` adds x·b to a sum, rounded once.
///
/// The type's `LANES` are in scope where the macro is used.
macro_rules! vector_tiles {
    (
        $name:ident needs $needs:literal,
        features: $features:literal,
        vectors: [$($vector:literal)+],
        heights: [$($height:literal)+],
        zero: $zero:expr,
        load: $load:path,
        store: $store:path,
        splat: |$element:ident| $splat:expr,
        multiply_add: |$x:ident, $b:ident, $sum:ident| $multiply_add:expr $(,)?
    ) => {
        /// Columns of a tile.
        const PANEL: usize = [$($vector),+].len() * LANES;

        // SAFETY: `tile` reads `R` rows of `a` by its strides, `k · PANEL` elements of `b`, `PANEL` of a bias, and reads and
        // writes `R` rows of `PANEL` elements of `out`, with R the height; `run` panics where the processor lacks the
        // instructions.
        #[expect(unsafe_code, reason = "a promise about its tiles")]
        unsafe impl Microkernel for $name {
            const PANEL: usize = PANEL;
            const TALLEST: usize = [$($height),+].len();
            const DEPTH: usize = 768 * <Self as Vectors>::STEP;
            const ROWS: usize = 240;
            const STEP: usize = <Self as Vectors>::STEP;
            const READS_ROWS: bool = true;

            fn pack(
                source: MatrixRef<'_>,
                first: usize,
                n_valid: usize,
                height: usize,
                depth: Range<usize>,
                out: &mut [f32],
            ) {
                vector_pack::pack::<Self>(source, first, n_valid, height, depth, out);
            }

            fn pack_groups(
                source: MatrixRef<'_>,
                groups: impl Iterator<Item = (usize, usize)> + Clone,
                depth: Range<usize>,
                out: &mut [f32],
            ) {
                vector_pack::pack_groups::<Self>(source, groups, depth, out);
            }

            fn convert_rows(source: MatrixRef<'_>, rows: Range<usize>, depth: Range<usize>, out: &mut [f32]) {
                vector_pack::convert_rows::<Self>(source, rows, depth, out);
            }

            #[expect(unsafe_code, reason = "as declared")]
            unsafe fn run(height: usize, t: &Tile<'_>) {
                assert!(<Self as Vectors>::are_there(), concat!("tiles need ", $needs));
                // SAFETY: the processor has the instructions; what `tile::<height>` accesses is what the caller promises for
                // `height`.
                unsafe {
                    match height {
                        $($height => tile::<$height>(t),)+
                        _ => unreachable!("groups have at most TALLEST rows"),
                    }
                }
            }
        }

        /// A tile of `R` rows.
        ///
        /// # Safety
        /// As [`Microkernel::run`], on a processor with the instructions.
        #[target_feature(enable = $features)]
        #[inline(never)]
        #[expect(unsafe_code, reason = "reads and writes through raw pointers")]
        unsafe fn tile<const R: usize>(tile: &Tile<'_>) {
            let Tile { k, mut a, a_row, a_step, mut b, out, out_stride, start, has_gelu } = *tile;
            let mut sums = [[$zero; [$($vector),+].len()]; R];
            // SAFETY: the caller vouches for every address below: `R` rows of k steps from `a` by its strides, `k · PANEL`
            // elements from `b`, `PANEL` of a bias, and `R` rows of `PANEL` elements of `out`. Loads and stores need no
            // alignment.
            unsafe {
                match start {
                    Start::Zero => {}
                    Start::Out => {
                        for (r, sum) in sums.iter_mut().enumerate() {
                            let row = out.add(r * out_stride);
                            *sum = [$($load(row.add($vector * LANES))),+];
                        }
                    }
                    Start::Bias(bias) => {
                        let bias = bias.as_ptr();
                        sums = [[$($load(bias.add($vector * LANES))),+]; R];
                    }
                }
                for _ in 0..k {
                    let panel = [$($load(b.add($vector * LANES))),+];
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let $element = a.add(r * a_row);
                        let $x = $splat;
                        *sum = [$({
                            let ($b, $sum) = (panel[$vector], sum[$vector]);
                            $multiply_add
                        }),+];
                    }
                    a = a.wrapping_add(a_step);
                    b = b.add(PANEL);
                }
                for (r, sum) in sums.into_iter().enumerate() {
                    let row = out.add(r * out_stride);
                    $($store(row.add($vector * LANES), sum[$vector]);)+
                    if has_gelu {
                        for x in core::slice::from_raw_parts_mut(row, PANEL) {
                            *x *= math::normal_cdf(*x);
                        }
                    }
                }
            }
        }

        #[cfg(test)]
        mod tests {
            use super::super::super::product::tests::{
                check_blocked_products, check_non_finite_values, check_small_products,
            };
            use super::*;

            fn are_there() -> bool {
                let are_there = <$name as Vectors>::are_there();
                if !are_there {
                    eprintln!(concat!("skipped: this processor lacks ", $needs));
                }
                are_there
            }

            #[test]
            fn products_equal_the_definition() {
                if are_there() {
                    check_small_products::<$name>();
                    check_blocked_products::<$name>();
                }
            }

            #[test]
            fn a_non_finite_value_reaches_its_own_row_or_column_only() {
                if are_there() {
                    check_non_finite_values::<$name>();
                }
            }
        }
    };
}

pub(super) use vector_tiles;
