//! Set-up, checks and the demo.
fn main() {}
