"""Layers of quantised and packed checkpoints, dequantised: one module a scheme (docs/formats-in-the-wild.md).

    group.py               the tensors of one layer, what is wrong with them, and what a scheme makes of them
    config.py              what the checkpoint's own config.json says of its quantisation
    bits.py                codes out of words and bytes; 4- and 6-bit floating point; numbers spread over blocks
    scaled.py              int8 and float8 weights beside a scale by tensor, row, group or block
    compressed_tensors.py  codes packed into words and bytes, sparse weights with bitmasks
    gptq.py                GPTQ and AWQ
    bitsandbytes.py        NF4, FP4 and int8
    reading.py             which scheme a layer's tensors are of
"""
