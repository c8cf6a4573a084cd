"""Programs for whoever works on prhelper: coverage, mutants, the system packages that the tests need."""
