"""Layers of quantised and packed checkpoints, dequantised: one module a scheme (docs/formats-in-the-wild.md).

group: the tensors of one layer, what is wrong with them, and what a scheme makes of them. config: what the checkpoint's
own config.json says. bits: codes out of words and bytes. scaled, compressed_tensors, gptq, bitsandbytes: the schemes.
others: layouts that are known and not read. reading: which scheme a layer's tensors are of.
"""
