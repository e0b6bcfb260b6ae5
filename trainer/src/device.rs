//! From the user's choice of a device to candle's.

use anyhow::anyhow;
use candle_core::Device;

use crate::cli::device::DeviceChoice;
use crate::exit_code::bad_input;

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
