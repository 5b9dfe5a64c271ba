"""A package of somebody else: three words and a layer, found through entry points. Nothing of archdsl knows of it."""
