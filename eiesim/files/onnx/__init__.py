"""Trained networks from ONNX files: extra `[onnx]`.

| in the graph | becomes |
| --- | --- |
| Gemm; MatMul by a constant on either side, with the Add after it | a layer, with its bias |
| FusedGemm, QGemm, MatMulInteger, MatMulNBits, ... | what they are in plain operators (`plain`) |
| Conv of any kernel, stride, padding, dilation, groups | a layer: one matrix, by the window of each output position |
| LSTM, GRU, RNN | layers of their own: NAME.W (inputs) and NAME.R (hidden state), each with its bias |
| BatchNormalization, Add, Mul by constants right after a layer | part of that layer's weights and bias |
| Relu right after a layer, or a quantiser that cuts its outputs off at 0 | that layer's activation |
| whatever takes only constants | a constant |
| Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout, Cast to floats | nothing: values stay what they are |
| QuantizeLinear and DequantizeLinear of activations | nothing, and a note says so |
| bodies of If, Loop and Scan | read like the graph itself; layers are called NODE/LAYER |

All else is listed as left out, with the reason. The layers chain when each takes the one before's outputs as they
are. Calibration runs the untouched model in onnxruntime and reads every layer's real inputs off it.
"""

from eiesim.files.onnx.holding import hold_onnx
from eiesim.files.onnx.reading import with_weights
from eiesim.files.onnx.running import Calibrated, activations
from eiesim.files.onnx.taps import Tap
from eiesim.files.onnx.walk import load_onnx

__all__ = ["Calibrated", "Tap", "activations", "hold_onnx", "load_onnx", "with_weights"]
