"""A release is one command: `make release VERSION=1.2.3`.

    text.py      the version where it is written, and the changelog's new section
    building.py  what is published, with checksums
    __main__.py  what is asked before, and the order: a tag is made last, of what was built

Nothing leaves this machine: what to publish lies in dist/prhelper-1.2.3, and the commit and its tag wait to be pushed.
"""
