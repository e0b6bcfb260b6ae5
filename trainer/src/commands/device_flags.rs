//! Where to compute, and in which number format, as flags.

use anyhow::Context;
use candle_core::Device;
use clap::Args;
use shared::nn::Kernels;
use shared::training::Precision;

use super::flag_values;
use crate::device::{self, DeviceChoice};
use crate::exit_code::bad_input;

/// Flags of commands that run a model.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceFlags {
    /// Where to compute: auto, cpu or cuda[:N]; auto is the first CUDA device, else the CPU
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Number format of matrix products; parameters stay f32
    #[arg(long, default_value = "f32", value_parser = flag_values::precision())]
    pub dtype: Precision,
}

impl DeviceFlags {
    /// The device, its name in records, and the kernels that compute in this number format there.
    pub fn open(&self) -> anyhow::Result<(Device, String, Kernels)> {
        let (device, name) = device::open(self.device)?;
        let kernels = self.dtype.kernels(&device).map_err(bad_input).context("--dtype bf16")?;
        Ok((device, name, kernels))
    }
}

#[cfg(test)]
mod tests {
    use shared::nn::Factors;

    use super::*;
    use crate::exit_code::{ExitCode, exit_code_of};

    #[test]
    fn bf16_is_refused_where_the_processor_lacks_it() {
        let flags = DeviceFlags { device: DeviceChoice::Cpu, dtype: Precision::Bf16 };
        match flags.open() {
            Ok((_, _, kernels)) => assert!(kernels.factors == Factors::Bf16 && Factors::Bf16.is_available()),
            Err(error) => {
                assert_eq!(exit_code_of(&error), ExitCode::BadInput);
                assert!(!Factors::Bf16.is_available(), "{error:#}");
            }
        }
        let (_, _, kernels) = DeviceFlags { dtype: Precision::F32, ..flags }.open().unwrap();
        assert_eq!(kernels.factors, Factors::F32);
    }
}
