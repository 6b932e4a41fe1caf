"""CLIPN models: define, train, export and verify the bundles that clipn-gate serves."""

__version__ = "0.1.0"
