"""The commands of ``python -m clipn_models``: one module each, with ``register(add)`` saying what it takes."""
