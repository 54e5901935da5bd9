"""What EIE is compared with: published CPUs and GPUs, and the machine at hand."""
