"""CLIPN models: define, train, export and verify the bundles that clipn-gate serves."""

import os

# ONNX Runtime would look up a host of its maker and keep a device id in the home directory; it reads this variable when it is loaded
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
