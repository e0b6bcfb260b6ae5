//! Where to compute, and in which number format.

use crate::exit_code::bad_input;
use anyhow::anyhow;
use clap::{Args, ValueEnum};
use shared::training::Precision;
use std::fmt;
use std::str::FromStr;

/// Flags of commands that run a model.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceFlags {
    /// Where to compute: auto, cpu or cuda[:N]; auto is the first CUDA device, else the CPU
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: DeviceChoice,

    /// Number format of activations; parameters stay f32
    #[arg(long, value_enum, default_value_t)]
    pub dtype: DtypeChoice,
}

impl DeviceFlags {
    /// Refuses what no device can do together.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.dtype == DtypeChoice::Bf16 && self.device == DeviceChoice::Cpu {
            return Err(bad_input(anyhow!("--dtype bf16 needs a CUDA device, and --device is cpu")));
        }
        Ok(())
    }
}

/// A device as the user names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| "expected auto, cpu, cuda or cuda:N".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// [`Precision`] as the user names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DtypeChoice {
    /// Single precision throughout
    #[default]
    F32,
    /// bf16 activations with f32 master weights and loss; CUDA only
    Bf16,
}

impl From<DtypeChoice> for Precision {
    fn from(dtype: DtypeChoice) -> Self {
        match dtype {
            DtypeChoice::F32 => Self::F32,
            DtypeChoice::Bf16 => Self::Bf16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::{ExitCode, exit_code_of};

    #[test]
    fn devices_are_read_as_they_are_printed() {
        for device in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(3)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        assert!(["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"].iter().all(|text| text.parse::<DeviceChoice>().is_err()));
    }

    #[test]
    fn bf16_on_the_cpu_is_refused() {
        let flags = DeviceFlags { device: DeviceChoice::Cpu, dtype: DtypeChoice::Bf16 };
        assert_eq!(exit_code_of(&flags.check().unwrap_err()), ExitCode::BadInput);
        assert!(DeviceFlags { device: DeviceChoice::Cuda(0), ..flags }.check().is_ok());
    }
}
