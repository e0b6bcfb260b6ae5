//! Where to compute, and in which number format, as flags.

use anyhow::anyhow;
use clap::Args;
use shared::training::Precision;

use super::flag_values;
use crate::device::DeviceChoice;
use crate::exit_code::bad_input;

/// Flags of commands that run a model.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceFlags {
    /// Where to compute: auto, cpu or cuda[:N]; auto is the first CUDA device, else the CPU
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Number format of activations; parameters stay f32
    #[arg(long, default_value = "f32", value_parser = flag_values::precision())]
    pub dtype: Precision,
}

impl DeviceFlags {
    /// Refuses what no device can do together.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.dtype == Precision::Bf16 && self.device == DeviceChoice::Cpu {
            return Err(bad_input(anyhow!("--dtype bf16 needs a CUDA device, but --device is cpu")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{ExitCode, exit_code_of};

    #[test]
    fn bf16_on_the_cpu_is_refused() {
        let flags = DeviceFlags { device: DeviceChoice::Cpu, dtype: Precision::Bf16 };
        assert_eq!(exit_code_of(&flags.check().unwrap_err()), ExitCode::BadInput);
        assert!(DeviceFlags { device: DeviceChoice::Cuda(0), ..flags }.check().is_ok());
    }
}
