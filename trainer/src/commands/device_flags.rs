//! Where to compute, and in which number format, as flags.

use anyhow::Context;
use candle_core::Device;
use clap::Args;
use shared::nn::{Factors, Kernels};
use shared::training::Precision;

use super::flag_values;
use crate::device::{self, DeviceChoice, DtypeChoice};
use crate::estimate;
use crate::exit_code::bad_input;
use crate::say;

/// Flags of commands that run a model.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceFlags {
    /// Where to compute: auto, cpu or cuda[:N]; auto is the first CUDA device, else the CPU
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Number format of matrix products; parameters stay f32
    #[arg(long, default_value = "f32", value_parser = flag_values::dtype())]
    pub dtype: DtypeChoice,
}

impl DeviceFlags {
    /// The number format to compute in. Where the choice is left to the program, it says what bf16 would give.
    pub fn precision(&self) -> anyhow::Result<Precision> {
        if self.dtype == DtypeChoice::Auto {
            say!("note: --dtype auto: f32; {}", what_bf16_gives(&device::open(self.device)?.0));
        }
        Ok(self.dtype.precision())
    }

    /// The device, its name in records, and the kernels that compute in this number format there.
    pub fn open(&self) -> anyhow::Result<(Device, String, Kernels)> {
        let (device, name) = device::open(self.device)?;
        let precision = self.precision()?;
        let kernels = precision.kernels(&device).map_err(bad_input).context("--dtype bf16")?;
        if precision == Precision::Bf16 && !device.is_cpu() {
            say!("note: --dtype bf16: on a GPU only training computes in it; here it is f32");
        }
        Ok((device, name, kernels))
    }
}

/// What `--dtype bf16` would change on this device, measured where it can be.
fn what_bf16_gives(device: &Device) -> String {
    if !device.is_cpu() {
        return "what --dtype bf16 would give on a GPU is not measured".into();
    }
    if !Factors::Bf16.is_available() {
        return "there is no --dtype bf16 without AVX512-BF16, which this processor lacks or BERT_HEAL_ISA leaves out"
            .into();
    }
    let [f32, bf16] = [Factors::F32, Factors::Bf16].map(estimate::matmul_flops_per_sec);
    format!(
        "--dtype bf16 multiplies matrices {:.1} × as fast here, rounds their factors to 8 bits, and gives other last digits",
        bf16 / f32
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{ExitCode, exit_code_of};

    #[test]
    fn bf16_is_refused_where_the_processor_lacks_it() {
        let flags = DeviceFlags { device: DeviceChoice::Cpu, dtype: DtypeChoice::Is(Precision::Bf16) };
        match flags.open() {
            Ok((_, _, kernels)) => assert!(kernels.factors == Factors::Bf16 && Factors::Bf16.is_available()),
            Err(error) => {
                assert_eq!(exit_code_of(&error), ExitCode::BadInput);
                assert!(!Factors::Bf16.is_available(), "{error:#}");
            }
        }
        let (_, _, kernels) = DeviceFlags { dtype: DtypeChoice::Auto, ..flags }.open().unwrap();
        assert_eq!(kernels.factors, Factors::F32);
    }
}
