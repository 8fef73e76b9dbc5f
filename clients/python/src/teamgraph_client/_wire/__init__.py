"""The wire types, made by generate.py."""
