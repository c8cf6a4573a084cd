"""Programs for those who work on prhelper: coverage, mutants, the system packages that the tests need."""
