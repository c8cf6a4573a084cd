"""`make demo`: a cluster of two nodes fails over, in a terminal, without root and without a SCSI disk.

__main__.py  the story, told in order
cast.py      who plays in it: the nodes, each a process of its own
node.py      what such a process does
words.py     what goes over the wire, in words
terminal.py  how it is shown
"""
