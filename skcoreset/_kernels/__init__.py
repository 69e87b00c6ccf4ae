"""Numerical functions of arrays. They do not depend on estimators, labels or containers."""
