"""The versions of a model: how one is stored, which is in use, and who may change that."""
