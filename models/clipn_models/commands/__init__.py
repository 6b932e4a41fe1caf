"""The commands of ``python -m clipn_models``: one module each, whose ``register(add)`` declares its arguments."""
