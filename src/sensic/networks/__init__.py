"""The networks as PyTorch modules (extra ``train``)."""
