//! What a record says about the machine and the build.

use candle_core::Device;
use shared::nn::{InstructionSet, Kernel, Kernels};
use shared::record::{Environment, Numerics};
use shared::training::Precision;

/// The program's version, as in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit the program was built from, with `-dirty` behind it when the sources differed, or `unknown`.
pub const COMMIT: &str = env!("BERT_HEAL_COMMIT");

/// Version and commit, as `--version` prints them.
pub const VERSION_AND_COMMIT: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("BERT_HEAL_COMMIT"), ")");

/// The environment of this process; `device` is `cpu` or `cuda:N`.
#[must_use]
pub fn environment(device: &str, dtype: Precision) -> Environment {
    Environment {
        version: VERSION.to_owned(),
        commit: COMMIT.to_owned(),
        device: device.to_owned(),
        dtype,
        threads: Some(rayon::current_num_threads()),
    }
}

/// What computes on `device`, as far as it decides the bits.
#[must_use]
pub fn numerics(device: &Device, kernels: &Kernels, dtype: Precision) -> Numerics {
    let is_cpu = device.is_cpu();
    let kernels = match kernels.encoder_layer {
        Kernel::Fused => "fused",
        Kernel::Composite => "composite",
    };
    Numerics {
        device_kind: if is_cpu { "cpu" } else { "cuda" }.to_owned(),
        instruction_set: if is_cpu { InstructionSet::current().as_str() } else { "cuda" }.to_owned(),
        kernels: kernels.to_owned(),
        dtype,
    }
}

/// The words of the command line that this process was started with, the program by its own name.
#[must_use]
pub fn command() -> Vec<String> {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    std::iter::once("bert-heal".to_owned()).chain(words).collect()
}

/// The largest resident set of this process so far, in MiB; where the system keeps no maximum, the present one.
///
/// `None` where the system tells neither.
#[must_use]
pub fn peak_rss_mib() -> Option<f64> {
    let high_water = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| high_water_mib(&status));
    high_water.or_else(|| memory_stats::memory_stats().map(|stats| stats.physical_mem as f64 / (1024.0 * 1024.0)))
}

/// `VmHWM` of Linux's `/proc/self/status`, which is in units of 1024 bytes.
fn high_water_mib(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_memory_is_given_back() {
        let touched = std::hint::black_box(vec![1_u8; 64 << 20]);
        let while_held = memory_stats::memory_stats().unwrap().physical_mem as f64 / (1024.0 * 1024.0);
        drop(touched);
        assert!(while_held > 64.0, "{while_held}");
        // The kernel counts lazily, in batches of pages for each thread.
        assert!(peak_rss_mib().unwrap() > while_held - 4.0);
    }

    #[test]
    fn the_high_water_mark_is_read_in_units_of_1024_bytes() {
        assert_eq!(high_water_mib("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2.0));
        assert_eq!(high_water_mib("VmRSS:\t 1 kB\n"), None);
    }
}
