//! Products of matrices on x86-64 processors with AVX2 and FMA, which is what most laptops have; see `avx512` for why they are
//! not left to the gemm crate.

mod pack;
mod tile;

pub(super) use tile::Avx2;
