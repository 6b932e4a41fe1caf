"""The word list from which negative labels are mined: ``wordnet`` reads WordNet's files, ``build`` makes the list of them."""
