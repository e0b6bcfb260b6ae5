//! The program `bert-heal`; everything is in the library, so that tests can run it from their own binary.

use std::process::ExitCode;

// Training allocates and frees activations of the same sizes at every step, which the system's allocator hands back to
// the kernel and faults in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trainer::main()
}
