"""What the selection kernels do on an NVIDIA GPU: CUDA sources, and Python that launches them."""
