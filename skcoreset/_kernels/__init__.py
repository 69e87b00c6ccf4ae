"""Numerics: plain functions, arrays in, arrays out; no estimators and no labels."""
