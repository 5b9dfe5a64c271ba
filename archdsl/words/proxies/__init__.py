"""Zero-cost proxies: scores of a network before it is trained. Importing this package registers every one."""

from archdsl.words.proxies import expressivity, saliency

__all__ = ["expressivity", "saliency"]
