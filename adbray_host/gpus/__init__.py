"""NVIDIA's cards of a host: what is read of them, what is wrong with them, and real CUDA calls."""
