"""Fine-tunes a bundle of the default's kind on photographs in one folder for each class.

``data`` computes what is learned from, ``world`` stands for everything else, ``steps`` learns, ``run`` writes the bundle.
"""
