"""How the default bundle is made: photographs, classes set apart, features of a pretrained image tower, heads, the no side.

Read in this order: ``sources`` (the photographs), ``apart`` (the classes that training never sees), ``augment`` and ``backbone``
(photograph -> feature vector), ``cache`` (computed once), ``towers`` (the model), ``stage_one`` and ``stage_two``, ``measure``.
"""
