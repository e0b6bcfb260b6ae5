//! Kernels for WebAssembly's 128-bit vectors, where the gemm crate reaches half of what the processor can do.
//!
//! A browser offers 16 vector registers (one of them taken), no wider vectors and no prefetch, so all that is left is to
//! keep a tile of the result in registers and to read the operands in the order of use: both are packed, the right one into
//! panels of 8 columns, the left one into groups of a few rows, and a panel of at most 12 KB stays in the first-level
//! cache while the groups come from the second.
//!
//! Two variants of the tile differ in the multiply-add alone: `Plain` rounds twice, `Relaxed` leaves that to the
//! browser, which on most processors fuses the two (relaxed SIMD). Which one runs is the cargo feature `relaxed-simd`,
//! since a module with instructions that a browser does not know is refused as a whole. Results of the two differ in
//! the last bit; nothing that must be the same on all machines, such as a corruption, comes through here.

mod attention;
mod pack;
mod pointwise;
mod small;
#[cfg(test)]
mod tests;
mod tile;

pub(super) use attention::attention;
pub(super) use pointwise::{serial_gelu, serial_gelu_backward};
pub(super) use small::small_matmul;
pub(super) use tile::{NativeTile, PANEL};
