//! `bert-heal`, built where the tests can find it.

fn main() -> std::process::ExitCode {
    trainer::main()
}
