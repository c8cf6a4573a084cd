"""The benchmark: prhelper beside the C helper that it stands in for. `make bench`; a timing is never a test.

    .venv/bin/python -m bench [--quick] [--output DIRECTORY] [--publish]

The strategy: both helpers get the same load (load.c: clients in a closed loop, every answer checked) and the same
preloaded library that answers SG_IO after a given time (slow_sg.c), so that only the helpers differ. Figures move by a
third from run to run and from minute to minute; therefore each is taken in rounds, ours and theirs in turn, each on a
fresh process, and what is judged is the median of the rounds' ratios.
"""
