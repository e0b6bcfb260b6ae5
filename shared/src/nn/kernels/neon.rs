//! Products of matrices on aarch64 processors, all of which have NEON; see `avx512` for why they may not be left to the gemm
//! crate. They have been compared with the definition and run in an emulator, which says nothing of their speed, so gemm
//! multiplies unless they are asked for.

mod pack;
mod tile;

pub(super) use tile::Neon;
