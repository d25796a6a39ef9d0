"""Prints the names of the block types that gguf.quants decodes, one a line."""

from gguf import quants

print("\n".join(type.name for type in quants._type_traits))
