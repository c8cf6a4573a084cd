"""The control socket: what prhelper says about itself, and what can be changed while it runs, by Varlink.

The interface is described in `io.prhelper.Control.varlink`.
"""
