"""The Debian package, built for the distribution that it is built on: `make deb`.

    source.py     the source package: our source distribution, packaging/debian, and what follows
    changelog.py  debian/changelog, from CHANGELOG.md
    bundled.py    anyio, where the distribution's own is too old

packaging/debian becomes debian/ in the unpacked source package only: a distribution that packages prhelper brings a
debian/ of its own, and dpkg-source takes no link for one.
"""
