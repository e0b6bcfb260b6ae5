//! Loops that the compiler turns into vector instructions of the processor at hand.

/// Runs a block compiled once for every instruction set that `pulp` tells apart: `vectorized!(|x: &[f32], y: &mut [f32]| {…})`
/// takes the variables of these names. The one that runs is [`InstructionSet::current`](crate::nn::InstructionSet::current)'s.
///
/// A closure handed to `pulp::Arch::dispatch` is a function of its own, compiled without these instructions; it gets them
/// only where the optimiser chooses to inline it, and it does not choose so for long ones (GELU ran on vectors of four). The
/// body of a `with_simd` that is always inlined is never left behind.
macro_rules! vectorized {
    (|$($name:ident: $type:ty),+ $(,)?| $body:block) => {
        vectorized!(|$($name: $type),+| -> () { $body })
    };
    (|$($name:ident: $type:ty),+ $(,)?| -> $result:ty $body:block) => {{
        struct Work<T>(T);
        impl pulp::WithSimd for Work<($($type,)+)> {
            type Output = $result;

            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, _: S) -> $result {
                let Self(($($name,)+)) = self;
                body($($name),+)
            }
        }

        // As a function, whose arguments the compiler knows not to overlap.
        #[inline(always)]
        fn body($($name: $type),+) -> $result $body

        crate::nn::arch().dispatch(Work(($($name,)+)))
    }};
}

pub(super) use vectorized;
