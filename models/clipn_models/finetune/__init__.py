"""Fine-tunes a bundle of the default's kind on photographs in one folder for each class.

``data`` computes the features of the photographs, ``world`` those that represent all other images, ``steps`` trains, ``run`` writes the bundle.
"""
