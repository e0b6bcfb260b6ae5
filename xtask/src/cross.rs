//! Machines that are not this one: what is compiled for them, and run where an emulator can. Nothing is installed.

use crate::shell::{Shell, run};
use crate::tools::has_target;
use anyhow::Result;
use std::process::Command;

/// The machines: 64-bit Arm with Linux, Windows, macOS on Apple's processors.
pub const N_MACHINES: usize = 3;

const ARM: &str = "aarch64-unknown-linux-gnu";
const WINDOWS: &str = "x86_64-pc-windows-gnu";
const MACOS: &str = "aarch64-apple-darwin";

/// Where Debian has the C library for programs of 64-bit Arm.
const ARM_LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// A test that takes five minutes in the emulator.
const SLOW: &str = "a_row_has_the_same_bits_in_blocks_of_any_number_of_rows";

/// Tests the kernels for Arm and checks the programs for the others; returns why machines were left out.
///
/// # Errors
/// When something does not compile, or a test fails.
pub fn check(shell: &Shell) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for machine in [arm, windows, macos] {
        if let Some(reason) = machine(shell)? {
            eprintln!("skipped: {reason}");
            reasons.push(reason);
        }
    }
    Ok(reasons)
}

/// The tests of the kernels and of the gradients, once for each set of instructions that may be asked for there.
fn arm(shell: &Shell) -> Result<Option<String>> {
    let has = |program: &str| shell.output(program, &["--version"]).is_some();
    let Some(emulator) = ["qemu-aarch64", "qemu-aarch64-static"].into_iter().find(|program| has(program)) else {
        return Ok(Some(format!("no qemu-aarch64 to run tests for {ARM}")));
    };
    if !has("aarch64-linux-gnu-gcc") {
        return Ok(Some(format!("no aarch64-linux-gnu-gcc to link tests for {ARM}")));
    }
    if !has_target(shell, ARM) {
        return Ok(Some(without_target(ARM)));
    }
    for set in ["neon", "gemm"] {
        let args = ["test", "--locked", "--target", ARM, "-p", "shared", "--lib", "--", "nn::", "--skip", SLOW];
        let mut tests = shell.command("cargo", args)?;
        tests.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        tests.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{emulator} -L {ARM_LIBRARIES}"));
        run(tests.env("BERT_HEAL_ISA", set))?;
    }
    Ok(None)
}

fn windows(shell: &Shell) -> Result<Option<String>> {
    if !has_target(shell, WINDOWS) {
        return Ok(Some(without_target(WINDOWS)));
    }
    let mut check = programs(shell, WINDOWS)?;
    // The compiler that build scripts look for by themselves.
    if shell.output("x86_64-w64-mingw32-gcc", &["--version"]).is_none() {
        let Some(zig) = zig(shell) else {
            return Ok(Some(format!("neither x86_64-w64-mingw32-gcc nor zig to compile C for {WINDOWS}")));
        };
        compile_c_with(&mut check, zig, WINDOWS, "x86_64-windows-gnu");
    }
    run(&mut check)?;
    Ok(None)
}

fn macos(shell: &Shell) -> Result<Option<String>> {
    if !has_target(shell, MACOS) {
        return Ok(Some(without_target(MACOS)));
    }
    let mut check = programs(shell, MACOS)?;
    if !cfg!(target_os = "macos") {
        let Some(zig) = zig(shell) else { return Ok(Some(format!("no zig to compile C for {MACOS}"))) };
        compile_c_with(&mut check, zig, MACOS, "aarch64-macos");
    }
    run(&mut check)?;
    Ok(None)
}

/// The check of the programs and their tests, which links nothing.
fn programs(shell: &Shell, target: &str) -> Result<Command> {
    shell.command("cargo", ["check", "--locked", "--target", target, "-p", "trainer", "-p", "xtask", "--all-targets"])
}

/// Makes zig the C compiler for `target`, which zig calls `zig_target`.
fn compile_c_with(check: &mut Command, zig: &str, target: &str, zig_target: &str) {
    let target = target.replace('-', "_");
    check.env(format!("CC_{target}"), format!("{zig} cc -target {zig_target}"));
    check.env(format!("AR_{target}"), format!("{zig} ar"));
    // The flags that are added otherwise are clang's, with targets by other names.
    check.env("CRATE_CC_NO_DEFAULTS", "1");
}

/// How zig is called here: by itself, or as the Python package.
fn zig(shell: &Shell) -> Option<&'static str> {
    if shell.output("zig", &["version"]).is_some() {
        return Some("zig");
    }
    shell.output("python3", &["-m", "ziglang", "version"]).map(|_| "python3 -m ziglang")
}

fn without_target(target: &str) -> String {
    format!("the compiler has no {target} (rustup target add {target})")
}
