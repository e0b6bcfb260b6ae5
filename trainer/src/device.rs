//! From the user's choice of a device to candle's.

use std::fmt;
use std::str::FromStr;

use anyhow::anyhow;
use candle_core::Device;
use shared::training::Precision;

use crate::exit_code::bad_input;

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

/// A number format as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtypeChoice {
    /// f32, and a word about what bf16 would give here.
    Auto,
    /// This one.
    Is(Precision),
}

impl DtypeChoice {
    /// The number format that it stands for. f32 is never left unasked: its results are what others are compared with.
    #[must_use]
    pub fn precision(self) -> Precision {
        match self {
            Self::Auto => Precision::F32,
            Self::Is(precision) => precision,
        }
    }
}

/// Opens the device, with the name that records use: `cpu` or `cuda:N`.
pub fn open(choice: DeviceChoice) -> anyhow::Result<(Device, String)> {
    match choice {
        DeviceChoice::Cpu => Ok((Device::Cpu, "cpu".into())),
        DeviceChoice::Auto => Ok(cuda(0).unwrap_or_else(|_| (Device::Cpu, "cpu".into()))),
        DeviceChoice::Cuda(index) => {
            cuda(index).map_err(|e| bad_input(anyhow!("--device cuda:{index} cannot be used: {e}")))
        }
    }
}

fn cuda(index: usize) -> anyhow::Result<(Device, String)> {
    if !candle_core::utils::cuda_is_available() {
        return Err(anyhow!("this program was built without CUDA (build it with --features cuda)"));
    }
    Ok((Device::new_cuda(index)?, format!("cuda:{index}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_printed() {
        for device in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(3)] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        assert!(["gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"].iter().all(|text| text.parse::<DeviceChoice>().is_err()));
    }
}
